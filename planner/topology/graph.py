"""A cluster as a networkx graph of nodes and switches.

Vertices are named by their paths. They carry ``kind`` (``node`` or ``switch``), ``tier``, ``name``
and ``in_service``; nodes also ``gpus`` and ``gpus_in_service``. Edges carry ``bytes_per_s`` per
direction, summed over their ``links``, and ``scale_up``: whether they are NVLink and not network;
those of nodes also ``nics``, where it is known which NICs they belong to.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np

from planner.topology import fabric as fabrics
from planner.topology.fabric_schema import Clos, Dragonfly, Links, RailOptimized, Torus
from planner.topology.vertices import add_nodes, join, node_names, switch_names

if TYPE_CHECKING:
    from planner.topology.cluster import Cluster
    from planner.topology.fabric_schema import Fabric


def to_graph(cluster: Cluster, fabric: Fabric | None = None) -> nx.Graph:
    """The graph of `cluster`.

    Parameters
    ----------
    fabric
        The switches; by default those that the topology file describes, and where it describes
        none, one switch for each domain.
    """
    graph = nx.Graph(name=cluster.name)
    add_nodes(graph, cluster)
    chosen = fabric or cluster.fabric
    match chosen:
        case None:
            add_tiers(graph, cluster, {})
        case Clos(switches=switches):
            add_tiers(graph, cluster, switches)
        case _:
            add_scale_up(graph, cluster)
            _add_network(graph, cluster, chosen)
    return graph


def _add_network(graph: nx.Graph, cluster: Cluster, fabric: Fabric) -> None:
    match fabric:
        case RailOptimized():
            fabrics.add_rails(graph, cluster, fabric)
        case Torus():
            fabrics.add_torus(graph, cluster, fabric)
        case Dragonfly():
            fabrics.add_dragonfly(graph, cluster, fabric)
        case Links():
            fabrics.add_links(graph, cluster, fabric)


def add_tiers(graph: nx.Graph, cluster: Cluster, switches: dict[str, int]) -> None:
    """Join every domain to the switches of the one around it; what leaves it is its uplink.

    Parameters
    ----------
    switches
        Switches a domain, by tier; 1 for a tier that is not there.
    """
    add_scale_up(graph, cluster)
    beneath = [[name] for name in node_names(cluster)]
    for index in range(1, cluster.boundary + 1):
        beneath = [[name] for name in switch_names(cluster, index)]
    for index in range(cluster.boundary + 1, len(cluster.tiers)):
        above = _add_switches(graph, cluster, index, switches.get(cluster.tiers[index].name, 1))
        inner = cluster.tiers[index - 1]
        for domain, own in enumerate(beneath):
            uplink = math.inf if inner.uplink_bytes_per_s is None else float(inner.uplink_bytes_per_s[domain])
            around = above[int(inner.parent[domain])]
            join(graph, own, around, uplink / (len(own) * len(around)))
        beneath = above


def _add_switches(graph: nx.Graph, cluster: Cluster, index: int, count: int) -> list[list[str]]:
    """`count` switches for every domain of a tier."""
    tier = cluster.tiers[index]
    named = [
        [name] if count == 1 else [f"{name}#{number}" for number in range(count)]
        for name in switch_names(cluster, index)
    ]
    live = np.zeros(tier.domains, np.bool_)
    live[cluster.domain_of_gpu[index][cluster.gpu_in_service]] = True
    for domain, names in enumerate(named):
        own = tier.names[domain]
        graph.add_nodes_from(names, kind="switch", tier=tier.name, name=own, in_service=bool(live[domain]))
    return named


def add_scale_up(graph: nx.Graph, cluster: Cluster) -> None:
    """Join the nodes of each scale-up domain that is larger than a node, through the tiers in it."""
    beneath = node_names(cluster)
    gpus = np.bincount(cluster.gpu_node, minlength=cluster.nodes)
    per_gpu = cluster.tiers[cluster.boundary].scale_up_bytes_per_s or math.inf
    for index in range(1, cluster.boundary + 1):
        parent = cluster.tiers[index - 1].parent
        above = [names[0] for names in _add_switches(graph, cluster, index, 1)]
        for domain, own in enumerate(beneath):
            join(graph, [own], [above[int(parent[domain])]], float(gpus[domain]) * per_gpu, scale_up=True)
        gpus = np.bincount(parent, weights=gpus, minlength=len(above))
        beneath = above
