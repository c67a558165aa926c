"""Seconds that each family of groups communicates in one step, from where its ranks sit.

Inside a scale-up domain a rank moves its share of the payload over NVLink. What must leave a domain
of some tier (`planner.placement.crossing`) goes over that domain's uplink, which all groups with ranks
there share; a rank's part of it also goes through the rank's own NIC. Stretches of a collective run at
the same time, so the slowest of them counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.placement.groups import group_index
from planner.placement.spread import Runs, spread_of
from planner.workload.family import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.cost.figures import Figures
    from planner.placement.spread import Edges
    from planner.topology.cluster import Cluster
    from planner.workload.family import Family
    from planner.workload.mesh import Mesh

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

SCALE_UP = "scale_up"


@dataclass(frozen=True, eq=False)
class FamilyTime:
    """Seconds of a step that the groups of one family communicate at the line rate of the links.

    Parameters
    ----------
    by_link
        Seconds at each tier that limits, and inside the scale-up domain, each of shape (pp,).
    domains
        Most scale-up domains that a group touches.
    outside
        Share of what leaves a scale-up domain that is sent, see `planner.cost.routing`.
    """

    by_link: dict[str, FloatArray]
    domains: int
    outside: float = 1.0

    def seconds(self, figures: Figures) -> FloatArray:
        """What the slowest link of each stage takes at the rate that collectives reach, shape (pp,)."""
        slowest: FloatArray = np.max([self.at(link, figures) for link in self.by_link], axis=0)
        return slowest

    def at(self, link: str, figures: Figures) -> FloatArray:
        """What one link takes at the rate that collectives reach, shape (pp,)."""
        shared = figures.shared
        if link == SCALE_UP:
            return self.by_link[link] / shared.scale_up_efficiency
        return self.by_link[link] * self.outside / shared.scale_out_efficiency


@dataclass(frozen=True, eq=False)
class Network:
    """Links of a cluster under a placement.

    Parameters
    ----------
    gpu_of_rank
        GPU of every rank, shape (world_size,).
    """

    cluster: Cluster
    mesh: Mesh
    gpu_of_rank: IntArray

    def time(self, family: Family) -> FamilyTime:
        """Seconds of one step for the groups of `family`, latencies left out."""
        boundary = self.cluster.boundary
        domain = self.cluster.domain_of_gpu[boundary][self.gpu_of_rank]
        spread = spread_of(self.mesh, family, domain)
        links = {SCALE_UP: self._inside(family, spread)}
        domains = int(np.bincount(spread.group).max(initial=1)) if isinstance(spread, Runs) else 2
        for tier in range(boundary, len(self.cluster.tiers) - 1):
            if not spread.size:
                break
            uplink = self.cluster.tiers[tier].uplink_bytes_per_s
            if uplink is not None:
                links[self.cluster.tiers[tier].name] = self._across(family, spread, uplink)
            spread = spread.climb(self.cluster.tiers[tier].parent)
        return FamilyTime(links, max(1, domains))

    def _inside(self, family: Family, spread: Runs | Edges) -> FloatArray:
        """Seconds inside the scale-up domains, shape (pp,)."""
        speed = self.scale_up_bytes_per_s
        if not np.isfinite(speed):
            return np.zeros(self.mesh.pp)
        ranks = group_index(self.mesh, family).members.shape[1]
        if isinstance(spread, Runs) and spread.size:
            ranks = int(spread.count.max()) if self._all_split(family, spread) else ranks
        moved = np.array([rank_bytes(family.kind, size, ranks) for size in family.payload_bytes])
        return self._by_stage(family, moved) / speed

    def _all_split(self, family: Family, spread: Runs) -> bool:
        return len(np.unique(spread.group)) == len(group_index(self.mesh, family).members)

    def _across(self, family: Family, spread: Runs | Edges, uplink: FloatArray) -> FloatArray:
        """Seconds over the uplinks of one tier, shape (pp,)."""
        egress = spread.egress(len(uplink))
        each = np.divide(egress, uplink, out=np.zeros_like(egress), where=uplink > 0)
        if not isinstance(spread, Runs):
            return np.full(self.mesh.pp, float(each.max(initial=0.0)))
        seconds = np.zeros(self.mesh.pp)
        if "pp" in family.axes:
            seconds[list(family.stages or range(self.mesh.pp))] = each.max(initial=0.0)
            return seconds
        stage = group_index(self.mesh, family).stage[spread.group]
        np.maximum.at(seconds, stage, each[spread.domain])
        # Groups that move nothing do not wait for others that share their uplinks.
        seconds[np.asarray(family.payload_bytes) == 0] = 0.0
        return seconds

    def _by_stage(self, family: Family, values: FloatArray) -> FloatArray:
        """One value a stage, from one an entry of the family's payloads."""
        if "pp" not in family.axes:
            return values
        if family.stages is None:
            return np.full(self.mesh.pp, float(values.max(initial=0.0)))
        seconds = np.zeros(self.mesh.pp)
        seconds[list(family.stages)] = values[0]
        return seconds

    @property
    def scale_up_bytes_per_s(self) -> float:
        """NVLink bandwidth of a GPU and direction; infinite where nothing says it."""
        stated = self.cluster.tiers[self.cluster.boundary].scale_up_bytes_per_s
        usual = self.cluster.gpu_kinds[0].scale_up_bytes_per_s if self.cluster.gpu_kinds else None
        return stated or usual or float("inf")


def rank_bytes(kind: Kind, payload: float, ranks: int) -> float:
    """Bytes that one of `ranks` ranks sends in a collective: the least that any algorithm can."""
    share = (ranks - 1) / ranks
    match kind:
        case Kind.ALL_REDUCE:
            return 2 * payload * share
        case Kind.ALL_TO_ALL:
            return payload * (ranks - 1)
        case Kind.PATH | Kind.RING | Kind.P2P:
            return payload / 2
        case _:
            return payload * share
