"""`planner topology export`: a topology as a file of a scheduler or of a fabric's tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from planner.cli.destination import require_writable
from planner.cli.options import TopologyArgument, require_known
from planner.cli.output import write_error
from planner.formats.topology_exporters import TOPOLOGY_EXPORTERS


def _complete_format(incomplete: str) -> list[str]:
    return [name for name in TOPOLOGY_EXPORTERS if name.startswith(incomplete)]


def export_topology(
    topology: TopologyArgument,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="FORMAT",
            help=f"Format to write: {', '.join(TOPOLOGY_EXPORTERS)}.",
            autocompletion=_complete_format,
        ),
    ],
    output: Annotated[str, typer.Option("-o", "--output", metavar="FILE", help="File to write.")],
    options: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            metavar="NAME=VALUE",
            help="What the format is told, such as kind=block; can be given several times.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there already.")] = False,
) -> None:
    """Write a topology for Slurm, or as an InfiniBand fabric that can be simulated."""
    require_known("--to", to, TOPOLOGY_EXPORTERS)
    path = Path(output)
    require_writable(path, inputs=(topology,), replace=force)
    from planner.files import write_atomic
    from planner.formats.topology_exporters import topology_exporter
    from planner.formats.writing.options import chosen
    from planner.topology.load import load_topology

    exporter = topology_exporter(to)
    values = chosen(to, exporter.OPTIONS, options or [])
    write_atomic(path, exporter.text(load_topology(topology), values).encode())
    write_error(f"written to {output}")
