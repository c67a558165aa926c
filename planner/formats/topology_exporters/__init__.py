"""Exporters of topologies: one module a foreign format, which knows no other.

Each has ``OPTIONS``, what it can be told, and ``text(cluster, options) -> str``, which gets a value
for every one of them and raises `UsageError` for what the format cannot hold.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from planner.formats.writing.options import Option
    from planner.topology.cluster import Cluster

TOPOLOGY_EXPORTERS: dict[str, str] = {
    "slurm": "slurm",
    "slurm-yaml": "slurm_yaml",
    "ibnetdiscover": "ibnetdiscover",
}
"""Module of each format's exporter, by the name that the command line knows."""


class TopologyExporter(Protocol):
    """What the module of a format offers."""

    OPTIONS: tuple[Option, ...]

    def text(self, cluster: Cluster, options: dict[str, str]) -> str:
        """The file for `cluster`; `options` has a value for each of ``OPTIONS``.

        Raises
        ------
        UsageError
            Where an option, or the cluster itself, is beyond what the format can say.
        """
        ...


def topology_exporter(name: str) -> TopologyExporter:
    """The exporter of the format called `name`."""
    module = import_module(f"planner.formats.topology_exporters.{TOPOLOGY_EXPORTERS[name]}")
    return cast("TopologyExporter", module)
