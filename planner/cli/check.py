"""`planner check`: whether a placement keeps the rules and is what it claims to be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.options import JsonOption, PlacementArgument
from planner.cli.output import emit, show
from planner.cost.posting import Posting
from planner.errors import CheckError

if TYPE_CHECKING:
    from planner.cost.deadlock import Safety
    from planner.workload.workload import Workload


def check(
    placement: PlacementArgument,
    rules: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Assertions of your own, in YAML, to hold as well.")
    ] = None,
    schedule: Annotated[
        bool, typer.Option("--schedule", help="Also run a step's operations, to see that none deadlock.")
    ] = False,
    posting: Annotated[
        Posting, typer.Option(help="With --schedule: how a stage posts its sends and receives.")
    ] = Posting.STREAMS,
    as_json: JsonOption = False,
) -> None:
    """Recompute every claim from the rank table alone.

    Exits with 1 where a claim or a rule does not hold, or a step would come to a standstill.
    """
    from planner.placement.check import check as recompute
    from planner.placement.file import read_placement
    from planner.report.check import check_document, check_view
    from planner.testing.rules import evaluate, load_rules

    written = load_rules(rules) if rules else ()
    stored = read_placement(placement, verify=False)
    report = recompute(stored)
    results = evaluate(written, stored)
    safety = _safety(stored.workload, posting) if schedule else None
    if as_json:
        emit(check_document(stored, report, results, safety))
    else:
        show(check_view(stored, report, results, safety))
    holds = report.ok and all(result.ok for result in results)
    if not holds or (safety is not None and not safety.ok):
        raise typer.Exit(CheckError.exit_code)


def _safety(workload: Workload, posting: Posting) -> Safety:
    from planner.cost.deadlock import examine_workload

    return examine_workload(workload, posting)
