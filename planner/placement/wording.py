"""Names of ranks, groups and domains, as reports and tests show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.workload.mesh import MESH_AXES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike

    from planner.topology.cluster import Cluster
    from planner.workload.family import Family
    from planner.workload.mesh import Mesh

SHOWN = 4
AXES = ("tp", "cp", "ep", "edp", "dp", "pp")
FOLDED_AXES = ("tp", "ep", "edp", "pp")


def ranges(numbers: ArrayLike, limit: int = SHOWN) -> str:
    """Whole numbers in ascending order as runs: ``0-3, 8, 10-11``."""
    values = np.unique(np.asarray(numbers, np.int64))
    runs = np.split(values, np.flatnonzero(np.diff(values) > 1) + 1)
    return shown([str(run[0]) if run.size == 1 else f"{run[0]}-{run[-1]}" for run in runs if run.size], limit)


def shown(texts: Sequence[str], limit: int = SHOWN) -> str:
    """The first few texts, and how many more there are."""
    more = len(texts) - limit
    return ", ".join(texts[:limit]) + (f" and {more:,} more" if more > 0 else "")


def plural(count: int, noun: str) -> str:
    """A count with its noun: ``1 rank``, ``2,048 ranks``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def coordinates_name(mesh: Mesh, rank: int, axes: Iterable[str] = AXES) -> str:
    """Coordinates of a rank along those of `axes` that have more than one: ``tp=3 pp=1``."""
    told = [axis for axis in axes if mesh.degree(axis) > 1 and (axis != "edp" or mesh.ep > 1)]
    return " ".join(f"{axis}={int(mesh.coordinate(axis, rank))}" for axis in told)


def group_name(mesh: Mesh, family: Family, rank: int) -> str:
    """The group of `family` that a rank is in, by what its ranks have in common: ``dp of tp=0 pp=3``."""
    basis = FOLDED_AXES if {"ep", "edp"} & set(family.axes) else MESH_AXES
    common = coordinates_name(mesh, rank, [axis for axis in basis if axis not in family.axes])
    return f"{family.name} of {common}" if common else family.name


def gpu_name(cluster: Cluster, gpu: int) -> str:
    """Path of a GPU: ``r01/n02/gpu4``."""
    return f"{cluster.domain_path(0, int(cluster.gpu_node[gpu]))}/gpu{int(cluster.gpu_local[gpu])}"
