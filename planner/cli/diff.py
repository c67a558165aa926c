"""`planner diff`: what moved between two placements."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from planner.cli.options import JsonOption, PlacementArgument, complete_placement
from planner.cli.output import emit, show
from planner.errors import CheckError


def diff(
    before: PlacementArgument,
    after: Annotated[
        Path,
        typer.Argument(
            metavar="OTHER", help="Placement file to compare with.", autocompletion=complete_placement
        ),
    ],
    as_json: JsonOption = False,
) -> None:
    """List the ranks that moved, and what that did to each tier.

    Exits with 1 where the two differ.
    """
    from planner.placement.diff import diff as differences
    from planner.placement.file import read_placement
    from planner.report.diff import diff_document, diff_view

    found = differences(read_placement(before), read_placement(after))
    emit(diff_document(found)) if as_json else show(diff_view(found))
    if not found.same:
        raise typer.Exit(CheckError.exit_code)
