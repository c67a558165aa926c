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

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from planner.placement.placement import Objective
from planner.placement.spread import PAIRED, Runs, payload_of_groups, spread_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from planner.placement.spread import Edges
    from planner.topology.cluster import Cluster
    from planner.workload.family import Family
    from planner.workload.mesh import Mesh
    from planner.workload.workload import Workload

    IntArray = NDArray[np.int32]
    FloatArray = NDArray[np.float64]

FIRST_OBJECTIVE = 1e6
TIE_BREAK = 1e-6


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
        for _, tier, spread in _climb(self.cluster, self.workload, self.gpu_of_rank):
            totals[tier] += spread.egress(len(totals[tier]))
        return totals


def measure(cluster: Cluster, workload: Workload, gpu_of_rank: IntArray) -> Measure:
    """Crossing bytes of every family at every tier.

    Parameters
    ----------
    gpu_of_rank
        GPU of every rank, shape (world_size,).
    """
    totals = {family.name: [0.0] * len(cluster.tiers) for family in workload.families}
    for family, tier, spread in _climb(cluster, workload, gpu_of_rank):
        totals[family.name][tier] = spread.total()
    by_family = {name: tuple(each) for name, each in totals.items()}
    return Measure(cluster, workload, gpu_of_rank, by_family)


def weighted_seconds(cluster: Cluster, tier_bytes: Sequence[float]) -> float:
    """J of given crossing bytes, one entry a tier: the sum of T_t / U_t where U_t limits, in seconds."""
    total = 0.0
    for crossing, uplink in zip(tier_bytes, cluster.tier_uplink_bytes_per_s, strict=True):
        if uplink is not None and crossing > 0:
            total += crossing / uplink if uplink > 0 else float("inf")
    return total


def objective_bound(cluster: Cluster, objective: Objective, tier_bytes: FloatArray) -> float:
    """Lower bound on an objective from those on the tiers' crossing bytes, shape (tiers,).

    In bytes for ``cross_node``, else in seconds. The busiest domain of a tier is at least as busy as the
    tier is on average.
    """
    if objective is Objective.CROSS_NODE:
        return float(tier_bytes[cluster.boundary])
    if objective is Objective.WEIGHTED:
        return weighted_seconds(cluster, tier_bytes.tolist())
    shares = zip(tier_bytes, cluster.tier_uplink_bytes_per_s, strict=True)
    return max((float(crossing / uplink) for crossing, uplink in shares if uplink), default=0.0)


def crossing_weights(cluster: Cluster, objective: Objective) -> FloatArray:
    """Cost of a crossing byte at each tier, shape (tiers,), in uplink seconds or a proxy of them.

    Tiers whose uplinks are free weigh next to nothing, so that they only break ties; so do all but the
    boundary for ``cross_node``.
    """
    weights = np.asarray([1.0 / uplink if uplink else 0.0 for uplink in cluster.tier_uplink_bytes_per_s])
    largest = float(weights.max(initial=0.0)) or 1.0
    for tier in range(cluster.boundary, len(weights) - 1):
        weights[tier] = weights[tier] or largest * TIE_BREAK
    if objective is Objective.CROSS_NODE:
        weights[cluster.boundary] = float(weights.max()) * FIRST_OBJECTIVE
    return weights


def tier_domains(cluster: Cluster, gpu_of_rank: IntArray) -> tuple[IntArray, ...]:
    """For each tier the domain of every rank, each of shape (world_size,)."""
    return tuple(domain[gpu_of_rank] for domain in cluster.domain_of_gpu)


def crossing_bytes(mesh: Mesh, families: Iterable[Family], domain_of_rank: IntArray) -> float:
    """Crossing bytes at one tier, all families together; `domain_of_rank` has shape (world_size,)."""
    return float(sum(spread_of(mesh, family, domain_of_rank).total() for family in families))


def crossing_of_family(mesh: Mesh, family: Family, domain_of_rank: IntArray) -> FloatArray:
    """Crossing bytes of each group of one family at one tier, in the order of `group_index`."""
    return spread_of(mesh, family, domain_of_rank).by_group()


def domain_egress(
    mesh: Mesh, families: Iterable[Family], domain_of_rank: IntArray, domains: int
) -> FloatArray:
    """Bytes that leave each domain of one tier, shape (domains,)."""
    egress = np.zeros(domains)
    for family in families:
        egress += spread_of(mesh, family, domain_of_rank).egress(domains)
    return egress


def _climb(
    cluster: Cluster, workload: Workload, gpu_of_rank: IntArray
) -> Iterator[tuple[Family, int, Runs | Edges]]:
    """What of each family crosses each tier, innermost first, up to where nothing does any more."""
    node = cluster.gpu_node[gpu_of_rank]
    for families in _with_same_groups(workload.families):
        payloads = [payload_of_groups(workload.mesh, family) for family in families[1:]]
        spread = spread_of(workload.mesh, families[0], node)
        for index, tier in enumerate(cluster.tiers[:-1]):
            if not spread.size:
                break
            yield families[0], index, spread
            if isinstance(spread, Runs):
                for family, payload in zip(families[1:], payloads, strict=True):
                    yield family, index, spread.moving(family.kind, payload)
            spread = spread.climb(tier.parent)


def _with_same_groups(families: Iterable[Family]) -> list[list[Family]]:
    """Collectives over the same ranks together: they spread alike. Pairs of neighbours each alone."""
    found: dict[object, list[Family]] = {}
    for family in families:
        key = family.name if family.kind in PAIRED else (family.axes, family.stages)
        found.setdefault(key, []).append(family)
    return list(found.values())
