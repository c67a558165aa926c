"""Which ranks form each group of a family, as one index matrix a family."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from planner.workload.mesh import MESH_AXES, Mesh

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.workload.family import Family

    IntArray = NDArray[np.int32]

FOLDED_AXES = ("tp", "ep", "edp", "pp")


@dataclass(frozen=True, eq=False)
class GroupIndex:
    """The groups of ranks that differ along some axes only.

    Parameters
    ----------
    members
        Ranks of each group in axis order, shape (groups, ranks in a group); read-only.
    stage
        Pipeline stage of each group, shape (groups,); zeros where ``pp`` varies inside a group.
    """

    members: IntArray
    stage: IntArray


def group_index(mesh: Mesh, family: Family) -> GroupIndex:
    """Groups of a family; the same arrays are returned again for the same mesh and axes."""
    return groups_along(mesh, family.axes, family.stages)


@lru_cache(maxsize=32)
def groups_along(mesh: Mesh, axes: tuple[str, ...], stages: tuple[int, ...] | None = None) -> GroupIndex:
    """Groups of ranks that differ along `axes` only, those of `stages` alone where given."""
    basis = FOLDED_AXES if {"ep", "edp"} & set(axes) else MESH_AXES
    free = _coordinates(mesh, axes, stages)
    fixed = _coordinates(mesh, tuple(axis for axis in basis if axis not in axes), stages)
    coordinates = {axis: index[:, None] for axis, index in fixed.items()}
    coordinates |= {axis: index[None, :] for axis, index in free.items()}
    members = mesh.rank(_unfolded(mesh, coordinates))
    stage = fixed.get("pp", np.zeros(len(members), np.int64)).astype(np.int32)
    members.setflags(write=False)
    stage.setflags(write=False)
    return GroupIndex(members, stage)


def _coordinates(
    mesh: Mesh, axes: tuple[str, ...], stages: tuple[int, ...] | None
) -> dict[str, NDArray[np.int64]]:
    """Every combination of coordinates along `axes`, the first axis fastest."""
    values = [
        np.asarray(stages, np.int64) if axis == "pp" and stages is not None else np.arange(mesh.degree(axis))
        for axis in reversed(axes)
    ]
    grids = np.meshgrid(*values, indexing="ij") if values else []
    if not axes:
        return {"": np.zeros(1, np.int64)}
    return {axis: grid.ravel() for axis, grid in zip(reversed(axes), grids, strict=True)}


def _unfolded(mesh: Mesh, coordinates: dict[str, NDArray[np.int64]]) -> dict[str, NDArray[np.int64]]:
    """The same coordinates with ``ep`` and ``edp`` turned back into ``cp`` and ``dp``."""
    if "ep" not in coordinates:
        return coordinates
    folded = coordinates["ep"] + mesh.ep * coordinates["edp"]
    fast, slow = mesh.fold_order
    degree = mesh.degree(fast)
    return {**coordinates, fast: folded % degree, slow: folded // degree}
