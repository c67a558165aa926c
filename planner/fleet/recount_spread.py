"""Times of spreading weights counted a second way, for the fleet's check alone.

Lines are ordered by one whole number a domain, which its places at all tiers make up from the outside in.
None of it is shared with `planner.fleet.multicast`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from planner.fleet.recount_flows import Pieces
    from planner.topology.cluster import Cluster

    BoolArray = NDArray[np.bool_]
    IntArray = NDArray[np.int64]
    FloatArray = NDArray[np.float64]

# A piece goes out in at most so many turns; all pieces together, where they have more than one, in so many.
TURNS_OF_A_PIECE, TURNS_OF_ALL = 16, 2000


class TierTimes(NamedTuple):
    """What a tier comes to: bytes that come in, seconds, and least seconds; None where uplinks are free."""

    crossing_bytes: float
    seconds: float | None
    least_s: float | None


@dataclass(frozen=True)
class Recounted:
    """One entry a tier from the node boundary on, the outermost left out; and the longest run of hops."""

    tiers: tuple[TierTimes, ...]
    hops: int


def recount_spread(cluster: Cluster, pieces: Pieces) -> Recounted:
    """Times of spreading pieces that are given by domains of the node boundary."""
    levels = _levels(cluster)
    enters = [np.zeros(int(level.max()) + 1) for level in levels]
    leaves, alone, hops = [each.copy() for each in enters], [each.copy() for each in enters], 0
    turns_left = max(1, TURNS_OF_ALL // max(1, len(pieces)))
    for (has, needs), size in pieces.items():
        holders = np.array(sorted(has), np.int64)
        members = np.array(sorted(has | needs), np.int64)
        for level, come, sole in zip(levels, enters, alone, strict=True):
            _note(size, set(level[holders].tolist()), set(level[members].tolist()), come, sole)
        turns = min(TURNS_OF_A_PIECE, turns_left, len(has))
        for line in _lines(levels, holders, members, turns):
            takes = ~np.isin(line[1:], holders)
            hops = max(hops, _longest_run(takes))
            for level, sends in zip(levels, leaves, strict=True):
                outwards = takes & (np.diff(level[line]) != 0)
                np.add.at(sends, level[line[:-1][outwards]], size / turns)
    tiers = tuple(
        _times(tier.uplink_bytes_per_s, *moved)
        for tier, *moved in zip(cluster.tiers[cluster.boundary : -1], enters, leaves, alone, strict=False)
    )
    return Recounted(tiers, hops)


def _levels(cluster: Cluster) -> list[IntArray]:
    """For each tier from the node boundary on the domain in which each domain of the boundary lies."""
    levels: list[IntArray] = [np.arange(cluster.tiers[cluster.boundary].domains)]
    for tier in cluster.tiers[cluster.boundary : -1]:
        levels.append(tier.parent.astype(np.int64)[levels[-1]])
    return levels


def _note(size: float, has: set[int], members: set[int], come: FloatArray, sole: FloatArray) -> None:
    """Add what comes into each domain that lacks a piece, and what must leave the only one that has it."""
    lacking = list(members - has)
    come[lacking] += size
    if lacking and len(has) == 1:
        sole[list(has)] += size


def _lines(levels: list[IntArray], holders: IntArray, members: IntArray, turns: int) -> Iterator[IntArray]:
    """The members in line, once each turn."""
    for turn in range(turns):
        key = np.zeros(len(members), np.int64)
        for level in reversed(levels):
            place = _places(level, holders, members, turn, turns)
            key = key * (int(place.max()) + 1) + place[level[members]]
        yield members[np.argsort(key, kind="stable")]


def _places(level: IntArray, holders: IntArray, members: IntArray, turn: int, turns: int) -> IntArray:
    """The place of each domain of a tier in line: first those that have a piece, then those that lack it.

    Each of the two goes round by as much as turns have gone by.
    """
    has, here = (np.zeros(int(level.max()) + 1, np.bool_) for _ in range(2))
    has[level[holders]] = True
    here[level[members]] = True
    place = np.zeros(len(has), np.int64)
    first = 0
    for some in (np.flatnonzero(has), np.flatnonzero(here & ~has)):
        place[np.roll(some, len(some) * turn // turns)] = first + np.arange(len(some))
        first += len(some)
    return place


def _longest_run(flags: BoolArray) -> int:
    """The most flags that are set one after the other."""
    gone = np.cumsum(flags)
    return int((gone - np.maximum.accumulate(np.where(flags, 0, gone))).max(initial=0))


def _times(uplink: FloatArray | None, enters: FloatArray, leaves: FloatArray, alone: FloatArray) -> TierTimes:
    """What a tier comes to, from what each domain of it moves."""
    crossing = float(np.sum(enters))
    if uplink is None:
        return TierTimes(crossing, None, None)
    both = [_slowest(np.maximum(enters, other), uplink) for other in (leaves, alone)]
    return TierTimes(crossing, *both)


def _slowest(moved: FloatArray, uplink: FloatArray) -> float:
    """Most seconds that any domain needs."""
    busy = np.flatnonzero(moved)
    speed = np.broadcast_to(uplink, moved.shape)[busy]
    times = [bytes_ / each if each else np.inf for bytes_, each in zip(moved[busy], speed, strict=True)]
    return float(max(times, default=0.0))
