"""Which free GPU is nearest to each rank, to take over from its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from planner.placement.placement import Placement
    from planner.topology.cluster import Cluster

    IntArray = NDArray[np.int32]
    BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Spares:
    """A free GPU for every rank, each of shape (world_size,); -1 where there is none.

    Parameters
    ----------
    gpu
        The nearest.
    off_host
        The nearest on another host, for when the rank's whole host is lost.
    """

    gpu: IntArray
    off_host: IntArray


def free_gpus(cluster: Cluster, gpu_of_rank: IntArray) -> BoolArray:
    """GPUs in service that hold no rank, shape (gpus,)."""
    free = cluster.gpu_in_service.copy()
    free[gpu_of_rank] = False
    return free


def nearest_spares(placement: Placement) -> Spares:
    """The free GPU nearest to each rank by tiers, of the same model and where its `keep` rules allow it.

    Within the innermost domain that holds any, one with the same index in its host comes first: it is
    on the same rail, and ranks of one host get different ones. Of several, the next by number, the
    last being followed by the first; so a spare that is used up changes the answer only for those who
    had it. Several ranks may have the same one.
    """
    cluster, gpus = placement.cluster, placement.gpu_of_rank
    free = np.flatnonzero(free_gpus(cluster, gpus))
    last = _outermost(cluster, placement.workload.keep, placement)
    return Spares(_nearest(cluster, gpus, free, last, first=0), _nearest(cluster, gpus, free, last, first=1))


def _outermost(cluster: Cluster, keep: Mapping[str, str], placement: Placement) -> int:
    """The outermost tier in which a rank may move alone without breaking a rule."""
    mesh = placement.workload.mesh
    confined = [cluster.tier_index(tier) for axis, tier in keep.items() if mesh.degree(axis) > 1]
    return min(confined, default=len(cluster.tiers) - 1)


def _nearest(cluster: Cluster, gpus: IntArray, free: NDArray[np.int64], last: int, *, first: int) -> IntArray:
    """Nearest of the `free` in the tiers from `first` to `last`; those on the own host only in tier 0."""
    found = np.full(len(gpus), -1, np.int32)
    locals_ = int(cluster.gpu_local.max(initial=0)) + 1
    kinds = len(cluster.gpu_kinds)
    for tier in range(first, last + 1):
        domain = cluster.domain_of_gpu[tier].astype(np.int64) * kinds + cluster.gpu_kind
        for group in (domain * locals_ + cluster.gpu_local, domain):
            missing = np.flatnonzero(found < 0)
            if not missing.size:
                return found
            own = gpus[missing]
            after = own if tier == 0 else _last_of_host(cluster, own)
            got = _following(cluster.gpus, group, free, own, after)
            at_home = cluster.gpu_node[got] == cluster.gpu_node[own]
            found[missing] = np.where(at_home & (tier > 0), -1, got)
    return found


def _last_of_host(cluster: Cluster, gpus: IntArray) -> IntArray:
    """The GPU of the highest number on the host of each."""
    last: IntArray = np.zeros(cluster.nodes, np.int32)
    np.maximum.at(last, cluster.gpu_node, np.arange(cluster.gpus, dtype=np.int32))
    return last[cluster.gpu_node[gpus]]


def _following(
    count: int, group: NDArray[np.int64], free: NDArray[np.int64], own: IntArray, after: IntArray
) -> IntArray:
    """The first of the `free` behind `after` in the group of each of `own`, or else its first; -1 for none.

    Parameters
    ----------
    count
        GPUs there are.
    group
        Group of every GPU, shape (count,).
    """
    keys = group[free] * count + free
    order = np.argsort(keys)
    keys, sorted_free = np.append(keys[order], np.iinfo(np.int64).max), np.append(free[order], -1)
    start = group[own] * count
    at = np.searchsorted(keys, start + after + 1)
    at = np.where(keys[at] // count == group[own], at, np.searchsorted(keys, start))
    within = keys[at] // count == group[own]
    return np.where(within, sorted_free[at], -1).astype(np.int32)
