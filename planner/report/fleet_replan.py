"""What `replan` says of a fleet."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from planner.placement.wording import plural
from planner.report.fleet import fleet_document, fleet_view
from planner.report.style import table
from planner.units import format_count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType
    from rich.table import Table

    from planner.fleet.replan import FleetRepair, JobRepair


def fleet_replan_document(repair: FleetRepair, seconds: Mapping[str, float]) -> dict[str, object]:
    """The result of `replan` for a fleet as plain data; times in seconds."""
    return fleet_document(repair.placed, seconds) | {
        "moved_ranks": sum(each.moved for each in repair.jobs),
        "repairs": [asdict(each) for each in repair.jobs],
    }


def fleet_replan_view(repair: FleetRepair, seconds: Mapping[str, float]) -> RenderableType:
    """The result of `replan` for a fleet, for people."""
    moved = sum(each.moved for each in repair.jobs)
    least = sum(each.moved_lower_bound for each in repair.jobs)
    stay = sum(not each.touched for each in repair.jobs)
    proof = "the fewest there can be" if moved == least else f"at least {format_count(least)} have to"
    return Group(
        Text.assemble(
            (f"{plural(moved, 'rank')} moved", "bold green" if moved == least else "bold yellow"),
            f", {proof} where these jobs go on at these sizes; {plural(stay, 'job')} not touched",
        ),
        _repairs_table(repair),
        fleet_view(repair.placed, seconds),
    )


def _repairs_table(repair: FleetRepair) -> Table:
    """What became of each job."""
    made = table("job", "failed ranks", "moved", "at least", "dp", "", left=1)
    for each in repair.jobs:
        made.add_row(
            each.name,
            format_count(each.failed_ranks),
            format_count(each.moved),
            format_count(each.moved_lower_bound),
            f"{each.dp:,}" if each.dp == each.dp_before else f"{each.dp_before:,} to {each.dp:,}",
            _became(each),
        )
    return made


def _became(repair: JobRepair) -> str:
    if repair.gave_way_to is not None:
        return f"gave way to {repair.gave_way_to}"
    if repair.dp != repair.dp_before:
        return "shrank" if repair.dp < repair.dp_before else "grew"
    return "repaired" if repair.touched else "stays"
