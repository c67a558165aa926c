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

from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.reduction.tree import tree_cost
from planner.solve.seats.realize import ancestors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.reduction.tree import Level, Tree

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

ALONE = 1e-6


def striped_home(tree: Tree, costs: StageCosts) -> IntArray:
    """Innermost domain of every cell, shape (P, N), by the best of several ways to cut into bands.

    The tiers' weights choose the bands, then those of each tier alone. Cells that only fit the whole
    cluster have one way to lie.
    """
    if len(tree.levels) == 1:
        return np.zeros((costs.stages, costs.replicas), np.int32)
    choices = [np.asarray([level.weight for level in tree.levels[:-1]])]
    if (tiers := len(choices[0])) > 1:
        choices += [np.where(np.arange(tiers) == tier, 1.0, ALONE) for tier in range(tiers)]
    best, least = None, np.inf
    for bands in _distinct(nested_bands(tree, costs, choices)):
        home = _fill(tree, costs, bands)
        cost = _cells_cost(tree, costs, home)
        if best is None or cost < least:
            best, least = home, cost
    assert best is not None
    return best


def _distinct(choices: Iterator[list[IntArray]]) -> list[list[IntArray]]:
    """Nested bands, each choice once."""
    return list({tuple(b.tobytes() for b in bands): bands for bands in choices}.values())


