"""What is missing, extra or slower of a cluster, for people and as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from planner.placement.wording import plural
from planner.report.style import table
from planner.topology.blocks import blocks
from planner.topology.boxes import boxes
from planner.units import format_count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from planner.topology.changes import Change
    from planner.topology.difference import TopologyDifference

MOST_BLOCKS = 40
MOST_RANGES = 20
PLURALS = {"switch": "switches", "leaf": "leaves"}
DEVICES = {"gpu": "GPUs", "nic": "NICs"}
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
    """The differences for people: all that have something in common are told together."""
    if found.same:
        return Text(f"the same: {plural(found.common, 'node')}", style="green")
    names = found.first.name, found.second.name
    first, second = names if names[0] != names[1] else ("the first", "the second")
    headline = Text(
        f"{first} should have {plural(found.first.nodes, 'node')}, "
        f"{second} has {format_count(found.second.nodes)}; "
        f"{format_count(found.common)} by the same name",
        style="bold",
    )
    return Group(headline, *(part for change in found.changes for part in _told(change)))


def _told(change: Change) -> Iterator[RenderableType]:
    """A change: how many things it is of, what was expected and found, and which they are."""
    told = [f"{change.kind}: {_what(change)}"]
    told += [
        f"{value} {word}" for value, word in ((change.expected, "expected"), (change.found, "found")) if value
    ]
    yield Text(f"\n{', '.join(told)}", style=COLOURS.get(change.kind, ""))
    if change.others:
        yield from _pairs(change)
    else:
        yield Padding(Text(_names(change.names)), (0, 0, 0, 3))


def _what(change: Change) -> str:
    """The things of a change with their number."""
    number = len(change.names)
    if change.others:
        ends = "a node and a switch" if change.part == "node link" else "switches"
        return f"{plural(number, 'pair')} of {ends}"
    if change.part in DEVICES or change.part.startswith(("gpu", "nic")):
        return f"{DEVICES.get(change.part, change.part)} of {plural(number, 'node')}"
    if change.part in PLURALS and number > 1:
        return f"{format_count(number)} {PLURALS[change.part]}"
    return plural(number, change.part)


def _names(names: Sequence[str]) -> str:
    """Names as ranges, the first of them where there are many."""
    ranges = boxes(names)
    more = len(ranges) - MOST_RANGES
    return ", ".join(ranges[:MOST_RANGES]) + (f" and {plural(more, 'more range')}" if more > 0 else "")


def _pairs(change: Change) -> Iterator[RenderableType]:
    """Pairs as blocks of ranges."""
    made = table("from", "to", "pairs", left=2)
    rows = blocks(zip(change.names, change.others, strict=True))
    for lows, highs in rows[:MOST_BLOCKS]:
        # Between words, lines break at names.
        made.add_row(", ".join(boxes(lows)), ", ".join(boxes(highs)), format_count(len(lows) * len(highs)))
    yield made
    if len(rows) > MOST_BLOCKS:
        yield Text(f"and {plural(len(rows) - MOST_BLOCKS, 'more row')}", style="dim")
