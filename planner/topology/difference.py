"""What a second cluster lacks of a first, or has beside or otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.topology.changes import Change, common_nodes, node_changes
from planner.topology.domain_changes import domain_changes
from planner.topology.link_changes import link_changes

if TYPE_CHECKING:
    from planner.topology.cluster import Cluster


@dataclass(frozen=True)
class TopologyDifference:
    """The differences of two clusters.

    Parameters
    ----------
    first, second
        The cluster as it should be, and as it is.
    changes
        What differs: nodes, what they are made of, domains, switches and links.
    common
        Number of nodes that both have.
    """

    first: Cluster
    second: Cluster
    changes: tuple[Change, ...]
    common: int

    @property
    def same(self) -> bool:
        """Whether there is no difference."""
        return not self.changes


def compare(first: Cluster, second: Cluster) -> TopologyDifference:
    """The differences of `second`, a cluster as it is, from `first`, as it should be.

    Nodes are matched by host name, domains by the nodes in them, switches by name.
    """
    common = common_nodes(first, second)
    changes = [
        *node_changes(first, second, common),
        *domain_changes(first, second, common),
        *link_changes(first, second),
    ]
    return TopologyDifference(first, second, tuple(changes), len(common.names))
