"""A fabric for people and as plain data: its switches by level, trunks, and rails."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.text import Text

from planner.placement.wording import plural
from planner.report.style import table
from planner.report.values import UNKNOWN
from planner.topology.boxes import boxes
from planner.units import format_bandwidth, format_count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from planner.topology.fabric_summary import FabricSummary, Rail, Trunks

LONGEST_NAMES = 100


def fabric_document(facts: FabricSummary) -> dict[str, object]:
    """The fabric as plain data."""
    return {
        "levels": [{**asdict(level), "switches": len(level.switches)} for level in facts.levels],
        "trunks": [
            {
                "lower": trunks.lower,
                "upper": trunks.upper,
                "pairs": [{"links": links, "pairs": pairs} for links, pairs in trunks.pairs.items()],
            }
            for trunks in facts.trunks
        ],
        "rails": [asdict(rail) for rail in facts.rails],
    }


def fabric_view(facts: FabricSummary) -> Iterator[RenderableType]:
    """Switches by level, then whether trunks and rails are whole."""
    made = table("switches", "number", "links down", "in all", "links up", "in all")
    for level in facts.levels:
        made.add_row(
            _called(level.level),
            format_count(len(level.switches)),
            *_links(level.down_links, level.down_bytes_per_s),
            *_links(level.up_links, level.up_bytes_per_s),
        )
    yield made
    for level in facts.levels:
        # Between words, lines break at names.
        names = _shortened(", ".join(boxes(level.switches)))
        yield Text(f"{_called(level.level)}: {names}")
    yield from (_trunk_line(trunks) for trunks in facts.trunks)
    yield from _rail_lines(facts.rails)


def _called(level: int) -> str:
    return {0: "unreached", 1: "leaf"}.get(level, f"level {level}")


def _links(links: int, bytes_per_s: float) -> tuple[str, str]:
    return (format_count(links), format_bandwidth(bytes_per_s)) if links else (UNKNOWN, UNKNOWN)


def _shortened(names: str) -> str:
    return names if len(names) <= LONGEST_NAMES else f"{names[:LONGEST_NAMES]}..."


def _trunk_line(trunks: Trunks) -> Text:
    """How many pairs of two levels have how many links."""
    whole = sum(trunks.pairs.values())
    parts = [f"{format_count(pairs)} with {_number(links)}" for links, pairs in trunks.pairs.items()]
    ends = f"{_called(trunks.lower)} to {_called(trunks.upper)}"
    text = f"{ends}, of {plural(whole, 'pair')}: {', '.join(parts)}"
    return Text(text, style="yellow" if len(trunks.pairs) > 1 else "")


def _number(links: int) -> str:
    return plural(links, "link") if links else "none"


def _rail_lines(rails: tuple[Rail, ...]) -> Iterator[Text]:
    """One line for rails that are alike."""
    alike: dict[tuple[int, int, int], list[int]] = {}
    for rail in rails:
        alike.setdefault((rail.nics, rail.in_service, rail.leaves), []).append(rail.rail)
    for (nics, live, leaves), numbers in alike.items():
        called = f"rail{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"
        text = (
            f"{called}: {format_count(live)} of {plural(nics, 'NIC')} in service on {plural(leaves, 'leaf')}"
        )
        yield Text(text.replace("leafs", "leaves"), style="yellow" if live < nics else "")
