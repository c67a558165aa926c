"""The network of a cluster as pairs of what is joined: nodes by host name, and switches with levels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from planner.topology.graph import to_graph
from planner.topology.levels import switch_levels
from planner.topology.names import natural

if TYPE_CHECKING:
    import networkx as nx

    from planner.topology.cluster import Cluster

    Pair = tuple[str, str]


@dataclass
class Wires:
    """The network of a cluster: hosts by name, switches, and what joins them.

    Parameters
    ----------
    switches
        Level of each switch, None where no node can reach it.
    links, bytes_per_s, nics
        Parallel links of each pair, their bandwidth together, and the NICs they belong to, with a
        host first and a lower switch before a higher one.
    hosts
        Names of the hosts.
    """

    switches: dict[str, int | None] = field(default_factory=dict)
    links: dict[Pair, int] = field(default_factory=dict)
    bytes_per_s: dict[Pair, float] = field(default_factory=dict)
    nics: dict[Pair, frozenset[int]] = field(default_factory=dict)
    hosts: set[str] = field(default_factory=set)


def wires_of(cluster: Cluster) -> Wires:
    """The network of `cluster`, without what is NVLink."""
    graph = to_graph(cluster)
    kinds: dict[str, str] = dict(graph.nodes(data="kind"))
    hosts: dict[str, str] = {
        name: graph.nodes[name]["name"] for name, kind in kinds.items() if kind == "node"
    }
    switches = {name for name, kind in kinds.items() if kind == "switch" and _in_network(graph, name)}
    beneath: dict[str, set[str]] = {name: set() for name in sorted(switches, key=natural)}
    beside: dict[str, set[str]] = {name: set() for name in beneath}
    for a, b in graph.edges:
        for this, that in ((a, b), (b, a)):
            if this in switches:
                (beside if that in switches else beneath)[this].add(that)
    levels = switch_levels(beneath, beside)
    wires = Wires({name: levels.get(name) for name in beneath}, hosts=set(hosts.values()))
    for a, b, data in graph.edges(data=True):
        if data["scale_up"] or not {a, b} <= switches | hosts.keys():
            continue
        low, high = sorted((a, b), key=lambda name: (name in switches, levels.get(name, 0), natural(name)))
        pair = hosts.get(low, low), high
        wires.links[pair], wires.bytes_per_s[pair] = data["links"], data["bytes_per_s"]
        wires.nics[pair] = frozenset(data.get("nics", ()))
    return wires


def _in_network(graph: nx.Graph, switch: str) -> bool:
    """Whether a switch is joined by anything but NVLink, or by nothing."""
    edges = [scale_up for _, _, scale_up in graph.edges(switch, data="scale_up")]
    return not edges or not all(edges)
