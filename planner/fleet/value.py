"""The fleet's objective.

Of one placement for each job it is

    F  =  sum over jobs of priority * J  +  sum over flows of priority * K  +  sum over tiers of S_t / U_t

with J the ``weighted`` objective of each job, and K of each flow the sum over the tiers of its crossing
bytes over U_t, divided by the steps from one time to the next. S_t are the *shared bytes* of tier t: what
leaves its domains in one step of every job, without that of the job that sends most out of each domain.
They are 0 where no uplink carries two jobs; what flows carry is not among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.fleet.placed import SharedTier
from planner.placement.crossing import domain_egress, tier_domains, weighted_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.fleet.placed import FlowClaim
    from planner.placement.placement import Placement
    from planner.topology.cluster import Cluster

    FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class FleetValue:
    """The objective of a fleet, and what it is made of.

    Parameters
    ----------
    weighted_s
        J of each job, in the order of the fleet.
    priorities
        Weight of each job.
    shared
        One entry a tier, innermost first, the outermost (never crossed) included.
    shared_s
        Sum of S_t / U_t.
    flows_s
        The part of the objective that flows make up.
    """

    weighted_s: tuple[float, ...]
    priorities: tuple[float, ...]
    shared: tuple[SharedTier, ...]
    shared_s: float
    flows_s: float = 0.0

    @property
    def total_s(self) -> float:
        """F, in seconds of uplink time."""
        jobs = sum(p * j for p, j in zip(self.priorities, self.weighted_s, strict=True))
        return jobs + self.flows_s + self.shared_s


def fleet_value(
    cluster: Cluster,
    placements: Sequence[Placement],
    priorities: Sequence[float],
    flows: Sequence[FlowClaim] = (),
) -> FleetValue:
    """The objective of placements on one cluster, with what flows between them."""
    egress = [_egress(placement) for placement in placements]
    shared = []
    for index, tier in enumerate(cluster.tiers):
        if index == len(cluster.tiers) - 1:
            shared.append(SharedTier(tier.name, 0.0, 0))
            continue
        leaving = np.stack([each[index] for each in egress])
        sum_of_others = leaving.sum(axis=0) - leaving.max(axis=0)
        shared.append(
            SharedTier(tier.name, float(sum_of_others.sum()), int(((leaving > 0).sum(axis=0) > 1).sum()))
        )
    return FleetValue(
        tuple(placement.claims.weighted_s for placement in placements),
        tuple(priorities),
        tuple(shared),
        weighted_seconds(cluster, [each.shared_bytes for each in shared]),
        sum(
            priorities[each.flow.source] * weighted_seconds(cluster, each.tier_bytes) / each.flow.every
            for each in flows
        ),
    )


def _egress(placement: Placement) -> list[FloatArray]:
    """Bytes that leave each domain in a step, one array of shape (domains,) a tier but the outermost."""
    cluster, workload = placement.cluster, placement.workload
    domains = tier_domains(cluster, placement.gpu_of_rank)
    return [
        domain_egress(workload.mesh, workload.families, domains[index], tier.domains)
        for index, tier in enumerate(cluster.tiers[:-1])
    ]
