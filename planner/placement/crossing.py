"""Bytes that leave the domains of each tier in one step, each counted once as it leaves.

For a group of n ranks which touches k domains of a tier, with m_1 .. m_k of its ranks in each:

===================================  ==========================  ============================
kind                                 crossing bytes              egress of one domain
===================================  ==========================  ============================
path, ring (B a pair of neighbours)  B a pair in two domains     B / 2 for each of the two
all_reduce (buffer of S)             2 S (k - 1)                 2 S (k - 1) / k
all_gather, reduce_scatter (of S)    S (k - 1)                   S (k - 1) / k
broadcast (of S)                     S (k - 1)                   S (k - 1) / k
all_to_all (b an ordered pair)       b sum_i m_i (n - m_i)       b m_i (n - m_i)
===================================  ==========================  ============================

Tiers are nested, so what stays inside a domain stays inside all that enclose it: each family is
looked at once at the innermost tier, and only what crosses there is carried outwards.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from planner.placement.groups import group_index
from planner.placement.placement import Objective
from planner.workload.family import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from planner.topology.cluster import Cluster
    from planner.workload.family import Family
    from planner.workload.mesh import Mesh
    from planner.workload.workload import Workload

    IntArray = NDArray[np.int32]
    FloatArray = NDArray[np.float64]

TOUCH_FACTOR = {Kind.ALL_REDUCE: 2.0, Kind.ALL_GATHER: 1.0, Kind.REDUCE_SCATTER: 1.0, Kind.BROADCAST: 1.0}


class Hotspot(NamedTuple):
    """The domain that takes longest to send what leaves it."""

    tier: int
    domain: int
    seconds: float


@dataclass(frozen=True, eq=False)
class Measure:
    """Traffic of one placement.

    Parameters
    ----------
    cluster, workload, gpu_of_rank
        What was measured.
    by_family
        For each family its crossing bytes at every tier, innermost first.
    """

    cluster: Cluster
    workload: Workload
    gpu_of_rank: IntArray
    by_family: dict[str, tuple[float, ...]]

    @cached_property
    def tier_bytes(self) -> tuple[float, ...]:
        """Crossing bytes of each tier (T_t), innermost first; 0 for the outermost."""
        return tuple(
            float(sum(each[tier] for each in self.by_family.values()))
            for tier in range(len(self.cluster.tiers))
        )

    @property
    def boundary_bytes(self) -> float:
        """Crossing bytes at the node boundary, where traffic goes onto NICs."""
        return self.tier_bytes[self.cluster.boundary]

    @cached_property
    def weighted_s(self) -> float:
        """J: the sum of T_t / U_t over the tiers with an uplink, in seconds."""
        return weighted_seconds(self.cluster, self.tier_bytes)

    @property
    def bottleneck_s(self) -> float:
        """Largest egress / uplink of any one domain, in seconds."""
        return self.hotspot.seconds

    @cached_property
    def hotspot(self) -> Hotspot:
        """Where the bottleneck is; tier and domain are -1 where nothing crosses a limited uplink."""
        worst = Hotspot(-1, -1, 0.0)
        for tier, egress in enumerate(self._egress()):
            uplink = self.cluster.tiers[tier].uplink_bytes_per_s
            if uplink is None or not egress.any():
                continue
            seconds = np.divide(egress, uplink, out=np.where(egress > 0, np.inf, 0.0), where=uplink > 0)
            domain = int(seconds.argmax())
            if seconds[domain] > worst.seconds:
                worst = Hotspot(tier, domain, float(seconds[domain]))
        return worst

    def value(self, objective: Objective) -> float:
        """The placement's value: seconds for ``weighted`` and ``bottleneck``, bytes for ``cross_node``."""
        if objective == Objective.CROSS_NODE:
            return self.boundary_bytes
        return self.bottleneck_s if objective == Objective.BOTTLENECK else self.weighted_s

    def _egress(self) -> list[FloatArray]:
        """Egress of every domain, for each tier that can be crossed."""
        totals = [np.zeros(tier.domains) for tier in self.cluster.tiers[:-1]]
        for family in self.workload.families:
            crossing = _climb(self.cluster, self.workload.mesh, family, self.gpu_of_rank)
            for tier, spread in enumerate(crossing):
                totals[tier] += spread.egress(len(totals[tier]))
        return totals


