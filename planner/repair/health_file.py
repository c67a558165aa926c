"""The health file: what is out of service now, as a monitor writes it.

Either a short list of selectors, all that is out of service and nothing else:

    format_version: 1
    down: ["p01/u01/r1/t05", "p01/u07/r1/t02/gpu3"]

or a topology file of the same hardware in its new state, uplinks included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from planner.errors import InputError
from planner.repair.service import Health, adopted, with_health
from planner.source import Authored, Findings, read_document, validate

if TYPE_CHECKING:
    import os

    from planner.source import Document
    from planner.topology.cluster import Cluster


class HealthFile(Authored):
    """All that is out of service."""

    format_version: Literal[1]
    """Version of this format."""
    down: list[str] = Field(default_factory=list)
    """Selectors of what is out of service; everything else is in service."""


def with_health_file(cluster: Cluster, path: str | os.PathLike[str]) -> Cluster:
    """The cluster in the state that a health file tells.

    Raises
    ------
    InputError
        With what is wrong with the file, each at its place.
    UsageError
        U001 where it is the topology of other hardware.
    """
    document = read_document(path, "topology")
    if document.has(("tiers",)):
        from planner.topology.load import to_cluster

        return adopted(cluster, to_cluster(document))
    file = validate(document, HealthFile)
    _require_selectable(cluster, document, file)
    return with_health(cluster, Health(down=file.down, complete=True))


def _require_selectable(cluster: Cluster, document: Document, file: HealthFile) -> None:
    """Raise InputError with every selector that selects nothing, at its place."""
    findings = Findings(document)
    for index, selector in enumerate(file.down):
        try:
            with_health(cluster, Health(down=[selector]))
        except InputError as error:
            findings.take(error, ("down", index))
    findings.settle()
