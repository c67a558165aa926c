"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection

    from planner.library import Kind


def _complete(kind: Kind, incomplete: str) -> list[str]:
    """Shipped names, then YAML files and folders, that start with what is typed so far."""
    from planner.library import shipped

    names = [name for name in shipped(kind) if name.startswith(incomplete)]
    return names + _paths(incomplete, ".yaml", ".yml")


def _paths(incomplete: str, *suffixes: str) -> list[str]:
    folder, _, start = incomplete.rpartition("/")
    entries = sorted(Path(f"{folder}/" if "/" in incomplete else ".").glob(f"{start}*"))
    return [
        f"{path}/" if path.is_dir() else str(path)
        for path in entries
        if path.is_dir() or path.suffix in suffixes
    ]


def complete_topology(incomplete: str) -> list[str]:
    """Topologies whose name or path starts with `incomplete`."""
    return _complete("topology", incomplete)


def complete_workload(incomplete: str) -> list[str]:
    """Workloads and fleets whose name or path starts with `incomplete`."""
    from planner.library import shipped

    fleets = [name for name in shipped("fleet") if name.startswith(incomplete)]
    return fleets + _complete("workload", incomplete)


def complete_placement(incomplete: str) -> list[str]:
    """Placement files whose path starts with `incomplete`."""
    return _paths(incomplete, ".json")


def require_known(option: str, word: str, formats: Collection[str]) -> None:
    """Refuse a `word` that is none of the `formats`.

    Raises
    ------
    UsageError
        U001 with the format that was probably meant.
    """
    if word not in formats:
        raise UsageError.of(
            "U001",
            f"{option}: no format {word!r}",
            expected=f"one of {', '.join(formats)}",
            suggestion=did_you_mean(word, formats),
        )


TopologyArgument = Annotated[
    str,
    typer.Argument(
        metavar="TOPOLOGY",
        help="Topology file, or the name of one that ships with the planner.",
        autocompletion=complete_topology,
    ),
]
WorkloadArgument = Annotated[
    str,
    typer.Argument(
        metavar="WORKLOAD",
        help="Workload file, or the name of one that ships with the planner.",
        autocompletion=complete_workload,
    ),
]
PlacementArgument = Annotated[
    Path, typer.Argument(metavar="PLACEMENT", help="Placement file.", autocompletion=complete_placement)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
