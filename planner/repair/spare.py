"""The spare of every rank: the GPU it would go to if its own failed now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.repair.memory import large_enough
from planner.repair.rules import levels_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.placement.placement import Placement
    from planner.repair.rules import Level
    from planner.topology.cluster import Cluster

    BoolArray = NDArray[np.bool_]
    IntArray = NDArray[np.int32]

NONE = -1


def spare_of_ranks(placement: Placement) -> IntArray:
    """GPU that each rank would go to if its own failed, shape (world_size,); -1 where there is none.

    It is the nearest free one in service: in the innermost domain that has any, and there on the rail of
    the rank where one is. Where a rule keeps the rank in a domain without a free GPU, all it is bound to
    would go with it: then it is the rank's seat in the nearest domain with room for all of them.

    Several ranks may have the same spare; it serves one failure at a time.
    """
    cluster, gpu = placement.cluster, placement.gpu_of_rank
    free = cluster.gpu_in_service & large_enough(cluster, placement.workload)
    free[gpu] = False
    levels = levels_of(cluster, placement.workload)
    outermost = levels[0].tier if levels else len(cluster.tiers) - 1
    spare = _nearest(cluster, gpu, np.flatnonzero(free).astype(np.int32), outermost)
    for level in levels:
        spare = _with_its_part(placement, level, free, spare)
    return spare


def _nearest(cluster: Cluster, gpu: IntArray, free: IntArray, outermost: int) -> IntArray:
    """The nearest of the `free` GPUs for each of some GPUs, no further out than a tier."""
    rails = cluster.gpu_rail - int(cluster.gpu_rail.min(initial=0))
    width = int(rails.max(initial=0)) + 1
    found = np.full(len(gpu), NONE, np.int32)
    if not len(free):
        return found
    for domain in cluster.domain_of_gpu[: outermost + 1]:
        # First on the same rail, then on any.
        for same in (rails, np.zeros_like(rails)):
            key = domain.astype(np.int64) * width + same
            waiting = np.flatnonzero(found == NONE)
            offers, first = np.unique(key[free], return_index=True)
            at = np.minimum(np.searchsorted(offers, key[gpu[waiting]]), len(offers) - 1)
            served = offers[at] == key[gpu[waiting]]
            found[waiting[served]] = free[first[at[served]]]
    return found


def _with_its_part(placement: Placement, level: Level, free: BoolArray, spare: IntArray) -> IntArray:
    """Spares of ranks that have none alone: seats in the nearest domain with room for their whole part."""
    cluster, gpu = placement.cluster, placement.gpu_of_rank
    order = np.lexsort((gpu, level.part)).astype(np.int32).reshape(level.parts, level.size)
    waiting = np.flatnonzero((spare[order] == NONE).any(axis=1))
    room = np.bincount(cluster.domain_of_gpu[level.tier][free], minlength=cluster.tiers[level.tier].domains)
    open_ = np.flatnonzero(room >= level.size).astype(np.int32)
    if not len(waiting) or not len(open_):
        return spare
    home = cluster.domain_of_gpu[level.tier][gpu[order[waiting, 0]]]
    target = _nearest_domain(cluster, level.tier, home, open_)
    seats = np.flatnonzero(free).astype(np.int32)
    seats = seats[np.argsort(cluster.domain_of_gpu[level.tier][seats], kind="stable")]
    start = np.searchsorted(cluster.domain_of_gpu[level.tier][seats], target)
    own = seats[start[:, None] + np.arange(level.size)]
    chosen = spare.copy()
    alone = spare[order[waiting]]
    chosen[order[waiting]] = np.where(alone == NONE, own, alone)
    return chosen


def _nearest_domain(cluster: Cluster, tier: int, home: IntArray, open_: IntArray) -> IntArray:
    """The nearest of the `open_` domains of a tier for each of some domains."""
    found = np.full(len(home), NONE, np.int32)
    here, there = home, open_
    for outer in range(tier, len(cluster.tiers)):
        if outer > tier:
            parent = cluster.tiers[outer - 1].parent
            here, there = parent[here], parent[there]
        offers, first = np.unique(there, return_index=True)
        at = np.minimum(np.searchsorted(offers, here), len(offers) - 1)
        served = (offers[at] == here) & (found == NONE)
        found[served] = open_[first[at[served]]]
    return found
