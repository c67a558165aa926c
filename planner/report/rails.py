"""Bytes that change rail between nodes, and how many of them must."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from planner.report.style import table
from planner.units import format_bytes

if TYPE_CHECKING:
    from rich.console import RenderableType

    from planner.placement.rails import RailChanges


def rails_document(changes: RailChanges) -> dict[str, object]:
    """Sums over all families, and each family's own."""
    return {
        **_document(changes.crossing_bytes, changes.changed_bytes, changes.necessary_bytes),
        "families": [
            {
                "family": each.family,
                **_document(each.crossing_bytes, each.changed_bytes, each.necessary_bytes),
            }
            for each in changes.families
        ],
    }


def _document(crossing: float, changed: float, necessary: float) -> dict[str, object]:
    return {
        "crossing_bytes": crossing,
        "changed_bytes": changed,
        "necessary_bytes": necessary,
        "avoidable_bytes": changed - necessary,
    }


def rails_line(changes: RailChanges) -> Text:
    """The sums in one line."""
    crossing, changed = changes.crossing_bytes, changes.changed_bytes
    necessary = changes.necessary_bytes
    said = Text(f"rails: {format_bytes(changed)} of {format_bytes(crossing)} between nodes change rail")
    if changed == 0:
        return said.append(", avoidable: 0 B")
    said.append(f", at least {format_bytes(necessary)} must; avoidable: ")
    return said.append(f"{'' if changed == necessary else 'at most '}{format_bytes(changed - necessary)}")


def rails_view(changes: RailChanges) -> RenderableType:
    """The sums, and a row for each family that changes rail."""
    made = table("family", "between nodes", "changes rail", "at least")
    for each in changes.families:
        if each.changed_bytes:
            sizes = each.crossing_bytes, each.changed_bytes, each.necessary_bytes
            made.add_row(each.family, *(format_bytes(size) for size in sizes))
    return Group(rails_line(changes), *([made] if made.row_count else []))