def measure(cluster: Cluster, workload: Workload, gpu_of_rank: IntArray) -> Measure:
    """Crossing bytes of every family at every tier.

    Parameters
    ----------
    gpu_of_rank
        GPU of every rank, shape (world_size,).
    """
    by_family = {}
    for family in workload.families:
        totals = [0.0] * len(cluster.tiers)
        for tier, spread in enumerate(_climb(cluster, workload.mesh, family, gpu_of_rank)):
            totals[tier] = spread.total()
        by_family[family.name] = tuple(totals)
    return Measure(cluster, workload, gpu_of_rank, by_family)


def weighted_seconds(cluster: Cluster, tier_bytes: Sequence[float]) -> float:
    """J of given crossing bytes, one entry a tier: the sum of T_t / U_t where U_t limits, in seconds."""
    total = 0.0
    for crossing, uplink in zip(tier_bytes, cluster.tier_uplink_bytes_per_s, strict=True):
        if uplink is not None and crossing > 0:
            total += crossing / uplink if uplink > 0 else float("inf")
    return total


def tier_domains(cluster: Cluster, gpu_of_rank: IntArray) -> tuple[IntArray, ...]:
    """For each tier the domain of every rank, each of shape (world_size,)."""
    return tuple(domain[gpu_of_rank] for domain in cluster.domain_of_gpu)


def crossing_bytes(mesh: Mesh, families: Iterable[Family], domain_of_rank: IntArray) -> float:
    """Crossing bytes at one tier, all families together; `domain_of_rank` has shape (world_size,)."""
    return float(sum(_spread(mesh, family, domain_of_rank).total() for family in families))


def crossing_of_family(mesh: Mesh, family: Family, domain_of_rank: IntArray) -> FloatArray:
    """Crossing bytes of each group of one family at one tier, in the order of `group_index`."""
    return _spread(mesh, family, domain_of_rank).by_group()


def domain_egress(
    mesh: Mesh, families: Iterable[Family], domain_of_rank: IntArray, domains: int
) -> FloatArray:
    """Bytes that leave each domain of one tier, shape (domains,)."""
    egress = np.zeros(domains)
    for family in families:
        egress += _spread(mesh, family, domain_of_rank).egress(domains)
    return egress


def _climb(cluster: Cluster, mesh: Mesh, family: Family, gpu_of_rank: IntArray) -> Iterator[_Runs | _Edges]:
    """What crosses each tier, innermost first, up to the tier at which nothing does any more."""
    spread = _spread(mesh, family, cluster.gpu_node[gpu_of_rank])
    for tier in cluster.tiers[:-1]:
        if not spread.size:
            return
        yield spread
        spread = spread.climb(tier.parent)


def _spread(mesh: Mesh, family: Family, domain_of_rank: IntArray) -> _Runs | _Edges:
    """How the groups of one family lie over the domains of one tier."""
    index = group_index(mesh, family)
    domain = domain_of_rank[index.members]
    payload = np.asarray(family.payload_bytes, np.float64)
    if family.kind in (Kind.PATH, Kind.RING):
        return _edges(family, domain, index.stage, payload)
    by_group = np.full(len(domain), payload[0]) if "pp" in family.axes else payload[index.stage]
    return _runs(family.kind, domain, by_group)


