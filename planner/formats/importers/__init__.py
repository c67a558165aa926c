"""Importers: one module a foreign format, which knows no other.

Each has ``recognises(source) -> bool`` and ``read(source) -> Site``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from planner.formats.site.site import Site, Source

IMPORTERS: dict[str, str] = {
    "kubernetes": "kubernetes",
    "aws": "aws",
    "gcp": "gcp",
    "topograph": "topograph",
    "ibnetdiscover": "ibnetdiscover",
    "iblinkinfo": "iblinkinfo",
    "lldp": "lldp",
    "simai": "simai",
    "nccl": "nccl",
    "hwloc": "hwloc",
    "nvidia-smi": "nvidia_smi",
    "rocm-smi": "rocm_smi",
    "astra-sim": "astra_sim",
    "slurm": "slurm",
}
"""Module of each format's importer, by the name that the command line knows.

Where none is named they are asked in this order whether they recognise a file.
"""

TOGETHER = frozenset({"kubernetes"})
"""Formats whose files are read together, since what one names can stand in another."""


class Importer(Protocol):
    """What an importer's module offers."""

    def recognises(self, source: Source) -> bool:
        """Whether `source` looks like this format; cheap, and never raises."""
        ...

    def read(self, source: Source, *more: Source) -> Site:
        """The site as `source` describes it, with `more` where the format is one of `TOGETHER`.

        Raises
        ------
        InputError
            Only where nothing at all can be made of it; what is merely odd is a finding.
        """
        ...


def importer(name: str) -> Importer:
    """The importer of the format called `name`."""
    return cast("Importer", import_module(f"planner.formats.importers.{IMPORTERS[name]}"))
