"""Exporters: one module a launcher's format, which knows no other.

Each has ``OPTIONS``, what it can be told, and ``export(placement, options) -> Export``, which gets
a value for every one of them and raises `UsageError` for what the format cannot honour.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from planner.formats.writing.options import Option
    from planner.placement.placement import Placement

EXPORTERS: dict[str, str] = {
    "slurm": "slurm",
    "openmpi": "openmpi",
    "mpich": "mpich",
    "torchrun": "torchrun",
    "accelerate": "accelerate",
    "deepspeed": "deepspeed",
    "megatron": "megatron",
    "devicemesh": "devicemesh",
    "jax": "jax",
    "nccl": "nccl",
    "topograph": "topograph",
    "ray": "ray",
    "kubernetes": "kubernetes",
    "csv": "csv",
    "parquet": "parquet",
    "c": "c",
}
"""Module of each format's exporter, by the name that the command line knows."""

SINGLE_FILES: dict[str, str] = {"csv": "ranks.csv", "parquet": "ranks.parquet"}
"""Formats of a single file, which can be written without a folder, and its name inside one."""

CHANGING: tuple[str, ...] = ("c",)
"""Formats that can write what changed from another placement: those with ``export_changes``."""


@dataclass(frozen=True)
class Export:
    """What a launcher takes.

    Parameters
    ----------
    files
        Content by path relative to the folder.
    command
        The exact command that launches with these files, run from the folder; empty for data.
    notes
        Sentences for the README: what the launcher does with the files, and its traps.
    executable
        Paths of the scripts among the files.
    proof
        The exact command that runs ``planner_verify.py`` in the same way; empty where there is none.
    """

    files: dict[str, bytes]
    command: str = ""
    notes: tuple[str, ...] = ()
    executable: frozenset[str] = field(default_factory=frozenset)
    proof: str = ""


class Exporter(Protocol):
    """What an exporter's module offers."""

    OPTIONS: tuple[Option, ...]

    def export(self, placement: Placement, options: dict[str, str]) -> Export:
        """The files for `placement`; `options` has a value for each of ``OPTIONS``.

        Raises
        ------
        UsageError
            Where an option, or the placement itself, is beyond what the format can say.
        """
        ...


class ChangesExporter(Exporter, Protocol):
    """What the module of a format of `CHANGING` offers beside."""

    def export_changes(self, placement: Placement, base: Placement, options: dict[str, str]) -> Export:
        """The files for one who has those of `base`.

        Raises
        ------
        UsageError
            As `export`, and where the two have too little in common.
        """
        ...


def exporter(name: str) -> Exporter:
    """The exporter of the format called `name`."""
    return cast("Exporter", import_module(f"planner.formats.exporters.{EXPORTERS[name]}"))