def lined_up(tree: Tree, costs: StageCosts) -> IntArray:
    """Width vectors of the innermost domains, shape (domains, P): cells in line, cut by rooms in tree order.

    A line takes the stages in runs, and within a run one cell of each stage in turn; the best of several.
    """
    domains, stages, replicas = len(tree.levels[0].room), costs.stages, costs.replicas
    order = _tree_order(tree, ancestors(tree, domains)[1:-1])
    ends = np.minimum(np.cumsum(tree.levels[0].room[order]), stages * replicas)
    domain = np.repeat(order, np.diff(ends, prepend=0))
    stage, replica = np.divmod(np.arange(stages * replicas), replicas)
    best, least = np.zeros((domains, stages), np.int32), np.inf
    for group in range(1, stages + 1):
        line = np.lexsort((stage, replica, stage // group))
        counts = np.bincount(domain * stages + stage[line], minlength=best.size)
        widths = counts.reshape(best.shape).astype(np.int32)
        if (cost := tree_cost(tree, costs, widths)) < least:
            best, least = widths, cost
    return best


@dataclass(frozen=True, eq=False)
class Partition:
    """The cheapest way to cut every interval of stages into bands of one tier.

    Parameters
    ----------
    cost
        Least cost of stages i .. j - 1, shape (P + 1, P + 1).
    last
        Where the last band of that cut starts, same shape.
    bands, common
        Bands of that cut, and the greatest common divisor of their heights, same shape.
    """

    cost: FloatArray
    last: IntArray
    bands: IntArray
    common: IntArray

    @classmethod
    def of(cls, band: FloatArray) -> Partition:
        """From the cost of every single band, shape (P + 1, P + 1)."""
        size = len(band)
        cost, (last, bands, common) = np.full((size, size), np.inf), np.zeros((3, size, size), np.int32)
        np.fill_diagonal(cost, 0.0)
        for end in range(1, size):
            start = np.arange(end)
            joined = cost[:end, :end] + band[:end, end]
            before = joined.argmin(axis=1)
            cost[:end, end], last[:end, end] = joined[start, before], before
            bands[:end, end] = bands[start, before] + 1
            common[:end, end] = np.gcd(common[start, before], end - before)
        return cls(cost, last, bands, common)

    def times(self, weight: float) -> Partition:
        """The same where every cost is so many times as high."""
        return replace(self, cost=weight * self.cost)

    def starts(self, start: int, end: int) -> list[int]:
        """First stages of the bands that stages start .. end - 1 are cut into."""
        found: list[int] = []
        while end > start:
            end = int(self.last[start, end])
            found.append(end)
        return found[::-1]


def nested_bands(
    tree: Tree, costs: StageCosts, choices: Iterable[Sequence[float] | FloatArray]
) -> Iterator[list[IntArray]]:
    """Band of every stage at every level below the root, innermost first, each of shape (P,).

    Parameters
    ----------
    choices
        Weights of these levels, for each of which there are bands.
    """
    single, rooms = single_stages(costs.stages), [_usual_room(level) for level in tree.levels[:-1]]
    # The bands of the innermost level are the same whatever it weighs.
    innermost = Partition.of(band_cost(costs, rooms[0], single, 1) + single.cost)
    for weights in choices:
        inside = innermost.times(weights[0]) if weights[0] else Partition.of(single.cost)
        partitions = [inside]
        for portion, room, weight in zip(rooms, rooms[1:], weights[1:], strict=False):
            own = weight * band_cost(costs, room, inside, portion) if weight else 0.0
            inside = Partition.of(own + inside.cost)
            partitions.append(inside)
        yield _bands_of(partitions, costs.stages)


def _bands_of(partitions: Sequence[Partition], stages: int) -> list[IntArray]:
    """Band of every stage, innermost first, where each level cuts the bands of the next one out."""
    edges, bands = [0, stages], []
    for partition in reversed(partitions):
        starts = [s for a, b in pairwise(edges) for s in partition.starts(a, b)]
        edges = [*starts, stages]
        bands.append((np.searchsorted(starts, np.arange(stages), side="right") - 1).astype(np.int32))
    return bands[::-1]


@cache
def single_stages(stages: int) -> Partition:
    """Every stage on its own, at no cost."""
    return Partition.of(np.where(np.eye(stages + 1, k=1) > 0, 0.0, np.inf))


def _usual_room(level: Level) -> int:
    """Room of the median domain of a level, of those that have any."""
    return int(np.median(level.room[level.room > 0]))


def band_cost(costs: StageCosts, room: int, inner: Partition, portion: int) -> FloatArray:
    """Bytes that a band of stages i .. j - 1 moves at a tier of domains of `room` cells.

    Shape (P + 1, P + 1): the band's rows cut into domains, the paths broken inside it, and those that
    end with it.

    Parameters
    ----------
    inner
        Bands of the next tier in that the band consists of; single stages at the innermost.
    portion
        Cells that a domain of that tier holds, which are taken together; 1 at the innermost.
    """
    stages, replicas = costs.stages, costs.replicas
    along = np.concatenate(([0.0], np.cumsum(_row_bytes(costs))))
    kept = np.concatenate(([0.0], np.cumsum(costs.v), [costs.v.sum()]))
    leaving = np.append(costs.v, 0.0)
    total = np.full((stages + 1, stages + 1), np.inf)
    start, end = np.triu_indices(stages + 1, 1)
    rows = end - start
    domains = replicas * rows / room
    # A boundary is straight where every band inside has a whole number of portions on its left.
    straight = np.gcd(rows, max(1, round(room / portion)) * inner.common[start, end]) / rows
    columns = np.minimum(replicas, portion * inner.bands[start, end] / rows)
    path = (kept[end - 1] - kept[start]) / np.maximum(rows - 1, 1)
    cost = np.minimum(replicas, domains) * (along[end] - along[start])
    cost += domains * (1 - straight) * columns * path
    total[start, end] = cost * (domains > 1) + replicas * leaving[end - 1]
    return total


def _row_bytes(costs: StageCosts) -> FloatArray:
    """Bytes of one cut of the groups along the replicas of each stage, shape (P,)."""
    rows = np.zeros(costs.stages)
    for form, cells, coefficient in costs.terms:
        if form != "pairs" and cells >= costs.replicas:
            rows += coefficient
    return rows


def _fill(tree: Tree, costs: StageCosts, bands: Sequence[IntArray]) -> IntArray:
    """Innermost domain of every cell, shape (P, N): each domain takes the next cells of a band."""
    filling = _Filling(costs.replicas, bands)
    above = ancestors(tree, len(tree.levels[0].room))[1:-1]
    room = _needed(tree.levels[0].room, costs.stages * costs.replicas)
    order = _tree_order(tree, above)
    # Of a single tier equal domains are all alike, and there may be thousands.
    kinds = np.stack([each[order] for each in above] or [room[order]])
    cuts = np.flatnonzero((kinds[:, 1:] != kinds[:, :-1]).any(axis=0)) + 1
    domains, rooms, around = order.tolist(), room[order].tolist(), kinds.T.tolist()
    for start, end in pairwise([0, *cuts.tolist(), len(order)]):
        begin = start if above else start + filling.place_alike(order[start:end], rooms[start])
        filling.place(domains[begin:end], rooms[begin:end], around[start] if above else [])
    return filling.home()


def _needed(room: IntArray, cells: int) -> IntArray:
    """Room without the smallest domains, of equal ones the last, as far as the cells do not need them."""
    order = np.lexsort((-np.arange(len(room)), room))
    spare = np.cumsum(room[order]) <= room.sum() - cells
    kept = room.copy()
    kept[order[spare]] = 0
    return kept


def _tree_order(tree: Tree, above: Sequence[IntArray]) -> IntArray:
    """Innermost domains so that those of one outer domain stand together, the roomiest first."""
    keys = [-tree.levels[0].room]
    for level, around in zip(tree.levels[1:-1], above, strict=True):
        keys += [around, -level.room[around]]
    return np.lexsort(keys).astype(np.int32)


class _Filling:
    """How far each innermost band is filled, and by which domains.

    A domain of any tier fills the least full band of its tier, inside the band that the domain
    around it is filling, and turns to another one only where that one is full.
    """

    def __init__(self, replicas: int, bands: Sequence[IntArray]) -> None:
        first = np.flatnonzero(np.diff(bands[0], prepend=-1))
        self.replicas, self.rows = replicas, np.bincount(bands[0]).tolist()
        self.group = [band[first].tolist() for band in bands[1:]]
        self.size = [rows * replicas for rows in self.rows]
        # Lists: a step sees few bands, for which arrays are slow.
        self.filled = [0] * len(self.rows)
        self.fullness = [0.0] * len(self.rows)
        self.open = list(range(len(self.rows)))
        self.current: list[tuple[int, int]] = [(-1, -1)] * len(self.group)
        self.taken: list[list[tuple[int, int]]] = [[] for _ in self.rows]

    def place_alike(self, domains: IntArray, room: int) -> int:
        """Fill as many of equal domains, from the first on, as can have cells of one band alone; how many."""
        if not room:
            return 0
        size, filled = np.asarray(self.size), np.asarray(self.filled)
        whole = (size - filled) // room
        band = np.repeat(np.arange(len(whole)), whole)
        nth = np.arange(len(band)) - np.repeat(np.cumsum(whole) - whole, whole)
        turn = np.lexsort((band, (filled[band] + nth * room) / size[band]))
        band = band[turn][: len(domains)]
        for each in range(len(whole)):
            mine = domains[: len(band)][band == each].tolist()
            self.taken[each] += [(domain, room) for domain in mine]
            if mine:
                self._fill_up(each, room * len(mine))
        return len(band)

    def place(self, domains: Sequence[int], rooms: Sequence[int], above: Sequence[int]) -> None:
        """Give the next cells to domains; `above` are the domains around all of them, innermost first."""
        left: list[int] = []
        for domain, places in zip(domains, rooms, strict=True):
            room = places
            while room and self.open:
                left = left or self._around(above)
                band = left[0] if len(left) == 1 else min(left, key=self.fullness.__getitem__)
                cells = min(room, self.size[band] - self.filled[band])
                self.taken[band].append((domain, cells))
                self._fill_up(band, cells)
                room -= cells
                if self.filled[band] == self.size[band]:
                    left = [each for each in left if each != band]

    def _around(self, above: Sequence[int]) -> list[int]:
        """The innermost bands, not yet full, that domains inside these of outer tiers fill."""
        left = self.open.copy()
        for level in range(len(self.group) - 1, -1, -1):
            left = self._of_group(level, above[level], left)
        return left

    def _fill_up(self, band: int, cells: int) -> None:
        """So many more cells of a band are taken."""
        self.filled[band] += cells
        self.fullness[band] = self.filled[band] / self.size[band]
        if self.filled[band] == self.size[band]:
            self.open.remove(band)

    def _of_group(self, level: int, domain: int, left: list[int]) -> list[int]:
        """Those of the innermost bands `left` that the given domain of an outer tier is filling."""
        group = self.group[level]
        around, mine = self.current[level]
        of_mine = [band for band in left if group[band] == mine] if around == domain else []
        if of_mine:
            return of_mine
        bands: dict[int, list[int]] = {}
        for band in left:
            bands.setdefault(group[band], []).append(band)
        mine = group[left[0]]
        if len(bands) > 1:
            mine = min(bands, key=lambda each: (self._fullness_of(bands[each]), each))
        self.current[level] = domain, mine
        return bands[mine]

    def _fullness_of(self, bands: list[int]) -> float:
        """How full bands are together."""
        return float(sum(self.filled[band] for band in bands) / sum(self.size[band] for band in bands))

    def home(self) -> IntArray:
        """Domain of every cell, shape (P, N)."""
        rows = []
        for height, taken in zip(self.rows, self.taken, strict=True):
            domains, cells = np.asarray(taken, np.int32).T
            rows.append(np.repeat(domains, cells).reshape(self.replicas, height).T)
        return np.concatenate(rows)


def _cells_cost(tree: Tree, costs: StageCosts, home: IntArray) -> float:
    """Weighted bytes of the cuts between neighbouring replicas and between neighbouring stages."""
    total, rows = 0.0, _row_bytes(costs)
    for level in tree.levels[:-1]:
        along = (home != np.roll(home, 1, axis=1)).sum(axis=1)
        across = (home[1:] != home[:-1]).sum(axis=1)
        total += level.weight * float(along @ rows + across @ costs.v)
        home = level.parent[home]
    return total
