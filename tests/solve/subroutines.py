"""Subroutines of compiled functions, for tests to call."""

from __future__ import annotations

from numba import njit


def from_python(subroutine):
    """The same function, which Python may call."""

    @njit(cache=True)
    def called(*given):
        return subroutine(*given)

    return called
