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
        _require_no_rules(rules)
        return _check_fleet(placement, (posting or Posting.STREAMS) if schedule else None, as_json=as_json)
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


def _require_no_rules(rules: Path | None) -> None:
    """Refuse rules, which are about a single placement."""
    if rules is not None:
        raise UsageError.of("U001", "--rules: this is about one placement", expected="the file of one job")


def _check_fleet(path: Path, posting: Posting | None, *, as_json: bool) -> None:
    """Check a fleet, and a step of each job where `posting` is given."""
    from planner.fleet.check import check_fleet
    from planner.fleet.file import read_fleet
    from planner.fleet.schedules import examine_jobs
    from planner.report.fleet import fleet_check_document, fleet_check_view

    placed = read_fleet(path)
    report = check_fleet(placed)
    steps = {} if posting is None else examine_jobs(placed, posting)
    if as_json:
        emit(fleet_check_document(placed, report, steps))
    else:
        show(fleet_check_view(placed, report, steps))
    if not report.ok or not all(safety is None or safety.ok for safety in steps.values()):
        raise typer.Exit(CheckError.exit_code)
