"""`planner topology import`: a site's own description into a topology file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from planner.cli.destination import require_writable
from planner.cli.options import JsonOption
from planner.cli.output import emit, write_error
from planner.errors import InputError, UsageError
from planner.formats.importers import IMPORTERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.formats.importing import Imported

T = TypeVar("T")


def _complete(incomplete: str) -> list[str]:
    """Formats, then files, that start with what is typed so far."""
    return [name for name in sorted(IMPORTERS) if name.startswith(incomplete)]


def import_topology(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="Files of one site, - for standard input. A FORMAT in front of the first holds for all, "
            "FORMAT:path for one. Formats: " + ", ".join(sorted(IMPORTERS)) + ".",
            autocompletion=_complete,
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Topology file to write.")],
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Name of the cluster.")] = None,
    gpu: Annotated[
        str | None, typer.Option(metavar="MODEL", help="GPU preset, where no source names the model.")
    ] = None,
    gpus: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, max=1024, help="GPUs a node, where no source says how many."),
    ] = None,
    nic_bandwidth: Annotated[
        str | None,
        typer.Option(metavar="BANDWIDTH", help="Of a NIC, such as 400 Gb/s, where no source says it."),
    ] = None,
    scale_up: Annotated[
        str | None,
        typer.Option(metavar="BANDWIDTH", help="NVLink a GPU, such as 450 GB/s, where no source says it."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Take findings for errors (exit 3) and write nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a topology file from what a site has: the files of its scheduler, fabric manager or cloud.

    The format is recognised by the content where none is named. Several files are joined: the fabric
    from one, GPUs from another, health from a third.
    """
    from planner.formats.importing import asked_for, import_topology
    from planner.formats.site.given import Given
    from planner.topology.presets import preset
    from planner.units import parse_bandwidth

    asked = asked_for(sources)
    require_writable(output, inputs=[each.path for each in asked])
    _of_option("--gpu", preset, gpu)
    given = Given(
        name=name,
        gpu=gpu,
        gpus=gpus,
        nic_bytes_per_s=_of_option("--nic-bandwidth", parse_bandwidth, nic_bandwidth),
        scale_up_bytes_per_s=_of_option("--scale-up", parse_bandwidth, scale_up),
    )
    _write(import_topology(asked, given), output, strict=strict, as_json=as_json)


def _of_option(option: str, read: Callable[[str], T], text: str | None) -> T | None:
    """What the text of an option stands for; a mistake in it is a mistake of the command line."""
    try:
        return None if text is None else read(text)
    except InputError as error:
        problem = error.problems[0]
        raise UsageError.of(
            "U001", f"{option}: {problem.message}", expected=problem.expected, suggestion=problem.suggestion
        ) from error


def _write(imported: Imported, output: Path, *, strict: bool, as_json: bool) -> None:
    """Write the file and say what is odd, or only say it where that is not to be suffered."""
    from planner.files import write_atomic
    from planner.report.imported import imported_document, summary_text, warnings_text

    findings = imported.site.findings
    refused = strict and bool(findings)
    if not refused:
        write_atomic(output, imported.text.encode())
    if as_json:
        emit(imported_document(imported) | {"output": None if refused else str(output)})
    if refused:
        raise InputError(*findings)
    if findings and not as_json:
        write_error(warnings_text(findings) + "\n")
    write_error(f"{summary_text(imported)}\nwritten to {output}")
