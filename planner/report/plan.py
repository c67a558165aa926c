"""What `plan` says of the placement that it wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from planner.placement.placement import Objective, Status
from planner.placement.wording import plural
from planner.report.documents import gpu_counts, spares_used, uplink_times
from planner.report.style import table
from planner.report.values import (
    UNKNOWN,
    gap_of,
    known_value,
    objective_value,
    percent,
    shares,
)
from planner.units import format_bytes, format_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType
    from rich.table import Table

    from planner.placement.placement import Claims, Placement


def plan_view(placement: Placement, seconds: Mapping[str, float]) -> RenderableType:
    """The result of `plan` for people."""
    counts = gpu_counts(placement)
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
    seconds = uplink_times(placement)
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


def spares_text(placement: Placement) -> str:
    """The same as the end of a sentence; empty where no spare was needed."""
    used = spares_used(placement)
    return f"; {plural(used, 'rank')} on spares" if used else ""
