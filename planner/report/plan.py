"""What `plan` says of the placement that it wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from rich.console import Group
from rich.text import Text

from planner.placement.placement import Objective, Status
from planner.placement.wording import plural
from planner.report.style import table
from planner.report.values import (
    UNKNOWN,
    gap_of,
    known_value,
    objective_value,
    percent,
    shares,
    uplink_seconds,
)
from planner.units import format_bytes, format_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType
    from rich.table import Table

    from planner.placement.placement import Claims, Placement


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
        "gpus": _gpu_counts(placement),
        "spares_used": spares_used(placement),
        "tiers": [
            {
                "tier": claim.tier,
                "crossing_bytes": claim.crossing_bytes,
                "lower_bound_bytes": claim.lower_bound_bytes,
                "uplink_s": seconds_,
            }
            for claim, seconds_ in zip(claims.tiers, _uplink_times(placement), strict=True)
        ],
        "seconds": dict(seconds),
    }


def plan_view(placement: Placement, seconds: Mapping[str, float]) -> RenderableType:
    """The result of `plan` for people."""
    counts = _gpu_counts(placement)
    spent = "  ".join(f"{name} {format_seconds(round(value, 3))}" for name, value in seconds.items())
    return Group(
        Text.assemble((placement.workload.name, "bold"), " on ", (placement.cluster.name, "bold")),
        verdict(placement.claims),
        tier_table(placement),
        Text(
            f"{plural(placement.workload.mesh.world_size, 'rank')};"
            f" {plural(counts['in_service'], 'GPU')} in service, {counts['free']:,} of them left free"
            f"{spares_text(placement)}"
        ),
        Text(f"took  {spent}", style="dim"),
    )


def verdict(claims: Claims) -> Text:
    """One line: status, objective, bound and gap."""
    colour = "bold green" if claims.status is Status.OPTIMAL else "bold yellow"
    return Text.assemble(
        (str(claims.status), colour),
        f"   {claims.objective} {objective_value(claims.objective, claims.value)}",
        f"   bound {objective_value(claims.objective, claims.lower_bound)}",
        f"   gap {gap_of(claims)}",
    )


def tier_table(placement: Placement) -> Table:
    """Crossing bytes, bound and uplink time of every tier that can be crossed."""
    seconds = _uplink_times(placement)
    made = table("tier", "crossing", "at least", "uplink time", "share")
    for claim, second, share in list(zip(placement.claims.tiers, seconds, shares(seconds), strict=True))[:-1]:
        made.add_row(
            claim.tier,
            format_bytes(claim.crossing_bytes),
            format_bytes(claim.lower_bound_bytes),
            "free" if second is None else known_value(Objective.WEIGHTED, second),
            UNKNOWN if share is None else percent(share),
        )
    return made


def _uplink_times(placement: Placement) -> list[float | None]:
    claims, uplinks = placement.claims.tiers, placement.cluster.tier_uplink_bytes_per_s
    return [
        uplink_seconds(claim.crossing_bytes, uplink) for claim, uplink in zip(claims, uplinks, strict=True)
    ]


def spares_used(placement: Placement) -> int:
    """How many ranks had to go on spares."""
    return int(np.count_nonzero(placement.cluster.gpu_spare[placement.gpu_of_rank]))


def spares_text(placement: Placement) -> str:
    """The same as the end of a sentence; empty where no spare was needed."""
    used = spares_used(placement)
    return f"; {plural(used, 'rank')} on spares" if used else ""


def _gpu_counts(placement: Placement) -> dict[str, int]:
    """GPUs in all, in service, and in service without a rank."""
    in_service = int(np.count_nonzero(placement.cluster.gpu_in_service))
    return {
        "total": placement.cluster.gpus,
        "in_service": in_service,
        "free": in_service - placement.workload.mesh.world_size,
    }
