"""Names of vertices and the joining of them, shared by all kinds of fabric."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import networkx as nx

    from planner.topology.cluster import Cluster


def switch_names(cluster: Cluster, index: int) -> list[str]:
    """Name of the (first) switch of each domain of a tier: its path."""
    return [cluster.domain_path(index, domain) for domain in range(cluster.tiers[index].domains)]


def node_names(cluster: Cluster) -> list[str]:
    """Name of each node: its path."""
    return switch_names(cluster, 0)


def add_nodes(graph: nx.Graph, cluster: Cluster) -> None:
    """Add the nodes of a cluster, without edges."""
    gpus = np.bincount(cluster.gpu_node, minlength=cluster.nodes)
    live = np.bincount(cluster.gpu_node[cluster.gpu_in_service], minlength=cluster.nodes)
    tier = cluster.tiers[0].name
    for name, host, total, working in zip(
        node_names(cluster), cluster.host_names, gpus.tolist(), live.tolist(), strict=True
    ):
        graph.add_node(
            name,
            kind="node",
            tier=tier,
            name=host,
            gpus=total,
            gpus_in_service=working,
            in_service=working > 0,
        )


def join(
    graph: nx.Graph,
    some: Sequence[str],
    others: Sequence[str],
    bytes_per_s: float,
    *,
    links: int = 1,
    nic: int | None = None,
    scale_up: bool = False,
) -> None:
    """Join each of `some` to each of `others` by `links` links of `bytes_per_s` each.

    Where there is an edge already, the links come on top of it. The NIC that they belong to is noted
    in the edge's set ``nics``, where it is known.
    """
    for one, other in product(some, others):
        if graph.has_edge(one, other):
            edge = graph.edges[one, other]
            edge["links"] += links
            edge["bytes_per_s"] += links * bytes_per_s
        else:
            graph.add_edge(one, other, links=links, bytes_per_s=links * bytes_per_s, scale_up=scale_up)
        if nic is not None:
            graph.edges[one, other].setdefault("nics", set()).add(nic)
