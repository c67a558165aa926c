"""Seeded instances: grids of cells on ragged clusters, for measuring the solver and its peers.

Every cell is one rank. A family fixes what its instances have in common; everything else is drawn
from a seed that depends on the family and the instance's number alone, so that a family can grow
without changing the instances there are.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from tests.builders import grid_workload, ragged_cluster

if TYPE_CHECKING:
    from planner.topology.cluster import Cluster
    from planner.workload.workload import Workload

STAGES = (3, 4, 5, 6, 7, 8, 11, 12, 13, 16, 19, 24, 32, 36, 48, 64)
BALANCED = ((1, 2), (2, 3), (1, 1), (5, 7), (13, 8), (3, 1))
DP_HEAVY = ((4, 1), (8, 1), (16, 1), (29, 2))
PP_HEAVY = ((1, 4), (1, 8), (1, 16), (3, 40))
SMALL = (16, 24, 32, 48, 64)
NIC_BYTES_PER_S = 50e9


@dataclass(frozen=True)
class Family:
    """What instances have in common.

    Parameters
    ----------
    name
        For people.
    sizes
        Most cells of each instance: its replicas are whole.
    capacities
        GPUs of a node, drawn anew for every node.
    outer
        Fewest and most domains that each domain of the outer tiers holds, innermost first.
    oversubscription
        For each outer tier, how much faster the links below it are than its uplinks.
    down
        Share of GPUs out of service, drawn anew for every instance from this range.
    slack
        GPUs beyond the cells, as a share of them.
    payloads
        Pairs (all-reduce bytes of a stage, bytes between two cells of neighbouring stages).
    ring
        Whether stages form a ring, as with virtual stages.
    uneven
        Whether uplinks differ between domains of a tier.
    """

    name: str
    sizes: tuple[int, ...]
    capacities: tuple[int, ...] = (8,)
    outer: tuple[tuple[int, int], ...] = ()
    oversubscription: tuple[float, ...] = (2.0, 2.0, 4.0)
    down: tuple[float, float] = (0.0, 0.0)
    slack: float = 0.02
    payloads: tuple[tuple[int, int], ...] = BALANCED
    ring: bool = False
    uneven: bool = False

    @property
    def tiers(self) -> int:
        """Tiers that traffic can cross."""
        return 1 + len(self.outer)


GROWING = (64, 90, 128, 250, 500, 1000, 2000, 4000, 10000, 30000)
TWO, THREE, FOUR = ((4, 9),), ((4, 9), (3, 6)), ((4, 8), (3, 5), (2, 4))
# Powers of two times small factors: most draws of the stages fill whole groups of four nodes exactly.
REGULAR = (64, 128, 384, 512, 1024, 1536, 2048, 4096, 6144)
FAMILIES = (
    Family("even nodes", GROWING),
    Family("ragged nodes", GROWING, capacities=(5, 6, 7, 8)),
    Family("odd racks", GROWING, capacities=(9, 16, 17, 18)),
    Family("failures", GROWING, down=(0.01, 0.08)),
    Family("no slack", GROWING[:8], capacities=(4, 6, 8), slack=0.0),
    Family("much slack", GROWING[:8], capacities=(6, 8), slack=0.15),
    Family("data-parallel heavy", GROWING, capacities=(6, 7, 8), down=(0.0, 0.03), payloads=DP_HEAVY),
    Family("pipeline heavy", GROWING, capacities=(6, 7, 8), down=(0.0, 0.03), payloads=PP_HEAVY),
    Family("ring of stages", GROWING[:8], capacities=(7, 8), down=(0.0, 0.03), ring=True),
    Family("two tiers", GROWING, capacities=(7, 8), outer=TWO, down=(0.0, 0.03)),
    Family("two tiers, extreme payloads", GROWING[:8], outer=TWO, payloads=DP_HEAVY + PP_HEAVY),
    Family("two tiers, uneven uplinks", GROWING[:8], outer=TWO, down=(0.0, 0.03), uneven=True),
    Family("three tiers", GROWING[1:], capacities=(4,), outer=THREE, down=(0.0, 0.03)),
    Family("four tiers", GROWING[2:], capacities=(4,), outer=FOUR, down=(0.0, 0.02)),
    Family("small", SMALL * 3, capacities=(3, 4, 5)),
    Family("small, two tiers", SMALL * 2, capacities=(3, 4), outer=((2, 4),)),
    Family("small, three tiers", SMALL * 2, capacities=(2, 4), outer=((2, 3), (2, 3))),
    Family("small, ring", SMALL, capacities=(3, 4, 5), ring=True),
    Family("regular, two tiers", REGULAR, outer=((4, 4),), slack=0.0),
    Family("regular, three tiers", REGULAR[1:], outer=((4, 4), (4, 4)), slack=0.0),
    Family("large racks", GROWING[2:], capacities=(60, 64, 68, 72)),
)


@dataclass(frozen=True)
class Instance:
    """One grid on one cluster."""

    family: Family
    number: int
    rng_key: tuple[int, ...] = field(repr=False)
    stages: int
    replicas: int
    payload: tuple[int, int]

    @property
    def name(self) -> str:
        """Family and number."""
        return f"{self.family.name} {self.number}"

    @property
    def cells(self) -> int:
        """Cells of the grid."""
        return self.stages * self.replicas

    @cached_property
    def workload(self) -> Workload:
        """An all-reduce along the replicas of each stage; a path or ring along the stages."""
        shared, passed = self.payload
        return grid_workload(
            dp=self.replicas,
            pp=self.stages,
            families=[("dp", "all_reduce", shared), ("pp", "ring" if self.family.ring else "path", passed)],
        )

    @cached_property
    def cluster(self) -> Cluster:
        """Nodes until the cells fit, grouped into the outer tiers."""
        family, rng = self.family, np.random.default_rng(self.rng_key)
        down = rng.uniform(*family.down)
        wanted = round(self.cells * (1 + family.slack))
        nodes: list[int] = []
        out: list[bool] = []
        while len(out) - sum(out) < wanted:
            nodes.append(int(rng.choice(family.capacities)))
            out += (rng.random(nodes[-1]) < down).tolist()
        nested, levels = nodes, [np.asarray(nodes, float)]
        for fewest, most in family.outer:
            sizes = _cut(len(nested), fewest, most, rng)
            ends = np.cumsum(sizes)
            nested = [nested[end - size : end] for size, end in zip(sizes, ends, strict=True)]
            levels.append(np.add.reduceat(levels[-1], ends - sizes))
        return ragged_cluster(
            nested, uplinks=self._uplinks(levels, rng), down=np.flatnonzero(out), name=self.name
        )

    def _uplinks(self, levels, rng):
        """Uplink of every domain: a NIC for each GPU, thinned out at every outer tier."""
        thinner = np.cumprod([1.0, *self.family.oversubscription])
        uplinks = []
        for gpus, share in zip(levels, thinner, strict=False):
            speed = rng.choice((0.5, 1.0), len(gpus)) if self.family.uneven else 1.0
            uplinks.append(gpus * NIC_BYTES_PER_S / share * speed)
        return uplinks


def _cut(children, fewest, most, rng):
    """Sizes of consecutive groups of `children` domains."""
    sizes = []
    while children:
        size = min(children, int(rng.integers(fewest, most + 1)))
        sizes.append(size)
        children -= size
    return np.asarray(sizes)


def instance(family: Family, number: int) -> Instance:
    """The instance of this number, counted from 0."""
    key = (zlib.crc32(family.name.encode()), number)
    rng = np.random.default_rng(key)
    size = family.sizes[number]
    stages = int(rng.choice([p for p in STAGES if 3 * p <= size]))
    replicas = size // stages
    payload = family.payloads[int(rng.integers(len(family.payloads)))]
    return Instance(family, number, (*key, 1), stages, replicas, payload)


def instances() -> list[Instance]:
    """All instances of all families."""
    return [instance(family, number) for family in FAMILIES for number in range(len(family.sizes))]
