"""A cluster in outline, for strategies that are not placed yet: a typical domain of each tier.

Ranks are taken to lie in their order, without a hole: a domain of c GPUs holds what c ranks in a row are of
each group. Groups lie between each other in blocks, and a block in no more domains than it must only if all
domains together, of whatever size they are, have room for as many blocks as there are; else the slowest
of them lies in one domain more. What else is irregular shows where the best few strategies are placed.

GPUs and links that are slower than others are left out where a strategy can do without them, see
`planner.strategy.grades`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.cost.network import SCALE_UP, FamilyTime, rank_bytes
from planner.placement.spread import TOUCH_FACTOR
from planner.strategy.grades import flops, grounds, share, uplink_of_gpu
from planner.strategy.level import Level
from planner.strategy.spots import spots
from planner.workload.family import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.strategy.spots import Spot
    from planner.topology.cluster import Cluster
    from planner.topology.presets import Gpu
    from planner.workload.family import Family
    from planner.workload.mesh import Mesh

    BoolArray = NDArray[np.bool_]
    FloatArray = NDArray[np.float64]


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
        The slowest model of GPU, with the memory of the smallest.
    faster
        Parts of the cluster that are faster than all of it, each larger than the one before.
    """

    gpus: int
    levels: tuple[Level, ...]
    scale_up_bytes_per_s: float
    gpu: Gpu
    faster: tuple[Outline, ...] = ()

    @classmethod
    def of(cls, cluster: Cluster) -> Outline:
        """The outline of `cluster`, and of its faster parts."""
        *faster, whole = grounds(cluster)
        return _outline(cluster, whole, tuple(_outline(cluster, usable) for usable in faster))

    @property
    def grounds(self) -> tuple[Outline, ...]:
        """The faster parts, then all of it."""
        return (*self.faster, self)

    def ground(self, world_size: int) -> Outline:
        """The fastest part with so many GPUs; all of it where none has."""
        return next((part for part in self.faster if part.gpus >= world_size), self)

    def places(self, axes: tuple[str, ...], mesh: Mesh) -> tuple[int, tuple[Spot, ...]]:
        """Ranks of a group along `axes`, and how they lie in domains of each level that it leaves."""
        return spots(axes, mesh, self.levels)

    def time(self, family: Family, mesh: Mesh) -> FamilyTime:
        """Seconds of one step for the groups of `family` when ranks lie in their order."""
        ranks, found = self.places(family.axes, mesh)
        if family.stages is not None:
            ranks = len(family.stages)
        by_link: dict[str, FloatArray] = {}
        inside, domains = ranks, 1
        for index, (level, spot) in enumerate(zip(self.levels, found, strict=False)):
            held = min(ranks, spot.held)
            touched = min(ranks, spot.touched)
            if index == 0:
                inside, domains = held, touched
            if level.uplink_bytes_per_s and touched > 1:
                egress = _egress(family, spot, touched)
                by_link[level.tier] = _by_stage(family, mesh, egress) / level.uplink_bytes_per_s
        moved = np.array([rank_bytes(family.kind, size, inside) for size in family.payload_bytes])
        by_link[SCALE_UP] = _by_stage(family, mesh, moved) / self.scale_up_bytes_per_s
        return FamilyTime(by_link, domains)


def _outline(cluster: Cluster, usable: BoolArray, faster: tuple[Outline, ...] = ()) -> Outline:
    """The outline of some GPUs: medians over the domains that have any, and the slowest of GPUs and links."""
    levels = []
    for index in range(cluster.boundary, len(cluster.tiers) - 1):
        tier = cluster.tiers[index]
        held = np.bincount(cluster.domain_of_gpu[index][usable], minlength=tier.domains)
        held = held[held > 0]
        typical, bandwidth = int(np.median(held)), _uplink(cluster, index, usable)
        sizes = np.stack(np.unique(held, return_counts=True), axis=1).tolist()
        of_domain = None if bandwidth is None else typical * bandwidth
        levels.append(Level(tier.name, typical, of_domain, tuple(map(tuple, sizes))))
    kinds = [cluster.gpu_kinds[kind] for kind in np.unique(cluster.gpu_kind[usable]).tolist()]
    slowest = _slowest(kinds)
    stated = cluster.tiers[cluster.boundary].scale_up_bytes_per_s or slowest.scale_up_bytes_per_s
    return Outline(int(usable.sum()), tuple(levels), stated or float("inf"), slowest, faster)


def _uplink(cluster: Cluster, tier: int, usable: BoolArray) -> float | None:
    """Bandwidth out of its domain that each of these GPUs has at the least, next to nothing aside."""
    each = uplink_of_gpu(cluster, tier, cluster.gpu_in_service & ~cluster.gpu_spare)
    if each is None:
        return None
    usual = float(np.median(each[usable]))
    return usual * float(share(each[usable], usual).min())


def _slowest(kinds: list[Gpu]) -> Gpu:
    """The slowest of some models of GPU, with the memory of the smallest."""
    slowest = min(kinds, key=flops)
    known = [kind.memory_bytes for kind in kinds if kind.memory_bytes]
    return replace(slowest, memory_bytes=min(known)) if known else slowest


def _egress(family: Family, spot: Spot, touched: int) -> FloatArray:
    """Bytes that leave a domain in which groups lie as `spot` says, in no more than `touched` each."""
    payload = np.asarray(family.payload_bytes, np.float64)
    if family.kind in (Kind.PATH, Kind.RING, Kind.P2P):
        # A run of stages has two ends, and half of a pair's payload goes each way.
        return spot.groups * payload
    if family.kind is Kind.ALL_TO_ALL:
        return spot.pairs * payload
    return spot.groups * TOUCH_FACTOR[family.kind] * payload * (touched - 1) / touched


def _by_stage(family: Family, mesh: Mesh, values: FloatArray) -> FloatArray:
    """One value a stage; nothing where a family leaves a stage out."""
    if "pp" not in family.axes:
        return values
    seconds = np.zeros(mesh.pp)
    seconds[list(family.stages or range(mesh.pp))] = values.max(initial=0.0)
    return seconds
