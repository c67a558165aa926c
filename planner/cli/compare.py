"""`planner compare`: the same job as other software would place it, or run it."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Annotated, cast

import typer

from planner.cli.options import JsonOption, PlacementArgument
from planner.cli.output import Unfailing, emit, show
from planner.cost.flops import FlopCount
from planner.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


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
            "U008",
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
    with _status() as tell:
        found = contest(stored, searched=search, tell=tell)
    emit(contest_document(found, count)) if as_json else show(contest_view(stored, found, count))


@contextmanager
def _status() -> Iterator[Callable[[str], None] | None]:
    """Whose strategy is looked at, on a terminal while it is."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console

    console = Console(file=cast("IO[str]", Unfailing(sys.stderr)), highlight=False)
    with console.status("strategies") as status:
        yield lambda name: status.update(f"strategies: {name}")
