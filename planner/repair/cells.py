"""What of a cluster moves to spares as a whole: cells of nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.repair.failures import Components
    from planner.topology.cluster import Cluster

    IntArray = NDArray[np.int64]
    BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Cells:
    """The domains of a tier as a job sees them that takes the same of each.

    Parameters
    ----------
    of_node
        Cell of each node, shape (nodes,).
    whole
        Whether a node has as many GPUs in service as most have, shape (nodes,). The others are as if
        they were not there.
    nodes, gpus
        Nodes of a whole cell, and GPUs of a whole node: what most have.
    lacking
        Nodes that each cell lacks to be whole, shape (cells,).
    outer
        Domain of each cell in each tier between it and the cluster, shape (tiers, cells).
    """

    of_node: IntArray
    whole: BoolArray
    nodes: int
    gpus: int
    lacking: IntArray
    outer: IntArray

    @classmethod
    def of(cls, cluster: Cluster, components: Components, tier: int) -> Cells:
        """The domains of `tier` as cells."""
        cell = np.arange(cluster.nodes, dtype=np.int64)
        for each in cluster.tiers[:tier]:
            cell = each.parent[cell].astype(np.int64)
        gpus = _most_common(components.gpus.astype(np.int64))
        whole = (components.gpus >= gpus) & (components.gpus > 0)
        count = cluster.tiers[tier].domains
        nodes = _most_common(np.bincount(cell, minlength=count))
        lacking = np.maximum(0, nodes - np.bincount(cell[whole], minlength=count))
        return cls(cell, whole, nodes, gpus, lacking.astype(np.int64), _outer_domains(cluster, tier))

    @property
    def present(self) -> int:
        """Cells with a whole node."""
        return int((self.lacking < self.nodes).sum())


def _most_common(numbers: IntArray) -> int:
    """The number above 0 that comes most often, of several the largest; 0 where there is none."""
    values, times = np.unique(numbers[numbers > 0], return_counts=True)
    return int(values[times == times.max()][-1]) if values.size else 0


def _outer_domains(cluster: Cluster, tier: int) -> IntArray:
    domain, found = np.arange(cluster.tiers[tier].domains, dtype=np.int64), []
    for each in cluster.tiers[tier:-2]:
        domain = each.parent[domain].astype(np.int64)
        found.append(domain)
    return np.array(found, np.int64).reshape(len(found), cluster.tiers[tier].domains)
