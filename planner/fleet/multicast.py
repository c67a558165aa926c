"""How long it takes to spread new weights over the fabric, by multicast trees, and how long it must take.

For each bundle of bytes the domains that hold or need it are put in one line: at every tier those with a copy
first, otherwise as they lie. Each that needs it receives it from the one before it in the line and passes it
on while it comes in, so that every domain of every tier receives what it lacks once and sends it on at most
once. Of several domains with a copy, the one that stands last in the line, and so sends, changes from one
part of the bundle to the next.

With chunks small against the whole, a tier is done when its busiest uplink is: the larger of what comes in
and what goes out over its bandwidth, as seconds; the longest line adds a chunk and a latency for each hop,
which is reported as the number of hops, since topologies state no latency of tiers. No way of spreading is
faster than `least_s`: each domain must take in what it lacks, and what only one domain has must leave it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.fleet.flows import bundles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.fleet.flows import Bundle, Flow
    from planner.placement.placement import Placement
    from planner.topology.cluster import Cluster

    BoolArray = NDArray[np.bool_]
    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

MOST_TURNS, MOST_LINES = 16, 2_000


@dataclass(frozen=True)
class TierSpread:
    """Spreading at one tier.

    Parameters
    ----------
    tier
        Name of the tier.
    crossing_bytes
        Bytes that enter domains which lack them.
    seconds
        Time of the busiest uplink.
    least_s
        Lower bound on it for every way of spreading; both None where the tier's uplinks are free.
    """

    tier: str
    crossing_bytes: float
    seconds: float | None
    least_s: float | None


@dataclass(frozen=True)
class Spread:
    """Spreading weights over the fabric, tier by tier from the node boundary outwards.

    Parameters
    ----------
    tiers
        One entry a tier, without the whole cluster.
    hops
        Domains of the node boundary that the longest line of the trees passes through.
    """

    tiers: tuple[TierSpread, ...]
    hops: int

    @property
    def seconds(self) -> float:
        """Time of the slowest tier."""
        return max((each.seconds or 0.0 for each in self.tiers), default=0.0)

    @property
    def least_s(self) -> float:
        """Lower bound on the time of every way of spreading."""
        return max((each.least_s or 0.0 for each in self.tiers), default=0.0)


def spread(flow: Flow, source: Placement, target: Placement) -> Spread:
    """How long the weights of a flow take to get from one placement to the other."""
    cluster = source.cluster
    lines = _Lines(cluster, bundles(flow, source, target, cluster.boundary))
    lines.draw()
    tiers = tuple(lines.tier(index) for index in range(cluster.boundary, len(cluster.tiers) - 1))
    return Spread(tiers, lines.hops)


class _Lines:
    """The lines of all bundles, and what each domain of each tier takes in and sends on along them."""

    def __init__(self, cluster: Cluster, pieces: Sequence[Bundle]) -> None:
        self.cluster = cluster
        self.pieces = pieces
        self.hops = 0
        self.boundary = cluster.boundary
        self.around: list[IntArray] = [np.arange(cluster.tiers[self.boundary].domains)]
        for tier in cluster.tiers[self.boundary : -1]:
            self.around.append(tier.parent[self.around[-1]].astype(np.int64))
        sizes = [tier.domains for tier in cluster.tiers[self.boundary :]]
        self.taken = [np.zeros(size) for size in sizes]
        self.sent = [np.zeros(size) for size in sizes]
        self.sole = [np.zeros(size) for size in sizes]

    def draw(self) -> None:
        """Draw the lines of all bundles, each in as many turns as it has domains to begin from."""
        most = max(1, min(MOST_TURNS, MOST_LINES // max(1, len(self.pieces))))
        for piece in self.pieces:
            self._note_needs(piece)
            turns = min(most, int(piece.holders.sum()))
            for turn in range(turns):
                self._pass_on(piece, piece.size_bytes / turns, turn, turns)

    def _note_needs(self, piece: Bundle) -> None:
        """What each domain lacks of a bundle, and which domain alone has it while another lacks it."""
        for level, around in enumerate(self.around):
            has = np.unique(around[piece.holders])
            lacks = np.setdiff1d(around[piece.takers], has)
            self.taken[level][lacks] += piece.size_bytes
            if len(has) == 1 and len(lacks):
                self.sole[level][has] += piece.size_bytes

    def _pass_on(self, piece: Bundle, size_bytes: float, turn: int, turns: int) -> None:
        """Send a part of a bundle down its line."""
        line = self._line(piece, turn, turns)
        receives = ~piece.holders[line[1:]]
        hop = np.flatnonzero(receives)
        ends = np.flatnonzero(np.concatenate((~receives, [True])))
        self.hops = max(self.hops, int(np.diff(ends, prepend=-1).max()) - 1)
        before, after = line[:-1][hop], line[1:][hop]
        for level, around in enumerate(self.around):
            leaves = around[before] != around[after]
            np.add.at(self.sent[level], around[before[leaves]], size_bytes)

    def _line(self, piece: Bundle, turn: int, turns: int) -> IntArray:
        """The domains of a bundle in line, those with a copy first at every tier."""
        members = np.flatnonzero(piece.holders | piece.takers)
        keys: list[NDArray[np.generic]] = []
        for around in self.around:
            number = around[members]
            has = np.isin(number, around[piece.holders])
            keys += [_turned(number, has, turn, turns), ~has]
        line: IntArray = members[np.lexsort(keys)]
        return line

    def tier(self, index: int) -> TierSpread:
        """What the lines come to at one tier."""
        level, tier = index - self.boundary, self.cluster.tiers[index]
        uplink = tier.uplink_bytes_per_s
        crossing = float(self.taken[level].sum())
        if uplink is None:
            return TierSpread(tier.name, crossing, None, None)
        busiest = np.maximum(self.taken[level], self.sent[level])
        needed = np.maximum(self.taken[level], self.sole[level])
        return TierSpread(tier.name, crossing, longest(busiest, uplink), longest(needed, uplink))


def _turned(number: IntArray, has: BoolArray, turn: int, turns: int) -> IntArray:
    """Numbers of domains in an order that begins elsewhere each turn, those with a copy and those without."""
    order = np.zeros(len(number), np.int64)
    for each in (has, ~has):
        if each.any():
            different, index = np.unique(number[each], return_inverse=True)
            order[each] = (index + turn * len(different) // turns) % len(different)
    return order


def longest(moved: FloatArray, uplink: FloatArray) -> float:
    """Longest time that any one uplink needs for what it moves."""
    busy = moved > 0
    if not busy.any():
        return 0.0
    with np.errstate(divide="ignore"):
        return float((moved[busy] / uplink[busy]).max())
