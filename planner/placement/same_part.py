"""Which rank of one job is which of another: by number, or by where its part of the job runs.

A job that goes on with fewer or more data-parallel replicas numbers its ranks anew, though the replicas
that go on are what they were. They are found again by where they run: a replica of the second job is that
of the first on whose GPUs, at the same places in it, most of its ranks are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.placement.placement import Placement
    from planner.workload.mesh import Mesh

    IntArray = NDArray[np.int32]

NEW = -1


def differ_in_replicas(before: Mesh, after: Mesh) -> bool:
    """Whether two meshes differ in the number of whole replicas and in nothing else."""
    return before != after and replace(before, dp=after.dp) == after and before.dp_unit == after.dp_unit


def earlier_rank(before: Placement, after: Placement) -> IntArray:
    """Rank in the first placement of each rank of the second, shape (world_size,); -1 for new parts.

    By number, unless only the number of replicas differs. GPUs are the same where host name and index in
    the host are.
    """
    old, new = before.workload.mesh, after.workload.mesh
    ranks = np.arange(len(after.gpu_of_rank), dtype=np.int32)
    if not differ_in_replicas(old, new):
        return np.where(ranks < len(before.gpu_of_rank), ranks, NEW).astype(np.int32)
    unit = old.dp_unit
    of_unit = _matched_units(before, after)[new.coordinate("dp", ranks) // unit]
    coordinates = {axis: new.coordinate(axis, ranks) for axis in ("tp", "cp", "pp")}
    dp = np.maximum(of_unit, 0) * unit + new.coordinate("dp", ranks) % unit
    return np.where(of_unit >= 0, old.rank({**coordinates, "dp": dp}), NEW).astype(np.int32)


def _matched_units(before: Placement, after: Placement) -> IntArray:
    """Unit of the first job that each unit of the second was, shape (units,); -1 for none."""
    old, new = before.workload.mesh, after.workload.mesh
    unit = old.dp_unit
    ranks = np.arange(len(after.gpu_of_rank), dtype=np.int32)
    was = _rank_on_same_gpu(before, after)
    alike = was != NEW
    for axis in ("tp", "cp", "pp"):
        alike &= new.coordinate(axis, ranks) == old.coordinate(axis, was)
    alike &= new.coordinate("dp", ranks) % unit == old.coordinate("dp", was) % unit
    units = old.dp // unit
    pair = (new.coordinate("dp", ranks[alike]) // unit).astype(np.int64) * units
    pairs, votes = np.unique(pair + old.coordinate("dp", was[alike]) // unit, return_counts=True)
    found = np.full(new.dp // unit, NEW, np.int32)
    taken = np.zeros(units, np.bool_)
    for one, other in (divmod(int(each), units) for each in pairs[np.argsort(-votes, kind="stable")]):
        if found[one] == NEW and not taken[other]:
            found[one], taken[other] = other, True
    _number_rest(found, taken)
    return found


def _number_rest(found: IntArray, taken: NDArray[np.bool_]) -> None:
    """Match units of which no rank stayed: by number where that is open, else in order."""
    for one in np.flatnonzero(found == NEW).tolist():
        if one < len(taken) and not taken[one]:
            found[one], taken[one] = one, True
    rest = np.flatnonzero(~taken)
    waiting = np.flatnonzero(found == NEW)[: len(rest)]
    found[waiting] = rest[: len(waiting)]


def _rank_on_same_gpu(before: Placement, after: Placement) -> IntArray:
    """Rank of the first placement on the GPU of each rank of the second; -1 where there was none."""
    node_of = {name: node for node, name in enumerate(before.cluster.host_names)}
    known = np.array([node_of.get(name, NEW) for name in after.cluster.host_names], np.int64)
    width = int(max(each.cluster.gpu_local.max(initial=0) for each in (before, after))) + 1
    key = before.cluster.gpu_node.astype(np.int64) * width + before.cluster.gpu_local
    rank_at = np.full(before.cluster.nodes * width, NEW, np.int32)
    rank_at[key[before.gpu_of_rank]] = np.arange(len(before.gpu_of_rank))
    node = known[after.cluster.gpu_node[after.gpu_of_rank]]
    asked = np.maximum(node, 0) * width + after.cluster.gpu_local[after.gpu_of_rank]
    return np.where(node >= 0, rank_at[asked], NEW).astype(np.int32)
