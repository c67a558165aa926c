"""Switches that are not simply those of the domains: rails, tori, dragonflies, explicit links."""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from planner.topology.names import expand
from planner.topology.selectors import Selectors
from planner.topology.vertices import join, node_names, switch_names

if TYPE_CHECKING:
    import networkx as nx

    from planner.topology.cluster import Cluster, IntArray
    from planner.topology.fabric_schema import Dragonfly, Links, RailOptimized, Torus


def add_rails(graph: nx.Graph, cluster: Cluster, fabric: RailOptimized) -> None:
    """Leaves for each rail, plane and unit, and the spines of each plane that join them.

    A NIC's bandwidth is split over the planes; it goes to the leaf of its rail that its node's
    place in the unit falls to. The uplink of a unit is split over its leaves, and each leaf's over
    the spines of its plane; without an uplink a leaf sends on all that comes from beneath.
    """
    tier = cluster.tier_index(fabric.unit)
    unit_of_node, place = _places(cluster, tier)
    units = switch_names(cluster, tier)
    names = node_names(cluster)
    for nic in range(len(cluster.nic_node)):
        node = int(cluster.nic_node[nic])
        rail = int(cluster.nic_rail[nic] if cluster.nic_rail[nic] >= 0 else cluster.nic_local[nic])
        leaf = int(place[node]) % fabric.leaves
        speed = float(cluster.nic_bytes_per_s[nic]) * bool(cluster.nic_in_service[nic]) / fabric.planes
        for plane in range(fabric.planes):
            name = _leaf(units[unit_of_node[node]], plane, rail % fabric.rails, leaf)
            graph.add_node(name, kind="switch", tier=fabric.unit, name=name, plane=plane, in_service=True)
            join(graph, [names[node]], [name], speed, nic=int(cluster.nic_local[nic]))
    _add_spines(graph, cluster, fabric, tier, units)


def _add_spines(
    graph: nx.Graph, cluster: Cluster, fabric: RailOptimized, tier: int, units: list[str]
) -> None:
    """Join every leaf to the spines of its plane."""
    uplinks = cluster.tiers[tier].uplink_bytes_per_s
    outermost = cluster.tiers[-1].name
    for plane in range(fabric.planes):
        spines = [f"plane{plane}/spine{number}" for number in range(fabric.spines)]
        for spine in spines:
            graph.add_node(spine, kind="switch", tier=outermost, name=spine, plane=plane, in_service=True)
        for unit, path in enumerate(units):
            leaves = [
                name
                for rail in range(fabric.rails)
                for leaf in range(fabric.leaves)
                if (name := _leaf(path, plane, rail, leaf)) in graph
            ]
            for leaf_name in leaves:
                if uplinks is None:
                    speed = graph.degree(leaf_name, weight="bytes_per_s")
                else:
                    speed = float(uplinks[unit]) / (fabric.planes * len(leaves))
                join(graph, [leaf_name], spines, speed / fabric.spines)


def _leaf(unit: str, plane: int, rail: int, leaf: int) -> str:
    return f"{unit}/plane{plane}/rail{rail}/leaf{leaf}"


def _places(cluster: Cluster, tier: int) -> tuple[IntArray, IntArray]:
    """Domain of `tier` that each node lies in, and the node's place there, each of shape (nodes,)."""
    domain = np.arange(cluster.nodes, dtype=np.int32)
    for inner in cluster.tiers[:tier]:
        domain = inner.parent[domain]
    order = np.argsort(domain, kind="stable")
    starts = np.searchsorted(domain[order], np.arange(cluster.tiers[tier].domains))
    place = np.empty(len(domain), np.int32)
    place[order] = np.arange(len(domain)) - starts[domain[order]]
    return domain, place


def add_torus(graph: nx.Graph, cluster: Cluster, fabric: Torus) -> None:
    """Join each node to the next along every dimension, the last to the first.

    The first dimension is the fastest in authored order. Along a dimension of two both links of a
    node lead to the same neighbour.
    """
    names = np.array(node_names(cluster), object).reshape(fabric.dims, order="F")
    for axis, size in enumerate(fabric.dims):
        if size == 1:
            continue
        following = np.roll(names, -1, axis)
        for name, neighbour in zip(names.ravel(), following.ravel(), strict=True):
            join(graph, [name], [neighbour], fabric.bandwidth)


def add_dragonfly(graph: nx.Graph, cluster: Cluster, fabric: Dragonfly) -> None:
    """Fully joined switches in each group, its nodes dealt out to them, one link between two groups.

    The link from group i to group j leaves from switch j modulo the number of switches.
    """
    tier = cluster.tier_index(fabric.group)
    group_of_node, place = _places(cluster, tier)
    groups = [
        [f"{path}/router{number}" for number in range(fabric.switches)]
        for path in switch_names(cluster, tier)
    ]
    for routers in groups:
        for router in routers:
            graph.add_node(router, kind="switch", tier=fabric.group, name=router, in_service=True)
        for one, other in combinations(routers, 2):
            join(graph, [one], [other], fabric.local)
    uplink = cluster.tiers[0].uplink_bytes_per_s
    for node, name in enumerate(node_names(cluster)):
        router = groups[group_of_node[node]][place[node] % fabric.switches]
        join(graph, [name], [router], math.inf if uplink is None else float(uplink[node]))
    for i, j in combinations(range(len(groups)), 2):
        ends = groups[i][j % fabric.switches], groups[j][i % fabric.switches]
        join(graph, [ends[0]], [ends[1]], fabric.between_groups)


def add_links(graph: nx.Graph, cluster: Cluster, fabric: Links) -> None:
    """The switches and links that are named."""
    switches = switch_list(fabric)
    outermost = cluster.tiers[-1].name
    for switch in switches:
        graph.add_node(switch, kind="switch", tier=outermost, name=switch, in_service=True)
    selectors, known = Selectors(cluster.tiers), set(switches)
    names = node_names(cluster)
    for link in fabric.links:
        some, others = (find_end(end, known, selectors, names) for end in link.ends)
        cut_off = set() if link.nic is None else {names[node] for node in _nodes_without(cluster, link.nic)}
        for end in some:
            ways = [other for other in others if end not in cut_off and other not in cut_off]
            join(graph, [end], ways, link.bandwidth, links=link.count, nic=link.nic)
            join(
                graph,
                [end],
                [other for other in others if other not in ways],
                0.0,
                links=link.count,
                nic=link.nic,
            )


def _nodes_without(cluster: Cluster, nic: int) -> list[int]:
    """Nodes whose NIC of that number is out of service."""
    down = (cluster.nic_local == nic) & ~cluster.nic_in_service
    nodes: list[int] = cluster.nic_node[down].tolist()
    return nodes


def switch_list(fabric: Links) -> list[str]:
    """Names of all switches; raises InputError (T001, T002) where a range cannot be read."""
    return [name for names in fabric.switches for name in expand(names)]


def find_end(end: str, switches: set[str], selectors: Selectors, nodes: list[str]) -> list[str]:
    """The vertices that one end of a link stands for: switches by name, or else nodes by selector.

    Raises
    ------
    InputError
        T006 where it is neither, and as `Selectors.find`.
    """
    if "/" not in end and "*" not in end and switches.issuperset(names := expand(end)):
        return names
    selected = selectors.find(end)
    return [nodes[node] for node in selectors.nodes_beneath(selected).tolist()]
