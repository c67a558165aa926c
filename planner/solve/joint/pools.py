"""Domains of several tiers in classes: which of them stand for each other in the relaxation over all tiers.

The coarser the classes the smaller the programme. Every way to put outer domains into groups gives a valid
relaxation, since rows of a group add up those of its domains.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.reduction.tree import Tree, above_each

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.reduction.tree import Level

    IntArray = NDArray[np.int32]

WHOLE_JOB = 0
# Entries of the tables of a pricing at most, which take eight bytes each.
LARGEST_TABLES = 12_000_000
# From so many on they are worth the time that it takes to load compiled code.
COMPILED_TABLES = 300_000


@dataclass(frozen=True)
class Domains:
    """Equal domains of one level.

    Parameters
    ----------
    level
        Index of the level among those of the programme, innermost first.
    count, room
        How many they are, and the most cells that each can hold.
    outer
        The group of rows in which they are what lies inside.
    own
        The group of rows in which they are what lies outside; None at the innermost level.
    """

    level: int
    count: int
    room: int
    outer: int
    own: int | None


def weighty_levels(tree: Tree, costs: StageCosts) -> list[Level]:
    """Levels that cost something, from the innermost outwards, as long as pricing is quick."""
    found = []
    for level in tree.levels[:-1]:
        if not fits_tables(costs, int(level.room.max())):
            break
        if level.weight > 0 and len(level.room) > 1:
            found.append(level)
    return found


def fits_tables(costs: StageCosts, room: int) -> bool:
    """Whether domains of so much room are priced soon enough by compiled code."""
    return _entries(costs, room) <= LARGEST_TABLES


def lacks_compiled_code(costs: StageCosts, room: int) -> bool:
    """Whether domains of so much room are priced too slowly without it, and soon enough with it."""
    return _entries(costs, room) > COMPILED_TABLES and fits_tables(costs, room)


def _entries(costs: StageCosts, room: int) -> int:
    """Entries of the tables of a pricing."""
    most = min(room, costs.stages * costs.replicas)
    return costs.stages * min(most + 1, costs.replicas + 1) * (most + 1)


def joined_classes(levels: Sequence[Level], cells: int) -> list[Domains]:
    """Domains by their room alone: one group of rows between a level and the next."""
    found = []
    for index, level in enumerate(levels):
        outer = WHOLE_JOB if index == len(levels) - 1 else index + 1
        for room, count in zip(*np.unique(level.room, return_counts=True), strict=True):
            if room:
                found.append(Domains(index, int(count), min(int(room), cells), outer, index or None))
    return found


@dataclass(frozen=True, eq=False)
class Groups:
    """Which group of rows the domains of each level have inside them.

    Parameters
    ----------
    levels
        Those of the programme, innermost first.
    own
        Number of the group inside each domain, by level, shape (domains,); 0 at the innermost level.
    around
        Domain of the next level around each domain, by level, shape (domains,); all 0 at the outermost.
    """

    levels: tuple[Level, ...]
    own: tuple[IntArray, ...]
    around: tuple[IntArray, ...]

    @classmethod
    def counted(cls, tree: Tree, levels: Sequence[Level]) -> Groups:
        """A group for each number of domains inside that occurs at a level."""
        return cls._by(tree, levels, lambda _level, inside, _group: inside[:, None])

    @classmethod
    def separate(cls, tree: Tree, levels: Sequence[Level]) -> Groups:
        """A group for all that domains, and those around them, consist of."""
        return cls._by(tree, levels, lambda level, _inside, group: np.column_stack((group, level.kind)))

    @classmethod
    def _by(
        cls, tree: Tree, levels: Sequence[Level], key: Callable[[Level, IntArray, IntArray], IntArray]
    ) -> Groups:
        """Groups of domains with equal keys: of their level, how many are inside, and the group around."""
        top, groups = len(levels) - 1, 0
        around = [_ancestors(tree, *pair) for pair in pairwise(levels)]
        around.append(np.zeros(len(levels[top].room), np.int32))
        own = [np.zeros(len(level.room), np.int32) for level in levels]
        for index in range(top, 0, -1):
            inside = np.bincount(around[index - 1], minlength=len(own[index])).astype(np.int32)
            group = own[index + 1][around[index]] if index < top else own[index]
            number = np.unique(key(levels[index], inside, group), axis=0, return_inverse=True)[1]
            own[index] = (groups + 1 + number.reshape(-1)).astype(np.int32)
            groups = int(own[index].max())
        return cls(tuple(levels), tuple(own), tuple(around))

    def classes(self, cells: int, chosen: Sequence[IntArray] | None = None) -> list[Domains]:
        """Domains by their groups and their room; of some domains of each level alone, where given."""
        found: list[Domains] = []
        for index in range(len(self.levels) - 1, -1, -1):
            last = index == len(self.levels) - 1
            outer = self.around[index] if last else self.own[index + 1][self.around[index]]
            rooms = np.minimum(self.levels[index].room, cells)
            rows = np.column_stack((outer, self.own[index], rooms))
            kinds, counts = np.unique(
                rows if chosen is None else rows[chosen[index]], axis=0, return_counts=True
            )
            for (group, opened, room), count in zip(kinds.tolist(), counts.tolist(), strict=True):
                if room:
                    found.append(Domains(index, count, room, group, opened or None))
        return found

    def within(self, outermost: int) -> list[IntArray]:
        """The domains of each level inside an outermost one, and that one itself."""
        found = [np.asarray([outermost], np.int32)]
        for around in self.around[-2::-1]:
            found.insert(0, np.flatnonzero(np.isin(around, found[0])).astype(np.int32))
        return found


def _ancestors(tree: Tree, inner: Level, outer: Level) -> NDArray[np.int32]:
    """Domain of an outer level around each domain of an inner one."""
    tiers = [level.tier for level in tree.levels]
    first = tiers.index(inner.tier)
    return above_each(Tree(tree.levels[first:]), tiers.index(outer.tier) - first)


@dataclass(frozen=True)
class Pool:
    """Domains that differ in their rooms alone: a vector fits each that has room for its cells.

    Parameters
    ----------
    level, outer, own
        As those of its `Domains`.
    rooms, counts
        Different rooms, rising, and how many domains have each.
    """

    level: int
    outer: int
    own: int | None
    rooms: tuple[int, ...]
    counts: tuple[int, ...]

    @property
    def limits(self) -> Iterator[tuple[int, int]]:
        """For each room and for 0 how many domains have more: as many vectors of more cells fit."""
        for index, room in enumerate((0, *self.rooms[:-1])):
            yield room, sum(self.counts[index:])


def pooled(classes: Sequence[Domains]) -> list[Pool]:
    """Domains of one level that lie inside and outside of the same rows, together."""
    found: dict[tuple[int, int, int | None], Counter[int]] = defaultdict(Counter)
    for each in classes:
        found[each.level, each.outer, each.own][each.room] += each.count
    return [
        Pool(level, outer, own, *zip(*sorted(rooms.items()), strict=True))
        for (level, outer, own), rooms in found.items()
    ]
