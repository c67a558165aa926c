"""`planner export`: a placement as files that other programs read."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from planner.cli.destination import require_writable
from planner.cli.options import PlacementArgument
from planner.cli.output import write_error


class Format(StrEnum):
    """What a placement can be turned into."""

    CSV = "csv"


def export(
    placement: PlacementArgument,
    to: Annotated[Format, typer.Option("--to", help="Format to write.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="File to write.")],
) -> None:
    """Write a placement for other programs; csv has a row a rank."""
    require_writable(output, inputs=(placement,))
    from planner.formats.exporters.csv import write_csv
    from planner.placement.file import read_placement

    writers = {Format.CSV: write_csv}
    writers[to](read_placement(placement), output)
    write_error(f"written to {output}")
