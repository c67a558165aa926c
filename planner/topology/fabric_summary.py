"""What there is of a fabric: switches by level, links between levels, NICs by rail."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np

from planner.topology.wires import wires_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.topology.cluster import Cluster
    from planner.topology.wires import Wires

WHOLE_SHARE = 0.5


@dataclass(frozen=True)
class Level:
    """Switches of one level, 1 being the leaves; 0 for those that no node can reach.

    Parameters
    ----------
    down_links, down_bytes_per_s
        Links to nodes and to switches of lower levels, and their bandwidth together.
    up_links, up_bytes_per_s
        Links to switches of higher levels.
    """

    level: int
    switches: tuple[str, ...]
    down_links: int
    down_bytes_per_s: float
    up_links: int
    up_bytes_per_s: float


@dataclass(frozen=True)
class Trunks:
    """Pairs of switches of two levels.

    Parameters
    ----------
    lower, upper
        The levels.
    pairs
        Number of pairs by their number of links; those without a link under 0, where most of the
        switches that are joined at all are joined to each other.
    """

    lower: int
    upper: int
    pairs: Mapping[int, int]


@dataclass(frozen=True)
class Rail:
    """NICs of one rail, those out of service included, and the leaves that they go to."""

    rail: int
    nics: int
    in_service: int
    leaves: int


@dataclass(frozen=True)
class FabricSummary:
    """A fabric's levels, trunks and rails; rails are empty where links do not say which NIC they are of."""

    levels: tuple[Level, ...]
    trunks: tuple[Trunks, ...]
    rails: tuple[Rail, ...]


def summarize_fabric(cluster: Cluster) -> FabricSummary:
    """Facts of the fabric of `cluster` for people."""
    wires = wires_of(cluster)
    numbers = sorted({level or 0 for level in wires.switches.values()})
    joins: dict[tuple[int, int], dict[tuple[str, str], int]] = defaultdict(dict)
    for (low, high), links in wires.links.items():
        if low in wires.switches:
            joins[wires.switches[low] or 0, wires.switches[high] or 0][low, high] = links
    return FabricSummary(
        tuple(_level(wires, number) for number in numbers),
        tuple(Trunks(*levels, _pairs(links)) for levels, links in sorted(joins.items())),
        _rails(cluster, wires),
    )


def _level(wires: Wires, number: int) -> Level:
    names = tuple(name for name, level in wires.switches.items() if (level or 0) == number)
    own = set(names)
    down = [pair for pair in wires.links if pair[1] in own]
    up = [pair for pair in wires.links if pair[0] in own]
    return Level(
        number,
        names,
        sum(wires.links[pair] for pair in down),
        sum(wires.bytes_per_s[pair] for pair in down),
        sum(wires.links[pair] for pair in up),
        sum(wires.bytes_per_s[pair] for pair in up),
    )


def _pairs(links: dict[tuple[str, str], int]) -> dict[int, int]:
    """Pairs by number of links, the largest number first."""
    counts = Counter(links.values())
    graph = nx.Graph(list(links))
    lower = {low for low, _ in links}
    for piece in nx.connected_components(graph):
        below = len(piece & lower)
        possible = below * (len(piece) - below)
        joined = graph.subgraph(piece).number_of_edges()
        if joined > WHOLE_SHARE * possible:
            counts[0] += possible - joined
    return {number: pairs for number, pairs in sorted(counts.items(), reverse=True) if pairs}


def _rails(cluster: Cluster, wires: Wires) -> tuple[Rail, ...]:
    leaves: dict[int, set[str]] = defaultdict(set)
    for (low, high), nics in wires.nics.items():
        if low in wires.hosts:
            for nic in nics:
                leaves[nic].add(high)
    if not leaves:
        return ()
    size = int(cluster.nic_rail.max(initial=-1)) + 1
    on_rail = cluster.nic_rail >= 0
    total = np.bincount(cluster.nic_rail[on_rail], minlength=size)
    live = np.bincount(cluster.nic_rail[on_rail & cluster.nic_in_service], minlength=size)
    return tuple(
        Rail(rail, int(total[rail]), int(live[rail]), len(leaves.get(rail, ()))) for rail in range(size)
    )
