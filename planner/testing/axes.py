"""Axes as a rule or an assertion names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import InputError, did_you_mean
from planner.placement.groups import FOLDED_AXES
from planner.workload.mesh import MESH_AXES

if TYPE_CHECKING:
    from collections.abc import Sequence


AXES = ("tp", "cp", "ep", "edp", "dp", "pp")


def as_axes(axis: str | Sequence[str]) -> tuple[str, ...]:
    """One axis, several, or a text such as ``tp-pp`` as a tuple of axis names.

    Raises
    ------
    InputError
        ``R010`` for a name that is no axis, ``R011`` for axes that no mesh has together.
    """
    axes = tuple(axis.split("-")) if isinstance(axis, str) else tuple(axis)
    for name in axes:
        if name not in AXES:
            raise InputError.of(
                "R010",
                f"unknown axis {name!r}",
                expected=f"one of {', '.join(AXES)}, or several joined with -",
                suggestion=did_you_mean(name, AXES),
            )
    if {"ep", "edp"} & set(axes) and {"cp", "dp"} & set(axes):
        raise InputError.of(
            "R011",
            f"axes {'-'.join(axes)} overlap",
            expected="either cp and dp, or ep and edp, which are folded out of them",
            suggestion="name the group by one of the two pairs",
        )
    return axes


def fixed_axes(axes: Sequence[str]) -> tuple[str, ...]:
    """Axes that stay the same inside a group which varies along `axes`."""
    basis = FOLDED_AXES if {"ep", "edp"} & set(axes) else MESH_AXES
    return tuple(axis for axis in basis if axis not in axes)
