"""What all compiled inner loops share: how they are compiled, and random numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numba import njit
from numba.core.dispatcher import Dispatcher

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]
    WordArray = NDArray[np.uint64]

# Of numbers out of arrays: functions are compiled for each type of theirs, and `int` keeps that of an array.
int64 = cast("Callable[[Any], int]", np.int64)


def compiled(function: Any) -> Any:
    """Compile a function; keep the result for later runs where some folder for it can be written."""
    try:
        return _njit(function, cache=True)
    except RuntimeError as failure:
        if "no locator" not in str(failure):
            raise
        # Neither the package's folder nor the user's can be written: every run compiles anew.
        return _njit(function)


def subroutine(function: Any) -> Any:
    """Compile a function that compiled ones alone call: to call it from Python ends the process.

    It lacks what Python would call, which for arrays by the dozen takes as long to compile as the rest. It
    counts no references and so cannot allocate arrays. It is kept as a part of its callers.
    """
    return _njit(function, no_cpython_wrapper=True, _nrt=False)


def allocating(function: Any) -> Any:
    """Compile a subroutine that allocates arrays, or calls one that does."""
    return _njit(function, no_cpython_wrapper=True, _nrt=True)


def _njit(function: Any, **options: bool) -> Any:
    chosen: dict[str, Any] = {"nogil": True, "no_cfunc_wrapper": True, **options}
    return njit(**chosen)(function)


def lacks_code(module: ModuleType) -> bool:
    """Whether functions of a module are not compiled, and will be kept for other processes once they are."""
    functions: list[Any] = [each for each in vars(module).values() if isinstance(each, Dispatcher)]
    return any(_lacks_code(each) for each in functions if each.py_func.__module__ == module.__name__)


def _lacks_code(function: Any) -> bool:
    # What numba keeps it tells of nowhere else.
    kept = getattr(function._cache, "_cache_file", None)
    return kept is not None and not function.overloads and not kept._load_index()


@subroutine
def unit(random: WordArray) -> float:
    """A random number in 0 .. 1, by Marsaglia's shifts of 13, 7 and 17 bits."""
    word = random[0]
    word ^= word << np.uint64(13)
    word ^= word >> np.uint64(7)
    word ^= word << np.uint64(17)
    random[0] = word
    return np.float64(word >> np.uint64(11)) * 2.0**-53


@subroutine
def is_taken(change: float, temperature: float, random: WordArray) -> bool:
    """Whether what costs so much more is taken at a temperature."""
    return change <= 0 or unit(random) < math.exp(-change / temperature)


@allocating
def seeded(seed: int) -> WordArray:
    """The state of random numbers that begins with a seed."""
    random = np.empty(1, np.uint64)
    random[0] = np.uint64(seed * 2 + 1)
    for _ in range(20):
        unit(random)
    return random


@subroutine
def write(rows: FloatArray | IntArray, where: FloatArray | IntArray) -> None:
    """Write rows, shape (some, columns), over those of `where`, shape (as many or fewer, columns).

    A slice that is assigned to compares shapes, and the message where they differ takes long to compile.
    """
    for row in range(where.shape[0]):
        for column in range(where.shape[1]):
            where[row, column] = rows[row, column]
