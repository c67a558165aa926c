"""What is missing, extra or slower of a cluster, for people and as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from planner.placement.wording import plural
from planner.report.style import table
from planner.topology.blocks import blocks
from planner.topology.boxes import range_of
from planner.units import format_count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from planner.topology.changes import Change
    from planner.topology.difference import TopologyDifference

MOST_BLOCKS = 40
COLOURS = {
    "missing": "red",
    "down": "red",
    "slower": "yellow",
    "fewer": "yellow",
    "moved": "yellow",
    "different": "yellow",
}


def topology_diff_document(found: TopologyDifference) -> dict[str, object]:
    """The differences as plain data, every name of them."""
    return {
        "same": found.same,
        "authored": found.first.name,
        "imported": found.second.name,
        "nodes": {
            "authored": found.first.nodes,
            "imported": found.second.nodes,
            "in_both": found.common,
        },
        "changes": [
            {
                "part": change.part,
                "change": change.kind,
                "count": len(change.names),
                "expected": change.expected or None,
                "found": change.found or None,
                **_named(change),
            }
            for change in found.changes
        ],
    }


def _named(change: Change) -> dict[str, object]:
    if not change.others:
        return {"names": list(change.names)}
    return {"links": [list(pair) for pair in zip(change.names, change.others, strict=True)]}


def topology_diff_view(found: TopologyDifference) -> RenderableType:
    """The differences for people: one row for all that have something in common."""
    if found.same:
        return Text(f"the same: {plural(found.common, 'node')}", style="green")
    headline = Text(
        f"{found.first.name} should have {plural(found.first.nodes, 'node')}, "
        f"{found.second.name} has {format_count(found.second.nodes)}; "
        f"{format_count(found.common)} by the same name",
        style="bold",
    )
    things = [change for change in found.changes if not change.others]
    links = [change for change in found.changes if change.others]
    return Group(headline, *_thing_table(things), *_link_table(links))


def _thing_table(changes: list[Change]) -> Iterator[RenderableType]:
    """Nodes, devices, domains and switches that differ."""
    if not changes:
        return
    made = table("what", "is", "number", "should be", "found", "which")
    made.columns[1].justify = made.columns[5].justify = "left"
    for change in changes:
        made.add_row(
            change.part,
            _kind(change),
            format_count(len(change.names)),
            change.expected,
            change.found,
            range_of(change.names),
        )
    yield made


def _kind(change: Change) -> Text:
    return Text(change.kind, style=COLOURS.get(change.kind, ""))


def _link_table(changes: list[Change]) -> Iterator[RenderableType]:
    """Links that differ, as blocks of pairs."""
    for change in changes:
        wanted = f"{change.expected} expected" if change.expected else ""
        there = f"{change.found} found" if change.found else ""
        told = ", ".join(filter(None, (wanted, there)))
        noun = f"{change.kind}: {plural(len(change.names), 'pair')} of {_ends(change)}"
        yield Text(f"\n{noun}, {told}", style=COLOURS.get(change.kind, ""))
        made = table("from", "to", "pairs", left=2)
        rows = blocks(zip(change.names, change.others, strict=True))
        for lows, highs in rows[:MOST_BLOCKS]:
            made.add_row(range_of(lows), range_of(highs), format_count(len(lows) * len(highs)))
        yield made
        if len(rows) > MOST_BLOCKS:
            yield Text(f"and {plural(len(rows) - MOST_BLOCKS, 'more row')}", style="dim")


def _ends(change: Change) -> str:
    return "a node and a switch" if change.part == "node link" else "switches"
