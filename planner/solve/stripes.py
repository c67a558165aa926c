"""Striped placements: geometry for collectives that depend on which replicas sit together.

A ring along the replicas is cut least where a domain's cells of a stage are neighbours in it, and a
pipeline where its cells of neighbouring stages belong to the same replicas. The stages are cut into
bands; each domain takes the next cells of a band in the order (replica, stage). Its boundary then
stands at ``floor((K + p) / h)`` in row p of a band of h rows that has K cells to its left: all rows of
a domain are contiguous, and neighbouring rows differ by one cell at most, so that

- the rows of a band are cut once a domain, and
- a boundary breaks one path where h does not divide K, and none elsewhere.

Bands of an outer tier are unions of bands of the next tier in. One dynamic programme over the stages
finds the nested bands of least weighted cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from planner.solve.reduction import StageCosts
    from planner.solve.tree import Level, Tree

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

ALONE = 1e-6


def striped_home(tree: Tree, costs: StageCosts) -> IntArray:
    """Innermost domain of every cell, shape (P, N), by the best of several ways to cut into bands.

    The tiers' weights choose the bands, then those of each tier alone; domains of an outer tier take
    single cells, or what whole domains of the next tier in would take.
    """
    weights = np.asarray([level.weight for level in tree.levels[:-1]])
    alone = [np.where(np.arange(len(weights)) == tier, 1.0, ALONE) for tier in range(len(weights))]
    best, least = None, np.inf
    for bands in _distinct(nested_bands(tree, costs, each) for each in [weights, *alone]):
        for whole in (True, False):
            home = _fill(tree, costs, bands, whole=whole)
            cost = _cells_cost(tree, costs, home)
            if best is None or cost < least:
                best, least = home, cost
    assert best is not None
    return best


def _distinct(choices: Iterator[list[IntArray]]) -> list[list[IntArray]]:
    """Nested bands, each choice once."""
    return list({tuple(b.tobytes() for b in bands): bands for bands in choices}.values())


@dataclass(frozen=True, eq=False)
class _Partition:
    """The cheapest way to cut every interval of stages into bands of one tier.

    Parameters
    ----------
    cost
        Least cost of stages i .. j - 1, shape (P + 1, P + 1).
    last
        Where the last band of that cut starts, same shape.
    """

    cost: FloatArray
    last: IntArray

    @classmethod
    def of(cls, band: FloatArray) -> _Partition:
        """From the cost of every single band, shape (P + 1, P + 1)."""
        size = len(band)
        cost, last = np.full((size, size), np.inf), np.zeros((size, size), np.int32)
        np.fill_diagonal(cost, 0.0)
        for end in range(1, size):
            for start in range(end):
                joined = cost[start, start:end] + band[start:end, end]
                last[start, end] = start + int(joined.argmin())
                cost[start, end] = joined[last[start, end] - start]
        return cls(cost, last)

    def starts(self, start: int, end: int) -> list[int]:
        """First stages of the bands that stages start .. end - 1 are cut into."""
        found: list[int] = []
        while end > start:
            end = int(self.last[start, end])
            found.append(end)
        return found[::-1]


def nested_bands(tree: Tree, costs: StageCosts, weights: Sequence[float] | FloatArray) -> list[IntArray]:
    """Band of every stage at every level below the root, innermost first, each of shape (P,)."""
    stages = costs.stages
    partitions: list[_Partition] = []
    inside = np.zeros((stages + 1, stages + 1))
    for level, weight in zip(tree.levels[:-1], weights, strict=True):
        own = band_cost(costs, _usual_room(level))
        partitions.append(_Partition.of(weight * own + inside))
        inside = partitions[-1].cost
    edges = [0, stages]
    bands = []
    for partition in reversed(partitions):
        starts = [s for a, b in pairwise(edges) for s in partition.starts(a, b)]
        edges = [*starts, stages]
        bands.append((np.searchsorted(starts, np.arange(stages), side="right") - 1).astype(np.int32))
    return bands[::-1]


def _usual_room(level: Level) -> int:
    """Room of the median domain of a level, of those that have any."""
    return int(np.median(level.room[level.room > 0]))


def band_cost(costs: StageCosts, room: int) -> FloatArray:
    """Bytes that a band of stages i .. j - 1 moves at a tier of domains of `room` cells.

    Shape (P + 1, P + 1): the band's rows cut into domains, the paths broken inside it, and those that
    end with it.
    """
    stages, replicas = costs.stages, costs.replicas
    along = np.concatenate(([0.0], np.cumsum(_row_bytes(costs))))
    kept = np.concatenate(([0.0], np.cumsum(costs.v), [costs.v.sum()]))
    leaving = np.append(costs.v, 0.0)
    total = np.full((stages + 1, stages + 1), np.inf)
    for start in range(stages):
        end = np.arange(start + 1, stages + 1)
        rows = end - start
        domains = replicas * rows / room
        split = domains > 1
        aligned = replicas * np.gcd(rows, room) / room
        arcs = np.minimum(replicas, domains) * split
        path = (kept[end - 1] - kept[start]) / np.maximum(rows - 1, 1)
        total[start, end] = arcs * (along[end] - along[start])
        total[start, end] += np.maximum(domains - aligned, 0.0) * split * path
        total[start, end] += replicas * leaving[end - 1]
    return total


def _row_bytes(costs: StageCosts) -> FloatArray:
    """Bytes of one cut of the groups along the replicas of each stage, shape (P,)."""
    rows = np.zeros(costs.stages)
    for form, cells, coefficient in costs.terms:
        if form != "pairs" and cells >= costs.replicas:
            rows += coefficient
    return rows


def _fill(tree: Tree, costs: StageCosts, bands: Sequence[IntArray], *, whole: bool) -> IntArray:
    """Innermost domain of every cell, shape (P, N): fill the domains band by band, from outside in.

    With `whole`, the domains of a tier take their cells in portions that fill domains of the next
    tier in.
    """
    stage, column = np.indices((costs.stages, costs.replicas), np.int32).reshape(2, -1)
    home = np.zeros(stage.shape, np.int32)
    for index in range(len(tree.levels) - 2, -1, -1):
        level, band = tree.levels[index], bands[index][stage]
        inside: tuple[FloatArray | IntArray, ...] = ()
        if whole and index:
            portion = _portion(bands[index - 1], stage, column, _usual_room(tree.levels[index - 1]))
            inside = bands[index - 1][stage], portion
        order = np.lexsort((stage, column, *inside, band, home))
        home[order] = _next_places(level.room, level.parent, home[order])
    return home.reshape(costs.stages, costs.replicas)


def _portion(band: IntArray, stage: IntArray, column: IntArray, room: int) -> FloatArray:
    """Column at which the portion of `room` cells starts that each cell belongs to, shape (cells,)."""
    first = np.searchsorted(band, band, side="left")
    rows = np.bincount(band)[band]
    place = column * rows[stage] + stage - first[stage]
    result: FloatArray = (place // room) * room / rows[stage]
    return result


def _next_places(room: IntArray, parent: IntArray, outer: IntArray) -> IntArray:
    """Domain of each cell, given the outer domain of each, sorted; the roomiest are filled first."""
    order = np.lexsort((-room, parent))
    places = np.repeat(order, room[order]).astype(np.int32)
    first = np.searchsorted(parent[places], np.arange(int(parent.max(initial=0)) + 1))
    chosen: IntArray = places[first[outer] + np.arange(len(outer)) - np.searchsorted(outer, outer)]
    return chosen


def _cells_cost(tree: Tree, costs: StageCosts, home: IntArray) -> float:
    """Weighted bytes of the cuts between neighbouring replicas and between neighbouring stages."""
    total, rows = 0.0, _row_bytes(costs)
    for level in tree.levels[:-1]:
        along = (home != np.roll(home, 1, axis=1)).sum(axis=1)
        across = (home[1:] != home[:-1]).sum(axis=1)
        total += level.weight * float(along @ rows + across @ costs.v)
        home = level.parent[home]
    return total
