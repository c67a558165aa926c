"""Bytes that change rail between nodes, and how many of them must."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from planner.report.style import table
from planner.units import format_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from planner.placement.rails import RailChange


def rails_document(changes: Sequence[RailChange]) -> dict[str, object]:
    """Sums over all families, and each family's own."""
    return {
        **_document(*_sums(changes)),
        "families": [
            {
                "family": each.family,
                **_document(each.crossing_bytes, each.changed_bytes, each.necessary_bytes),
            }
            for each in changes
        ],
    }


def _document(crossing: float, changed: float, necessary: float) -> dict[str, object]:
    return {
        "crossing_bytes": crossing,
        "changed_bytes": changed,
        "necessary_bytes": necessary,
        "avoidable_bytes": changed - necessary,
    }


def _sums(changes: Sequence[RailChange]) -> tuple[float, float, float]:
    return (
        sum(each.crossing_bytes for each in changes),
        sum(each.changed_bytes for each in changes),
        sum(each.necessary_bytes for each in changes),
    )


def rails_line(changes: Sequence[RailChange]) -> Text:
    """The sums in one line."""
    crossing, changed, necessary = _sums(changes)
    said = Text(f"rails: {format_bytes(changed)} of {format_bytes(crossing)} between nodes change rail")
    if changed == 0:
        return said.append(", avoidable: 0 B")
    said.append(f", at least {format_bytes(necessary)} must; avoidable: ")
    return said.append(f"{'' if changed == necessary else 'at most '}{format_bytes(changed - necessary)}")


def rails_view(changes: Sequence[RailChange]) -> RenderableType:
    """The sums, and a row for each family that changes rail."""
    made = table("family", "between nodes", "changes rail", "at least")
    for each in changes:
        if each.changed_bytes:
            sizes = each.crossing_bytes, each.changed_bytes, each.necessary_bytes
            made.add_row(each.family, *(format_bytes(size) for size in sizes))
    return Group(rails_line(changes), *([made] if made.row_count else []))
