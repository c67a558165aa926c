"""Domains of several tiers in classes: which of them stand for each other in the relaxation over all tiers.

The coarser the classes the smaller the programme. Every way to put outer domains into groups gives a valid
relaxation, since rows of a group add up those of its domains.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.reduction.tree import Tree, above_each

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.reduction.tree import Level

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


def counted_classes(tree: Tree, levels: Sequence[Level], cells: int) -> list[Domains]:
    """Domains by their room and by how many are inside: a group of rows for each such number of a level."""
    found: list[Domains] = []
    groups, around = 0, np.zeros(len(levels[-1].room), np.int64)
    for index in range(len(levels) - 1, -1, -1):
        level, own = levels[index], np.zeros(len(levels[index].room), np.int64)
        if index:
            above = _ancestors(tree, levels[index - 1], level)
            inside = np.bincount(above, minlength=len(level.room))
            own = groups + 1 + np.unique(inside, return_inverse=True)[1].reshape(-1)
            groups = int(own.max())
        rooms = np.minimum(level.room, cells)
        kinds, counts = np.unique(np.column_stack((around, own, rooms)), axis=0, return_counts=True)
        for (outer, opened, room), count in zip(kinds.tolist(), counts.tolist(), strict=True):
            if room:
                found.append(Domains(index, count, room, outer, opened or None))
        if index:
            around = own[above]
    return found


def separate_classes(tree: Tree, levels: Sequence[Level], cells: int) -> list[Domains]:
    """Domains by what they and those around them consist of: a group of rows for each such class."""
    found: list[Domains] = []
    around = np.zeros(len(levels[-1].room), np.int64)
    groups = 0
    for index in range(len(levels) - 1, -1, -1):
        level = levels[index]
        pairs = np.column_stack((around, level.kind))
        _, first, own, counts = np.unique(
            pairs, axis=0, return_index=True, return_inverse=True, return_counts=True
        )
        for kind, (where, count) in enumerate(zip(first.tolist(), counts.tolist(), strict=True)):
            if room := min(int(level.room[where]), cells):
                opened = groups + kind + 1 if index else None
                found.append(Domains(index, count, room, int(around[where]), opened))
        if index:
            around = (groups + own.reshape(-1) + 1)[_ancestors(tree, levels[index - 1], level)]
            groups += len(first)
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
