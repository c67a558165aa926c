"""A cluster in outline, for strategies that are not placed yet: a typical domain of each tier.

Ranks are taken to lie in their order, without a hole: a domain of c GPUs holds of a group those members
that lie less than c GPUs after the first. A placement of the solver does no worse on a regular cluster;
on an irregular one the best few strategies are placed and simulated anyway.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from planner.cost.network import SCALE_UP, FamilyTime, rank_bytes
from planner.placement.spread import TOUCH_FACTOR
from planner.workload.family import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.topology.cluster import Cluster
    from planner.topology.presets import Gpu
    from planner.workload.family import Family
    from planner.workload.mesh import Mesh

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]


class Level(NamedTuple):
    """A typical domain of one tier: GPUs in service, and bandwidth out of it."""

    tier: str
    gpus: int
    uplink_bytes_per_s: float | None


@dataclass(frozen=True)
class Outline:
    """A cluster in outline.

    Parameters
    ----------
    gpus
        GPUs in service, spares left out.
    levels
        Tiers from the scale-up domain outwards, the whole cluster left out.
    scale_up_bytes_per_s
        NVLink bandwidth of a GPU and direction.
    gpu
        The slowest model of GPU.
    """

    gpus: int
    levels: tuple[Level, ...]
    scale_up_bytes_per_s: float
    gpu: Gpu

    @classmethod
    def of(cls, cluster: Cluster) -> Outline:
        """The outline of `cluster`: medians over the domains that have GPUs in service."""
        usable = cluster.gpu_in_service & ~cluster.gpu_spare
        levels = []
        for index in range(cluster.boundary, len(cluster.tiers) - 1):
            tier = cluster.tiers[index]
            held = np.bincount(cluster.domain_of_gpu[index][usable], minlength=tier.domains)
            live = held > 0
            uplink = tier.uplink_bytes_per_s
            bandwidth = None if uplink is None else float(np.median(uplink[live]))
            levels.append(Level(tier.name, int(np.median(held[live])), bandwidth))
        kinds = [cluster.gpu_kinds[kind] for kind in np.unique(cluster.gpu_kind[usable]).tolist()]
        slowest = min(kinds, key=lambda gpu: gpu.flops("bf16") or 0.0)
        stated = cluster.tiers[cluster.boundary].scale_up_bytes_per_s or slowest.scale_up_bytes_per_s
        return cls(int(usable.sum()), tuple(levels), stated or float("inf"), slowest)

    def time(self, family: Family, mesh: Mesh) -> FamilyTime:
        """Seconds of one step for the groups of `family` when ranks lie in their order."""
        places = _places(mesh, family.axes)
        ranks = len(family.stages) if family.stages is not None else len(places)
        by_link: dict[str, FloatArray] = {}
        inside, domains = ranks, 1
        for index, level in enumerate(self.levels):
            held = max(1, min(ranks, int(np.searchsorted(places, level.gpus))))
            touched = ceil(ranks / held)
            if index == 0:
                inside, domains = held, touched
            if touched == 1:
                break
            if level.uplink_bytes_per_s:
                egress = _egress(family, level.gpus, held, touched, ranks)
                by_link[level.tier] = _by_stage(family, mesh, egress) / level.uplink_bytes_per_s
        moved = np.array([rank_bytes(family.kind, size, inside) for size in family.payload_bytes])
        by_link[SCALE_UP] = _by_stage(family, mesh, moved) / self.scale_up_bytes_per_s
        return FamilyTime(by_link, domains)


@lru_cache(maxsize=256)
def _places(mesh: Mesh, axes: tuple[str, ...]) -> IntArray:
    """Where the members of a group lie when ranks lie in their order, the first at 0, shape (ranks,)."""
    strides, step = {}, 1
    for axis in mesh.rank_order:
        if axis != "ep":
            strides[axis] = step
            step *= mesh.degree(axis)
    places: IntArray = np.zeros(1, np.int64)
    for axis in axes:
        index = np.arange(mesh.degree(axis))
        if axis in ("ep", "edp"):
            fast, slow = mesh.fold_order
            folded = index * (mesh.ep if axis == "edp" else 1)
            along = folded % mesh.degree(fast) * strides[fast] + folded // mesh.degree(fast) * strides[slow]
        else:
            along = index * strides[axis]
        places = (places[:, None] + along[None, :]).ravel()
    return np.sort(places)


def _egress(family: Family, gpus: int, held: int, touched: int, ranks: int) -> FloatArray:
    """Bytes that leave a domain of `gpus` GPUs full of groups with `held` of their `ranks` ranks in it."""
    payload = np.asarray(family.payload_bytes, np.float64)
    groups = gpus / held
    if family.kind in (Kind.PATH, Kind.RING, Kind.P2P):
        # A run of stages has two ends, and half of a pair's payload goes each way.
        return groups * payload
    if family.kind is Kind.ALL_TO_ALL:
        return groups * payload * held * (ranks - held)
    return groups * TOUCH_FACTOR[family.kind] * payload * (touched - 1) / touched


def _by_stage(family: Family, mesh: Mesh, values: FloatArray) -> FloatArray:
    """One value a stage."""
    if "pp" in family.axes:
        return np.full(mesh.pp, float(values.max(initial=0.0)))
    return values
