"""The cables of a cluster: what its graph joins, as links between adapters and switches."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.topology.fabric import find_end, switch_list
from planner.topology.fabric_schema import Links, RailOptimized
from planner.topology.graph import to_graph
from planner.topology.selectors import Selectors
from planner.topology.vertices import node_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    import networkx as nx

    from planner.topology.cluster import Cluster

USUAL_BYTES_PER_S = 50e9


@dataclass(frozen=True)
class Cable:
    """One link between two vertices; `one` is a node where any is.

    Parameters
    ----------
    nic, port
        Adapter of the node, and port of that, the first of which is 1; -1 between switches.
    """

    one: str
    other: str
    bytes_per_s: float
    nic: int = -1
    port: int = 1


def cables(cluster: Cluster) -> list[Cable]:
    """All cables that carry anything.

    Where the file describes links one by one they are these. Else a bandwidth is as many links as
    it takes at the speed of an adapter, dealt out to the adapters of a node in turn.
    """
    fabric = cluster.fabric
    found = _described(cluster, fabric) if isinstance(fabric, Links) else list(_split(cluster))
    return [cable for cable in found if cable.bytes_per_s > 0]


def _described(cluster: Cluster, fabric: Links) -> list[Cable]:
    """The links of the file; those of an adapter that is out of service carry nothing."""
    switches, selectors, nodes = set(switch_list(fabric)), Selectors(cluster.tiers), node_names(cluster)
    number = {name: node for node, name in enumerate(nodes)}
    live = {
        (int(node), int(nic))
        for node, nic in zip(
            cluster.nic_node[cluster.nic_in_service], cluster.nic_local[cluster.nic_in_service], strict=True
        )
    }
    ports: dict[tuple[str, int], int] = defaultdict(int)
    found = []
    for link in fabric.links:
        some, others = (find_end(end, switches, selectors, nodes) for end in link.ends)
        for one, other in ((one, other) for one in some for other in others):
            near, far = (one, other) if one in number else (other, one)
            nic = -1 if near not in number else link.nic or 0
            down = link.nic is not None and near in number and (number[near], nic) not in live
            for _ in range(link.count):
                ports[near, nic] += 1
                found.append(Cable(near, far, 0.0 if down else link.bandwidth, nic, ports[near, nic]))
    return found


def _split(cluster: Cluster) -> Iterator[Cable]:
    """Edges of the graph as links of the speed of an adapter."""
    graph = to_graph(cluster)
    rate = float(cluster.nic_bytes_per_s.max()) if len(cluster.nic_bytes_per_s) else USUAL_BYTES_PER_S
    of_node: dict[str, list[tuple[str, float]]] = defaultdict(list)
    adapters = _adapters(cluster)
    for one, other, speed in _network(graph, adapters):
        count = 1 if math.isinf(speed) else max(1, math.ceil(speed / rate - 1e-6))
        each = rate if math.isinf(speed) else speed / count
        if one in adapters:
            of_node[one] += [(other, each)] * count
        else:
            yield from (Cable(one, other, each) for _ in range(count))
    for node, links in of_node.items():
        ports = math.ceil(len(links) / len(adapters[node]))
        for number, (other, each) in enumerate(links):
            yield Cable(node, other, each, adapters[node][number // ports], number % ports + 1)


def _adapters(cluster: Cluster) -> dict[str, list[int]]:
    """Adapters that the edges of each node are made of: one, where the file says nothing of any."""
    all_of_them = isinstance(cluster.fabric, RailOptimized)
    found: dict[str, list[int]] = {name: [] for name in node_names(cluster)}
    names = list(found)
    for node, nic, live in zip(cluster.nic_node, cluster.nic_local, cluster.nic_in_service, strict=True):
        if live or all_of_them:
            found[names[int(node)]].append(int(nic))
    return {name: nics or [0] for name, nics in found.items()}


def _network(graph: nx.Graph, adapters: dict[str, list[int]]) -> Iterator[tuple[str, str, float]]:
    """Edges that are network, nodes first; what leaves an NVLink domain is shared out to its nodes."""
    inside = _inside_scale_up(graph)
    for one, other, edge in graph.edges(data=True):
        if edge["scale_up"]:
            continue
        near, far = (one, other) if one in adapters or one in inside else (other, one)
        nodes = inside.get(near, [near])
        total = sum(len(adapters[node]) for node in nodes) if near in inside else 1
        for node in nodes:
            share = len(adapters[node]) / total if near in inside else 1.0
            yield node, far, float(edge["bytes_per_s"]) * share


def _inside_scale_up(graph: nx.Graph) -> dict[str, list[str]]:
    """Nodes beneath every switch of an NVLink domain."""
    import networkx as nx

    edges = [(one, other) for one, other, edge in graph.edges(data=True) if edge["scale_up"]]
    found: dict[str, list[str]] = {}
    for part in nx.connected_components(nx.Graph(edges)):
        nodes = [name for name in graph if name in part and graph.nodes[name]["kind"] == "node"]
        found |= {name: nodes for name in part if graph.nodes[name]["kind"] == "switch"}
    return found
