"""`planner compare`: the same job in the order that other software would give it."""

from __future__ import annotations

from planner.cli.options import JsonOption, PlacementArgument
from planner.cli.output import emit, show


def compare(placement: PlacementArgument, as_json: JsonOption = False) -> None:
    """Measure the same job in other software's default orders."""
    from planner.placement.compare import compare as measured_orders
    from planner.placement.file import read_placement
    from planner.report.compare import comparison_view

    stored = read_placement(placement)
    comparison = measured_orders(stored)
    emit(comparison.document()) if as_json else show(comparison_view(stored, comparison))
