"""`planner explain`: why a placement is as good as it is."""

from __future__ import annotations

from typing import Annotated

import typer

from planner.cli.options import JsonOption, PlacementArgument
from planner.cli.output import emit, show


def explain(
    placement: PlacementArgument,
    rank: Annotated[
        int | None, typer.Option(metavar="RANK", help="Only where this rank is, and its peers.")
    ] = None,
    tier: Annotated[str | None, typer.Option(metavar="TIER", help="Tier to list and to map.")] = None,
    axis: Annotated[str | None, typer.Option(metavar="AXIS", help="Axis of the map's columns.")] = None,
    top: Annotated[int, typer.Option(metavar="N", min=1, help="Groups to list for each tier.")] = 5,
    as_json: JsonOption = False,
) -> None:
    """Say what binds, who crosses which tier, and what sits where."""
    from planner.placement.file import read_placement
    from planner.report import explain as reasons
    from planner.report.neighbours import rank_view

    stored = read_placement(placement)
    if rank is not None:
        facts = reasons.explain_rank(stored, rank)
        emit(facts.document()) if as_json else show(rank_view(facts))
        return
    explanation = reasons.explain(stored, tier=tier, axis=axis, limit=top)
    emit(explanation.document()) if as_json else show(explanation.view())
