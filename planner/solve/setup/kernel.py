"""What all compiled inner loops share: how they are compiled, and random numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    WordArray = NDArray[np.uint64]


def compiled(function: Any) -> Any:
    """Compile a function; keep the result for later runs where some folder for it can be written."""
    try:
        return njit(cache=True, nogil=True)(function)
    except RuntimeError as failure:
        if "no locator" not in str(failure):
            raise
        # Neither the package's folder nor the user's can be written: every run compiles anew.
        return njit(nogil=True)(function)


@compiled
def unit(random: WordArray) -> float:
    """A random number in 0 .. 1, by Marsaglia's shifts of 13, 7 and 17 bits."""
    word = random[0]
    word ^= word << np.uint64(13)
    word ^= word >> np.uint64(7)
    word ^= word << np.uint64(17)
    random[0] = word
    return np.float64(word >> np.uint64(11)) * 2.0**-53
