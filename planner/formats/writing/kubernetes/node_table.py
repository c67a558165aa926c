"""Hosts as pods see them: the ranks of each, and their GPUs as the container numbers them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from planner.errors import UsageError
from planner.formats.writing.seats import hosts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from planner.placement.placement import Placement

_NODE = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
LONGEST_LABEL = 63


@dataclass(frozen=True)
class Node:
    """A node that holds ranks.

    Parameters
    ----------
    name
        Its name in Kubernetes.
    ranks
        Its ranks, ascending: the place of one among them is its local rank.
    devices
        The GPU of each, as an index among those of the node that are in service: a container gets
        these alone, numbered anew.
    gpus
        GPUs of the node in service. A pod asks for all of them, or which it gets would be chance.
    """

    name: str
    ranks: tuple[int, ...]
    devices: tuple[int, ...]
    gpus: int

    @property
    def row(self) -> str:
        """The node's line in the table that pods read."""
        return f"{self.name} {ranges(self.ranks)} {ranges(self.devices)}"


def nodes_of(placement: Placement) -> tuple[Node, ...]:
    """The nodes that hold ranks, in the order of the lowest rank of each.

    Raises
    ------
    UsageError
        ``E022`` for a host name that no node can have, ``E004`` for a rank on a GPU out of service.
    """
    cluster = placement.cluster
    if not cluster.gpu_in_service[placement.gpu_of_rank].all():
        raise UsageError.of(
            "E004",
            "a rank is on a GPU that is out of service, which no pod is given",
            expected="ranks on GPUs in service",
            suggestion="planner check, which names the rank, and planner plan, for a new placement",
        )
    counts = np.bincount(cluster.gpu_node[cluster.gpu_in_service], minlength=cluster.nodes)
    before = np.cumsum(counts) - counts
    # Place of every GPU among those of its node that are in service.
    place = np.cumsum(cluster.gpu_in_service) - 1 - before[cluster.gpu_node]
    devices = place[placement.gpu_of_rank].tolist()
    own = cluster.gpu_node[placement.gpu_of_rank].tolist()
    found = []
    for host in hosts_of(placement):
        _require_node_name(host.name)
        gpus = int(counts[own[host.ranks[0]]])
        found.append(Node(host.name, host.ranks, tuple(devices[rank] for rank in host.ranks), gpus))
    return tuple(found)


def _require_node_name(name: str) -> None:
    if not _NODE.fullmatch(name) or len(name) > LONGEST_LABEL:
        raise UsageError.of(
            "E022",
            f"{name!r} cannot be the name of a node of Kubernetes",
            expected=f"small letters, digits, dots and dashes, at most {LONGEST_LABEL} characters",
            suggestion="host_name: in the topology, which says what launchers call a node",
        )


def ranges(numbers: Sequence[int]) -> str:
    """Whole numbers in their order, runs of consecutive ones as ``first-last``."""
    parts = []
    for _, run in groupby(enumerate(numbers), key=lambda each: each[1] - each[0]):
        own = [number for _, number in run]
        parts.append(f"{own[0]}-{own[-1]}" if len(own) > 1 else str(own[0]))
    return ",".join(parts)


def table(nodes: Iterable[Node]) -> str:
    """What pods look their ranks up in, a node a line."""
    return "".join(f"{node.row}\n" for node in nodes)
