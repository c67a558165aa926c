"""The same job in other orders, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from planner.report.style import table
from planner.report.values import objective_value, ratio
from planner.units import format_bytes

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from planner.placement.compare import Comparison, Row
    from planner.placement.placement import Placement

BREAKS_RULES = "!"


def comparison_view(placement: Placement, comparison: Comparison) -> RenderableType:
    """One row an order: bytes across each tier that can be crossed, bytes that change rail, the objective."""
    shown = _shown_tiers(placement)
    railed = ["changes rail"] if comparison.rows[0].rail_changed_bytes is not None else []
    tiers = [comparison.tiers[tier] for tier in shown]
    made = table("order", *tiers, *railed, str(comparison.objective), "ratio")
    for row in comparison.rows:
        if row.objective is not None:
            _add(made, comparison, row, shown)
    return Group(
        Text(f"{placement.workload.name} on {placement.cluster.name}: bytes across each tier", style="bold"),
        made,
        *_notes(comparison),
    )


def _shown_tiers(placement: Placement) -> list[int]:
    """Tiers whose uplinks are limited; all but the outermost where none is."""
    uplinks = placement.cluster.tier_uplink_bytes_per_s[:-1]
    return [tier for tier, uplink in enumerate(uplinks) if uplink is not None] or list(range(len(uplinks)))


def _add(made: Table, comparison: Comparison, row: Row, shown: list[int]) -> None:
    value, best = row.objective or 0.0, comparison.rows[0].objective or 0.0
    own = row is comparison.rows[0]
    railed = [] if row.rail_changed_bytes is None else [format_bytes(row.rail_changed_bytes)]
    made.add_row(
        row.name + ("" if row.keeps_rules else f" {BREAKS_RULES}"),
        *(format_bytes(row.tier_bytes[tier]) for tier in shown),
        *railed,
        objective_value(comparison.objective, value),
        ratio(value, best),
        style="bold green" if own else None,
    )


def _notes(comparison: Comparison) -> list[Text]:
    """What the table cannot hold: broken rules, orders that do not apply, which of several it is."""
    notes = []
    if any(row.objective is not None and not row.keeps_rules for row in comparison.rows):
        notes.append(Text(f"{BREAKS_RULES} breaks the job's keep rules", style="yellow"))
    for row in comparison.rows:
        if row.note:
            what = row.note if row.objective is not None else f"does not apply: {row.note}"
            notes.append(Text(f"{row.name}: {what}", style="dim"))
    return notes
