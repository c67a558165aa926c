"""`planner export`: a placement as files that launchers and other programs read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.destination import require_folder, require_other, require_writable
from planner.cli.options import PlacementArgument, complete_placement, require_known
from planner.cli.output import write_error
from planner.errors import UsageError
from planner.formats.exporters import CHANGING, EXPORTERS, SINGLE_FILES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.formats.exporters import Export
    from planner.placement.placement import Placement


def _complete_format(incomplete: str) -> list[str]:
    return [name for name in EXPORTERS if name.startswith(incomplete)]


def export(
    placement: PlacementArgument,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="FORMAT",
            help=f"Format to write: {', '.join(EXPORTERS)}.",
            autocompletion=_complete_format,
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR_OR_FILE",
            help=f"Folder to write. {' and '.join(SINGLE_FILES)} go into a file, unless this is a folder"
            " or ends in /.",
        ),
    ],
    options: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            metavar="NAME=VALUE",
            help="What the format is told; can be given several times.",
            show_default=False,
        ),
    ] = None,
    changed_from: Annotated[
        Path | None,
        typer.Option(
            metavar="OLD",
            help=f"Write only what changed since this placement; {', '.join(CHANGING)} only.",
            autocompletion=complete_placement,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there already.")] = False,
) -> None:
    """Write a placement for a launcher, or for other programs.

    The folder holds all that the launcher takes, and a README with the exact command.
    """
    require_known("--to", to, EXPORTERS)
    if changed_from is not None:
        _require_changing(to)
    path = Path(output)
    as_file = to in SINGLE_FILES and not path.is_dir() and not output.endswith("/")
    if as_file:
        require_writable(path, inputs=(placement,), replace=force)
    else:
        require_folder(path)
    from planner.placement.file import read_placement

    whole = read_placement(placement)
    if as_file:
        _write_file(whole, to, options or [], path)
    else:
        base = None if changed_from is None else read_placement(changed_from)
        sources = (placement,) if changed_from is None else (placement, changed_from)
        _write_folder(_contents(whole, base, to, options or []), path, sources=sources, force=force)
    write_error(f"written to {output}")


def _write_file(placement: Placement, to: str, options: list[str], path: Path) -> None:
    """The one file of a format that has no more; where it goes was looked at before."""
    from planner.files import write_atomic
    from planner.formats.exporting import launcher_files

    write_atomic(path, launcher_files(placement, to, options).files[SINGLE_FILES[to]])


def _require_changing(to: str) -> None:
    if to not in CHANGING:
        raise UsageError.of(
            "U008",
            f"--changed-from: format {to} is always written whole",
            expected=f"it with --to {' or '.join(CHANGING)}",
        )


def _contents(placement: Placement, base: Placement | None, to: str, options: list[str]) -> Export:
    """The whole folder, or what changed since `base`."""
    from planner.formats.exporting import bundle, changes

    return bundle(placement, to, options) if base is None else changes(placement, base, to, options)


def _write_folder(export: Export, folder: Path, *, sources: Iterable[Path], force: bool) -> None:
    from planner.formats.writing.folder import write_folder

    for path in export.files:
        require_other(folder / path, inputs=sources)
    write_folder(export, folder, force=force)
