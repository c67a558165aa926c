"""What `plan` and `replan` wrote, as plain data.

It stands apart from the views, which need a library for terminals that takes longer to load than many a
job to be planned anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.report.values import uplink_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from planner.placement.placement import Placement
    from planner.repair import Repair
    from planner.repair.front import Point


def plan_document(placement: Placement, seconds: Mapping[str, float]) -> dict[str, object]:
    """The result of `plan` as plain data.

    Parameters
    ----------
    seconds
        Wall-clock seconds of ``load``, ``solve``, ``check`` and ``write``.
    """
    claims = placement.claims
    return {
        "topology": placement.cluster.name,
        "workload": placement.workload.name,
        "status": str(claims.status),
        "objective_name": str(claims.objective),
        "objective": claims.value,
        "lower_bound": claims.lower_bound,
        "gap": claims.gap,
        "weighted_s": claims.weighted_s,
        "ranks": placement.workload.mesh.world_size,
        "gpus": gpu_counts(placement),
        "spares_used": spares_used(placement),
        "tiers": [
            {
                "tier": claim.tier,
                "crossing_bytes": claim.crossing_bytes,
                "lower_bound_bytes": claim.lower_bound_bytes,
                "uplink_s": seconds_,
            }
            for claim, seconds_ in zip(claims.tiers, uplink_times(placement), strict=True)
        ],
        "seconds": dict(seconds),
    }


def replan_document(repair: Repair, seconds: Mapping[str, float]) -> dict[str, object]:
    """The result of `replan` as plain data.

    Parameters
    ----------
    seconds
        Wall-clock seconds of ``load``, ``solve``, ``check`` and ``write``.
    """
    return {
        **plan_document(repair.placement, seconds),
        "moved_ranks": len(repair.moved),
        "moved_lower_bound": repair.moved_lower_bound,
        "moved": repair.moved.tolist(),
        "moved_bytes": repair.moved_bytes,
        "cheapest_within_moves": repair.cheapest,
        "failed_ranks": repair.failed_ranks,
        "new_ranks": repair.new_ranks,
        "dp": repair.placement.workload.mesh.dp,
        "dp_before": repair.dp_before,
        "dp_wanted": repair.dp_wanted,
        "room_dp": repair.room_dp,
    }


def front_document(points: Sequence[Point]) -> list[dict[str, object]]:
    """The front between moves and objective as plain data."""
    return [
        {
            "moved_ranks": point.moves,
            "moved_bytes": point.state_bytes,
            "objective": point.value,
            "afresh": point.afresh,
        }
        for point in points
    ]


def shortfall(repair: Repair) -> str | None:
    """That there is no room for as many replicas as were asked for; None where there is, or nobody asked."""
    now, before, wanted = repair.placement.workload.mesh.dp, repair.dp_before, repair.dp_wanted
    if wanted in (now, before):
        return None
    stays = ", as before" if now == before else ""
    return f"dp {wanted} was asked for; there is room for dp {now}{stays}"


def spares_used(placement: Placement) -> int:
    """How many ranks had to go on spares."""
    return int(np.count_nonzero(placement.cluster.gpu_spare[placement.gpu_of_rank]))


def uplink_times(placement: Placement) -> list[float | None]:
    """Seconds that each tier's uplinks need, the innermost tier first; None where they are free."""
    claims, uplinks = placement.claims.tiers, placement.cluster.tier_uplink_bytes_per_s
    return [
        uplink_seconds(claim.crossing_bytes, uplink) for claim, uplink in zip(claims, uplinks, strict=True)
    ]


def gpu_counts(placement: Placement) -> dict[str, int]:
    """GPUs in all, in service, and in service without a rank."""
    in_service = int(np.count_nonzero(placement.cluster.gpu_in_service))
    return {
        "total": placement.cluster.gpus,
        "in_service": in_service,
        "free": in_service - placement.workload.mesh.world_size,
    }
