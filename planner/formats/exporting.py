"""What every export has beside the launcher's own files: the rank table, the proof, a README."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, cast

import planner
from planner import verify
from planner.formats.exporters import exporter
from planner.formats.writing.options import chosen
from planner.formats.writing.rank_table import to_csv
from planner.formats.writing.scripts import PROOF
from planner.formats.writing.seats import hosts_of
from planner.placement.wording import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from planner.formats.exporters import ChangesExporter, Export
    from planner.placement.placement import Placement


def launcher_files(placement: Placement, to: str, given: Iterable[str] = ()) -> Export:
    """What format `to` makes of `placement`, with the options `given` as ``name=value``.

    Raises
    ------
    UsageError
        Where an option or the placement is beyond the format.
    """
    module = exporter(to)
    return module.export(placement, chosen(to, module.OPTIONS, given))


def bundle(placement: Placement, to: str, given: Iterable[str] = ()) -> Export:
    """The whole folder: as `launcher_files`, with the rank table, the proof and a README.

    Raises
    ------
    UsageError
        As `launcher_files`.
    """
    given = list(given)
    export = launcher_files(placement, to, given)
    files = {"ranks.csv": to_csv(placement).encode(), **_verify(), **export.files}
    whole = replace(export, files=files, executable=export.executable & set(files))
    return replace(whole, files={"README.md": readme(placement, to, given, whole).encode(), **files})


def changes(placement: Placement, base: Placement, to: str, given: Iterable[str] = ()) -> Export:
    """What format `to`, one of `CHANGING`, makes for those who have its files of `base`; with a README.

    Raises
    ------
    UsageError
        As `launcher_files`, and where the placements have too little in common.
    """
    given = list(given)
    module = cast("ChangesExporter", exporter(to))
    export = module.export_changes(placement, base, chosen(to, module.OPTIONS, given))
    text = readme(placement, to, given, export)
    return replace(export, files={"README.md": text.encode(), **export.files})


def _verify() -> dict[str, bytes]:
    """The script that proves on the running job that each rank is where it should be."""
    return {PROOF: Path(verify.__file__).read_bytes()}


def readme(placement: Placement, to: str, given: Iterable[str], export: Export) -> str:
    """The command, the proof, what to know and what each file is."""
    hosts, cluster = hosts_of(placement), placement.cluster.name
    told = "".join(f" --option {quote(each)}" for each in given)
    parts = [
        f"# {placement.workload.name} for {to}",
        (
            f"{plural(len(placement.gpu_of_rank), 'rank')} on {plural(len(hosts), 'host')} of {cluster},"
            f" written by planner {planner.__version__} with `--to {to}{told}`."
        ),
        *_commands(export),
    ]
    if export.notes:
        parts.append("\n".join(f"- {note}" for note in export.notes))
    parts.append("Files: " + ", ".join(f"`{path}`" for path in sorted(export.files)) + ".")
    return "\n\n".join(parts) + "\n"


def _commands(export: Export) -> Iterator[str]:
    if export.command:
        where = "from this folder, or by the path to it from your program's"
        yield f"Launch, {where}:\n\n```sh\n{export.command}\n```"
    if export.proof:
        yield f"Prove that every rank is where the plan says:\n\n```sh\n{export.proof}\n```"
