"""`planner check`: whether a placement keeps the rules and is what it claims to be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.fleet_folder import is_placed_fleet
from planner.cli.options import JsonOption, PlacementArgument
from planner.cli.output import emit, show
from planner.cost.posting import Posting
from planner.errors import CheckError, UsageError

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
        Posting | None,
        typer.Option(
            help="With --schedule: how a stage posts its sends and receives.", show_default="streams"
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Recompute every claim from the rank table alone; of a fleet's folder also what holds between jobs.

    Exits with 1 where a claim or a rule does not hold, or a step would come to a standstill.
    """
    if posting is not None and not schedule:
        raise UsageError.of(
            "U001", "--posting has no effect on claims and rules", expected="--schedule with it"
        )
    if is_placed_fleet(placement):
        _require_one_placement(rules, schedule=schedule)
        return _check_fleet(placement, as_json=as_json)
    from planner.placement.check import check as recompute
    from planner.placement.file import read_placement
    from planner.report.check import check_document, check_view
    from planner.testing.rules import evaluate, load_rules

    written = load_rules(rules) if rules else ()
    stored = read_placement(placement, verify=False)
    report = recompute(stored)
    results = evaluate(written, stored)
    safety = _safety(stored.workload, posting or Posting.STREAMS) if schedule else None
    if as_json:
        emit(check_document(stored, report, results, safety))
    else:
        show(check_view(stored, report, results, safety))
    holds = report.ok and all(result.ok for result in results)
    if not holds or (safety is not None and not safety.ok):
        raise typer.Exit(CheckError.exit_code)
    return None


def _safety(workload: Workload, posting: Posting) -> Safety:
    from planner.cost.deadlock import examine_workload

    return examine_workload(workload, posting)


def _require_one_placement(rules: Path | None, *, schedule: bool) -> None:
    """Refuse options that are about a single placement."""
    for option, given in (("--rules", rules is not None), ("--schedule", schedule)):
        if given:
            raise UsageError.of(
                "U001", f"{option}: this is about one placement", expected="the file of one job"
            )


def _check_fleet(path: Path, *, as_json: bool) -> None:
    from planner.fleet.check import check_fleet
    from planner.fleet.file import read_fleet
    from planner.report.fleet import fleet_check_document, fleet_check_view

    placed = read_fleet(path)
    report = check_fleet(placed)
    emit(fleet_check_document(placed, report)) if as_json else show(fleet_check_view(placed, report))
    if not report.ok:
        raise typer.Exit(CheckError.exit_code)
