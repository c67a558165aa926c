"""What is claimed of a placed fleet and of its jobs, worked out from where they lie."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.fleet.flow_bounds import least_seconds
from planner.fleet.flows import flow_bytes
from planner.fleet.multicast import spread
from planner.fleet.placed import FleetClaims, FlowClaim
from planner.fleet.value import fleet_value
from planner.placement.crossing import measure, weighted_seconds
from planner.placement.placement import Claims, Objective, Placement, Status, TierClaim

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from planner.fleet.bounds import JobBound
    from planner.fleet.flows import Flow
    from planner.fleet.ground import Ground
    from planner.fleet.placed import PlacedFleet, PlacedJob
    from planner.topology.cluster import Cluster

MET = 1e-9


def fleet_claims(ground: Ground, placed: Sequence[PlacedJob], least_s: Mapping[int, float]) -> FleetClaims:
    """What is claimed of jobs where they lie.

    Parameters
    ----------
    least_s
        Lower bound on J of jobs that could lie elsewhere; the others pay what they pay.
    """
    fleet = ground.fleet
    flows = tuple(flow_claim(flow, placed) for flow in fleet.flows)
    priorities = [each.priority for each in placed]
    value = fleet_value(ground.cluster, [each.placement for each in placed], priorities, flows)
    least = sum(
        job.priority * least_s.get(index, value.weighted_s[index]) for index, job in enumerate(fleet.jobs)
    )
    ranks = [each.placement.workload.mesh.world_size for each in placed]
    least += sum(priorities[claim.flow.source] * _least_of(ground, claim, ranks) for claim in flows)
    bound = value.total_s if value.total_s <= least * (1 + MET) else least
    return FleetClaims(value.total_s, bound, value.shared, value.shared_s, flows, value.flows_s)


def _least_of(ground: Ground, claim: FlowClaim, ranks: Sequence[int]) -> float:
    """Seconds that a step of a flow needs at the least; what it needs where both ends run."""
    if {claim.flow.source, claim.flow.target} <= ground.running_in.keys():
        return weighted_seconds(ground.cluster, claim.tier_bytes) / claim.flow.every
    return least_seconds(ground, claim.flow, ranks)


def with_bound(placed: PlacedFleet, new_s: float) -> PlacedFleet:
    """The fleet with a bound on what the jobs that do not run and all flows add to F, where it is higher."""
    running_s = sum(each.priority * each.placement.claims.weighted_s for each in placed.jobs if each.running)
    claims = placed.claims
    least = max(claims.lower_bound_s, new_s + running_s)
    bound = claims.value_s if claims.value_s <= least * (1 + MET) else least
    return replace(placed, claims=replace(claims, lower_bound_s=bound))


def flow_claim(flow: Flow, placed: Sequence[PlacedJob]) -> FlowClaim:
    """What a flow comes to between two jobs where they are placed."""
    source, target = placed[flow.source].placement, placed[flow.target].placement
    crossing = tuple(flow_bytes(flow, source, target))
    return FlowClaim(flow, crossing, spread(flow, source, target) if flow.kind == "weights" else None)


def bounded(claims: Claims, bound: JobBound) -> Claims:
    """The claims with bounds that hold wherever the job lies, and not only in its part."""
    tiers = tuple(
        TierClaim(each.tier, each.crossing_bytes, min(float(least), each.crossing_bytes))
        for each, least in zip(claims.tiers, bound.tier_bytes, strict=True)
    )
    met = claims.value <= bound.weighted_s * (1 + MET)
    return replace(
        claims,
        lower_bound=claims.value if met else bound.weighted_s,
        status=Status.OPTIMAL if met else Status.FEASIBLE,
        tiers=tiers,
    )


def recounted(cluster: Cluster, moved: Placement, bound: JobBound) -> Placement:
    """A placement of which ranks have moved, with what is then claimed of it."""
    found = settled(cluster, moved)
    return replace(found, claims=bounded(found.claims, bound))


def settled(cluster: Cluster, running: Placement) -> Placement:
    """A placement that runs, on the cluster as it is now: counted anew, with no bound claimed."""
    found = measure(cluster, running.workload, running.gpu_of_rank)
    tiers = tuple(
        TierClaim(tier.name, crossing, 0.0)
        for tier, crossing in zip(cluster.tiers, found.tier_bytes, strict=True)
    )
    value = found.weighted_s
    status = Status.FEASIBLE if value else Status.OPTIMAL
    claims = Claims(Objective.WEIGHTED, value, 0.0, status, value, tiers)
    return Placement(cluster, running.workload, running.gpu_of_rank, claims)
