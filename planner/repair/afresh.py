"""A plan made afresh, its replicas numbered so that many ranks stay where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.repair.exact import keeping_gpus

if TYPE_CHECKING:
    import threading

    from numpy.typing import NDArray

    from planner.repair.task import Task

    IntArray = NDArray[np.int32]


def afresh(task: Task, stop: threading.Event | None = None) -> IntArray:
    """A plan made without regard to what was, shape (world_size,), numbered after what ran there."""
    from planner.solve import solve

    planned = solve(
        task.cluster,
        task.workload,
        objective=task.objective,
        allowed=task.available,
        stop=stop,
        deterministic=True,
    )
    return renumbered(task, planned.placement.gpu_of_rank)


def renumbered(task: Task, table: IntArray) -> IntArray:
    """The same placement with its replicas numbered after those that ran in the same domains.

    Replicas are alike, so their numbers are free; so is which GPU of its domain a rank takes.
    """
    mesh, cluster = task.workload.mesh, task.cluster
    unit = mesh.dp_unit
    ranks = np.arange(task.ranks)
    index = mesh.coordinate("dp", ranks)
    own = {axis: mesh.coordinate(axis, ranks) for axis in ("tp", "cp", "pp")}
    place = mesh.rank({**own, "dp": index % unit}).astype(np.int64)
    domain = cluster.domain_of_gpu[cluster.boundary]
    width = cluster.tiers[cluster.boundary].domains
    new, old = place * width + domain[table], place * width + domain[task.before]
    unit_of = index // unit
    order, there = np.argsort(new, kind="stable"), np.flatnonzero(task.alive)
    there = there[np.argsort(old[there], kind="stable")]
    ranking = np.arange(len(order)) - np.searchsorted(new[order], new[order])
    at = np.searchsorted(old[there], new[order]) + ranking
    paired = at < np.searchsorted(old[there], new[order], side="right")
    matched = _matched(unit_of[order[paired]], unit_of[there[at[paired]]], int(unit_of.max()) + 1)
    relabelled = np.empty_like(table)
    relabelled[mesh.rank({**own, "dp": matched[unit_of] * unit + index % unit})] = table
    return keeping_gpus(task, cluster.boundary if not task.workload.keep else _leaf(task), relabelled)


def _leaf(task: Task) -> int:
    """Innermost tier that a rule names, or the boundary where that is further in."""
    cluster = task.cluster
    return min([cluster.boundary, *(cluster.tier_index(tier) for tier in task.workload.keep.values())])


def _matched(one: IntArray, other: IntArray, units: int) -> NDArray[np.int64]:
    """A permutation that pairs off units which meet often, shape (units,)."""
    pairs, votes = np.unique(one.astype(np.int64) * units + other, return_counts=True)
    found, taken = np.full(units, -1, np.int64), np.zeros(units, np.bool_)
    for first, second in (divmod(int(each), units) for each in pairs[np.argsort(-votes, kind="stable")]):
        if found[first] < 0 and not taken[second]:
            found[first], taken[second] = second, True
    found[found < 0] = np.flatnonzero(~taken)
    return found
