"""`planner compare`: the same job as other software would place it, or run it."""

from __future__ import annotations

from typing import Annotated

import typer

from planner.cli.options import JsonOption, PlacementArgument
from planner.cli.output import emit, show
from planner.cost.flops import FlopCount
from planner.errors import UsageError


def compare(
    placement: PlacementArgument,
    strategy: Annotated[
        bool, typer.Option("--strategy", help="Compare strategies in place of orders of ranks.")
    ] = False,
    search: Annotated[
        bool, typer.Option("--search", help="With --strategy: also the fastest strategy there is.")
    ] = False,
    flops: Annotated[
        FlopCount | None,
        typer.Option("--flops", help="With --strategy: how floating-point operations are counted."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure the same job in other software's default orders, or beside other software's strategies."""
    if strategy:
        _strategies(placement, search, flops or FlopCount.CAUSAL, as_json)
        return
    if search or flops:
        raise UsageError.of(
            "U001",
            f"{'--search' if search else '--flops'} has no effect on orders of ranks",
            expected="--strategy with it",
        )
    from planner.placement.compare import compare as measured_orders
    from planner.placement.file import read_placement
    from planner.report.compare import comparison_view

    stored = read_placement(placement)
    comparison = measured_orders(stored)
    emit(comparison.document()) if as_json else show(comparison_view(stored, comparison))


def _strategies(placement: PlacementArgument, search: bool, count: FlopCount, as_json: bool) -> None:
    """The placement's strategy beside other software's."""
    from planner.placement.file import read_placement
    from planner.report.strategies import contest_document, contest_view
    from planner.strategy.contest import contest

    stored = read_placement(placement)
    found = contest(stored, searched=search)
    emit(contest_document(found, count)) if as_json else show(contest_view(stored, found, count))
