"""What moved between two placements, and what that did."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from planner.placement.wording import coordinates_name, gpu_name, plural, ranges
from planner.report.style import table
from planner.report.values import UNKNOWN, objective_value, percent
from planner.units import format_bytes, format_count

if TYPE_CHECKING:
    from rich.console import RenderableType

    from planner.placement.diff import Difference, TierChange
    from planner.placement.placement import Placement

MOST_MOVES = 10
MOST_FLOWS = 10


def diff_document(found: Difference) -> dict[str, object]:
    """The differences as plain data; ranks that moved are listed in full."""
    return {
        "same": found.same,
        "cluster_changes": list(found.cluster_changes),
        "workload_changes": list(found.workload_changes),
        "ranks": found.ranks,
        "moved_ranks": found.moved.tolist(),
        "changed_node": found.changed_node.tolist(),
        "flows": [{"from": flow.source, "to": flow.target, "ranks": flow.ranks} for flow in found.flows],
        "tiers": [
            {"tier": tier.tier, "before_bytes": tier.before_bytes, "after_bytes": tier.after_bytes}
            for tier in found.tiers
        ],
        "objective_name": str(found.objective) if found.objective else None,
        "objective_before": found.values[0],
        "objective_after": found.values[1],
    }


def diff_view(found: Difference) -> RenderableType:
    """The differences for people."""
    if found.same:
        return Text(f"the same: {plural(found.ranks, 'rank')}, none moved", style="green")
    changes = [Text(text, style="yellow") for text in (*found.cluster_changes, *found.workload_changes)]
    return Group(*changes, _headline(found), _tiers(found), *_objective(found), *_moves(found))


def _headline(found: Difference) -> Text:
    stayed = len(found.moved) - len(found.changed_node)
    text = f"{format_count(len(found.moved))} of {plural(found.ranks, 'rank')} moved"
    return Text(f"{text}, {format_count(stayed)} of them inside their node" if stayed else text, style="bold")


def _tiers(found: Difference) -> RenderableType:
    made = table("tier", "crossing before", "after", "change")
    for tier in found.tiers:
        if tier.before_bytes or tier.after_bytes:
            made.add_row(tier.tier, _bytes(tier.before_bytes), _bytes(tier.after_bytes), _change(tier))
    return made


def _bytes(size: float | None) -> str:
    return UNKNOWN if size is None else format_bytes(size)


def _change(tier: TierChange) -> Text:
    if tier.before_bytes is None or tier.after_bytes is None:
        return Text(UNKNOWN)
    if tier.before_bytes == tier.after_bytes:
        return Text("none", style="dim")
    added = tier.after_bytes - tier.before_bytes
    share = percent(abs(added) / tier.before_bytes if tier.before_bytes else math.inf)
    return Text(f"+{share}", style="red") if added > 0 else Text(f"-{share}", style="green")


def _objective(found: Difference) -> list[Text]:
    if found.objective is None:
        return [Text("planned for different objectives")]
    before, after = (objective_value(found.objective, value) for value in found.values)
    return [Text(f"{found.objective} {before} before, {after} after")]


def _moves(found: Difference) -> list[RenderableType]:
    """Between which domains ranks went, or the ranks themselves where they are few."""
    if len(found.moved) <= MOST_MOVES:
        return [_ranks(found)] if found.moved.size else []
    made = table("from", "to", "ranks", left=2)
    for flow in found.flows[:MOST_FLOWS]:
        made.add_row(flow.source, flow.target, format_count(flow.ranks))
    hidden = len(found.flows) - MOST_FLOWS
    rest = [Text(f"and {plural(hidden, 'more pair')} of domains", style="dim")] if hidden > 0 else []
    return [made, *rest, Text(f"moved: {ranges(found.moved, 8)}")]


def _ranks(found: Difference) -> RenderableType:
    made = table("rank", "is", "before", "after", left=4)
    for rank in found.moved.tolist():
        made.add_row(
            str(rank),
            coordinates_name(found.after.workload.mesh, rank),
            _place(found.before, int(found.earlier[rank])),
            _place(found.after, rank),
        )
    return made


def _place(placement: Placement, rank: int) -> str:
    return gpu_name(placement.cluster, int(placement.gpu_of_rank[rank]))