@dataclass(frozen=True, eq=False)
class _Runs:
    """Ranks of each group in each domain it touches; groups inside one domain are left out.

    Entries are sorted by group and domain, each of shape (entries,).
    """

    kind: Kind
    ranks: int
    payload: FloatArray
    group: NDArray[np.int64]
    domain: IntArray
    count: NDArray[np.int64]

    @property
    def size(self) -> int:
        return len(self.group)

    def by_group(self) -> FloatArray:
        touched = self._touched()
        if self.kind is Kind.ALL_TO_ALL:
            inside = _summed(self.group, self.count.astype(np.float64) ** 2, len(self.payload))
            pairs = np.where(touched > 0, float(self.ranks) ** 2 - inside, 0.0)
            return self.payload * pairs
        return TOUCH_FACTOR[self.kind] * self.payload * np.maximum(touched - 1, 0)

    def total(self) -> float:
        return float(self.by_group().sum())

    def egress(self, domains: int) -> FloatArray:
        payload = self.payload[self.group]
        if self.kind is Kind.ALL_TO_ALL:
            leaving = payload * self.count * (self.ranks - self.count)
        else:
            touched = self._touched()[self.group]
            leaving = TOUCH_FACTOR[self.kind] * payload * (touched - 1) / touched
        return _summed(self.domain, leaving, domains)

    def climb(self, parent: IntArray) -> _Runs:
        """The same groups over the enclosing domains."""
        domain = parent[self.domain]
        group, count = self.group, self.count
        if (np.diff(domain) < 0)[np.diff(group) == 0].any():
            order = np.lexsort((domain, group))
            group, domain, count = group[order], domain[order], count[order]
        starts = np.flatnonzero(
            np.concatenate(([True], (group[1:] != group[:-1]) | (domain[1:] != domain[:-1])))
        )
        merged = replace(
            self, group=group[starts], domain=domain[starts], count=np.add.reduceat(count, starts)
        )
        return merged._split_only()

    def _touched(self) -> NDArray[np.int64]:
        """Domains that each group touches; 0 for the groups that were left out."""
        return np.bincount(self.group, minlength=len(self.payload))

    def _split_only(self) -> _Runs:
        """Without the groups that touch one domain only."""
        split = self._touched()[self.group] > 1
        return replace(self, group=self.group[split], domain=self.domain[split], count=self.count[split])


def _runs(kind: Kind, domain: IntArray, payload: FloatArray) -> _Runs:
    """Runs of equal domains; `domain` has shape (groups, ranks)."""
    rows = np.flatnonzero((domain != domain[:, :1]).any(axis=1))
    sorted_rows = np.sort(domain[rows], axis=1)
    new = np.ones(sorted_rows.shape, np.bool_)
    np.not_equal(sorted_rows[:, 1:], sorted_rows[:, :-1], out=new[:, 1:])
    starts = np.flatnonzero(new)
    count = np.diff(starts, append=sorted_rows.size)
    group = rows[starts // max(sorted_rows.shape[1], 1)]
    return _Runs(kind, domain.shape[1], payload, group, sorted_rows.ravel()[starts], count)


@dataclass(frozen=True, eq=False)
class _Edges:
    """Pairs of neighbours that sit in two domains, each array of shape (pairs,)."""

    groups: int
    payload: FloatArray
    group: NDArray[np.int64]
    ends: tuple[IntArray, IntArray]

    @property
    def size(self) -> int:
        return len(self.group)

    def by_group(self) -> FloatArray:
        return _summed(self.group, self.payload, self.groups)

    def total(self) -> float:
        return float(self.payload.sum())

    def egress(self, domains: int) -> FloatArray:
        half = self.payload / 2
        return _summed(self.ends[0], half, domains) + _summed(self.ends[1], half, domains)

    def climb(self, parent: IntArray) -> _Edges:
        """The same pairs over the enclosing domains."""
        first, second = parent[self.ends[0]], parent[self.ends[1]]
        apart = first != second
        return _Edges(self.groups, self.payload[apart], self.group[apart], (first[apart], second[apart]))


def _edges(family: Family, domain: IntArray, stage: IntArray, payload: FloatArray) -> _Edges:
    """Pairs of neighbours in two domains; `domain` has shape (groups, ranks)."""
    closed = family.kind is Kind.RING and domain.shape[1] > 1
    first = domain if closed else domain[:, :-1]
    second = np.roll(domain, -1, axis=1) if closed else domain[:, 1:]
    group, position = np.nonzero(first != second)
    each = payload[position] if "pp" in family.axes else payload[stage[group]]
    return _Edges(len(domain), each, group, (first[group, position], second[group, position]))


def _summed(index: NDArray[np.integer], values: FloatArray, size: int) -> FloatArray:
    """Values added up by index, shape (size,)."""
    sums: FloatArray = np.bincount(index, weights=values, minlength=size).astype(np.float64, copy=False)
    return sums
