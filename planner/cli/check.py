"""`planner check`: whether a placement keeps the rules and is what it claims to be."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from planner.cli.options import JsonOption, PlacementArgument
from planner.cli.output import emit, show
from planner.errors import CheckError


def check(
    placement: PlacementArgument,
    rules: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Assertions of your own, in YAML, to hold as well.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Recompute every claim from the rank table alone.

    Exits with 1 where a claim or a rule does not hold.
    """
    from planner.placement.check import check as recompute
    from planner.placement.file import read_placement
    from planner.report.check import check_document, check_view
    from planner.testing.rules import evaluate, load_rules

    written = load_rules(rules) if rules else ()
    stored = read_placement(placement, verify=False)
    report = recompute(stored)
    results = evaluate(written, stored)
    emit(check_document(stored, report, results)) if as_json else show(check_view(stored, report, results))
    if not report.ok or not all(result.ok for result in results):
        raise typer.Exit(CheckError.exit_code)
