"""A cluster in outline, for strategies that are not placed yet: a typical domain of each tier.

Ranks are taken to lie in their order, without a hole: a domain of c GPUs holds of a group those members
that lie less than c GPUs after the first. Groups that would each fit into one domain do so only if all
domains together, of whatever size they are, have room for as many of them as there are; else the slowest
of them is in two halves. What else is irregular shows where the best few strategies are placed.
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
    """A typical domain of one tier.

    Parameters
    ----------
    gpus
        GPUs in service.
    uplink_bytes_per_s
        Bandwidth out of it.
    sizes
        GPUs in service of every domain, and how many there are of this size; as many as are needed where
        not given.
    """

    tier: str
    gpus: int
    uplink_bytes_per_s: float | None
    sizes: tuple[tuple[int, int], ...] = ()

    def has_room(self, blocks: int, gpus: int) -> bool:
        """Whether so many blocks of `gpus` GPUs fit into the domains, none of them split."""
        return not self.sizes or sum(count * (size // gpus) for size, count in self.sizes) >= blocks


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
            sizes = np.stack(np.unique(held[live], return_counts=True), axis=1).tolist()
            levels.append(Level(tier.name, int(np.median(held[live])), bandwidth, tuple(map(tuple, sizes))))
        kinds = [cluster.gpu_kinds[kind] for kind in np.unique(cluster.gpu_kind[usable]).tolist()]
        slowest = min(kinds, key=lambda gpu: gpu.flops("bf16") or 0.0)
        stated = cluster.tiers[cluster.boundary].scale_up_bytes_per_s or slowest.scale_up_bytes_per_s
        return cls(int(usable.sum()), tuple(levels), stated or float("inf"), slowest)

    def places(self, axes: tuple[str, ...], mesh: Mesh) -> tuple[int, ...]:
        """Ranks of a group along `axes`, then how many of them lie in one domain of each level."""
        strides, step = [], 1
        for axis in mesh.rank_order:
            if axis != "ep":
                strides.append((axis, mesh.degree(axis), step))
                step *= mesh.degree(axis)
        fold = (mesh.ep, *mesh.fold_order) if {"ep", "edp"} & set(axes) else ()
        used = tuple(each for each in strides if each[0] in (*axes, *fold))
        return _held(used, axes, fold, self.levels, mesh.world_size)

    def time(self, family: Family, mesh: Mesh) -> FamilyTime:
        """Seconds of one step for the groups of `family` when ranks lie in their order."""
        ranks, *in_domain = self.places(family.axes, mesh)
        if family.stages is not None:
            ranks = len(family.stages)
        by_link: dict[str, FloatArray] = {}
        inside, domains = ranks, 1
        for index, (level, most) in enumerate(zip(self.levels, in_domain, strict=True)):
            held = min(ranks, most)
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


@lru_cache(maxsize=2**15)
def _held(
    strides: tuple[tuple[str, int, int], ...],
    axes: tuple[str, ...],
    fold: tuple[int, str, str] | tuple[()],
    levels: tuple[Level, ...],
    world: int,
) -> tuple[int, ...]:
    """Ranks of a group and how many of them lie in a domain of each level; see `Outline.places`.

    `strides` are name, degree and distance of the axes concerned, `fold` is the expert degree and the axes
    that expert groups are folded from.
    """
    of_axis = {axis: (degree, step) for axis, degree, step in strides}
    places: IntArray = np.zeros(1, np.int64)
    for axis in axes:
        if axis in ("ep", "edp") and fold:
            expert, fast, slow = fold
            (of_fast, near), (of_slow, far) = of_axis[fast], of_axis[slow]
            ranks = expert if axis == "ep" else of_fast * of_slow // expert
            folded = np.arange(ranks) * (expert if axis == "edp" else 1)
            along = folded % of_fast * near + folded // of_fast * far
        else:
            degree, step = of_axis[axis]
            along = np.arange(degree) * step
        places = (places[:, None] + along[None, :]).ravel()
    places = np.sort(places)
    # Groups that lie between each other make a block together.
    block = int(places[-1] + (places[1:] - places[:-1]).min(initial=world))
    found = [len(places)]
    for level in levels:
        held = max(1, int(np.searchsorted(places, level.gpus)))
        split = held == len(places) > 1 and not level.has_room(world // block, block)
        found.append(ceil(held / 2) if split else held)
    return tuple(found)


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
    """One value a stage; nothing where a family leaves a stage out."""
    if "pp" not in family.axes:
        return values
    seconds = np.zeros(mesh.pp)
    seconds[list(family.stages or range(mesh.pp))] = values.max(initial=0.0)
    return seconds
