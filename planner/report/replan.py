"""What `replan` says of the placement that it wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from planner.placement.placement import Status
from planner.placement.wording import plural
from planner.report.documents import shortfall
from planner.report.plan import tier_table, verdict
from planner.report.style import table
from planner.report.values import UNKNOWN, objective_value, percent
from planner.units import format_bytes, format_count, format_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

    from planner.repair import Repair
    from planner.repair.front import Point


def replan_view(repair: Repair, seconds: Mapping[str, float]) -> RenderableType:
    """The result of `replan` for people."""
    placement = repair.placement
    spent = "  ".join(f"{name} {format_seconds(round(value, 3))}" for name, value in seconds.items())
    return Group(
        Text.assemble((placement.workload.name, "bold"), " on ", (placement.cluster.name, "bold")),
        _moves(repair),
        *_replicas(repair),
        verdict(placement.claims),
        *_cheapest(repair),
        tier_table(placement),
        Text(f"took  {spent}", style="dim"),
    )


def _moves(repair: Repair) -> Text:
    """How many ranks moved, and how few could have."""
    moved, least = len(repair.moved), repair.moved_lower_bound
    kind = "bold green" if moved == least else "bold yellow"
    proof = "the fewest there can be" if moved == least else f"at least {format_count(least)} have to"
    text = Text.assemble((f"{plural(moved, 'rank')} moved", kind), f", {proof}")
    if repair.failed_ranks:
        verb = "was" if repair.failed_ranks == 1 else "were"
        text.append(f"; {plural(repair.failed_ranks, 'rank')} {verb} on hardware out of service")
    if repair.moved_bytes:
        text.append(f"; {format_bytes(repair.moved_bytes)} of parameters and optimizer state go with them")
    if repair.spares_used:
        text.append(f"; {plural(repair.spares_used, 'spare')} put to use")
    return text


def _replicas(repair: Repair) -> list[Text]:
    """What became of the number of replicas."""
    now, before = repair.placement.workload.mesh.dp, repair.dp_before
    short = shortfall(repair)
    lines = [] if short is None else [short]
    if now != before:
        ranks = repair.placement.workload.mesh.world_size
        what = f"goes on with dp {now} of {before}" if now < before else f"grows from dp {before} to {now}"
        lines.append(f"the job {what}: {plural(ranks, 'rank')}")
    if repair.room_dp is not None and repair.room_dp > now:
        lines.append(f"there is room for dp {repair.room_dp} now: --dp {repair.room_dp}")
    return [Text(line, style="yellow") for line in lines]


def _cheapest(repair: Repair) -> list[Text]:
    """That nothing better can be had for the moves, where that is proven and not plain."""
    if not repair.cheapest or repair.placement.claims.status is Status.OPTIMAL:
        return []
    return [Text("no placement within these moves has a smaller objective")]


def front_view(repair: Repair, points: Sequence[Point]) -> RenderableType:
    """The front between moves and objective for people."""
    objective = repair.placement.claims.objective
    made = table("moved ranks", "state", str(objective), "saved", "", left=0, title="What further moves buy")
    for point in points:
        saved = (points[0].value - point.value) / points[0].value if points[0].value else 0.0
        made.add_row(
            format_count(point.moves),
            UNKNOWN if point.state_bytes is None else format_bytes(point.state_bytes),
            objective_value(objective, point.value),
            percent(saved),
            "planned afresh" if point.afresh else "",
        )
    return Group(Text(), made)
