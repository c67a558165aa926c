"""`planner schema`: JSON Schema for editors."""

from __future__ import annotations

from typing import Annotated

import typer

from planner.cli.output import emit
from planner.report.schemas import SchemaName


def schema(name: Annotated[SchemaName, typer.Argument(metavar="FILE", help="Which kind of file.")]) -> None:
    """Print the JSON Schema of a kind of file."""
    from planner.report.schemas import json_schema

    emit(json_schema(name))
