"""Who stays: the most ranks that can keep their GPU, proven level by level.

A part that a rule binds stays as a whole in the domain where it is, or leaves it as a whole. A domain
of which GPUs failed may have room for fewer parts than lie in it; then as many as are too many must
leave, and those leave that keep the fewest ranks by staying. Since whoever leaves finds room elsewhere
whichever they are, domains do not depend on one another, and the choice in each is exact for one level
of rules. With several, what a part keeps depends on which others stay beside it: every choice is tried
where they are few, and elsewhere the bound counts for each part what it would keep alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from planner.repair.room import slots_of_levels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.repair.rules import Level
    from planner.repair.task import Task

    BoolArray = NDArray[np.bool_]
    IntArray = NDArray[np.int32]

MOST_CHOICES = 300


@dataclass(frozen=True, eq=False)
class Stay:
    """Which parts stay where they are.

    Parameters
    ----------
    levels
        Innermost first.
    home
        For each level the domain in which each part stays, shape (parts,); -1 for those that leave or
        have no rank alive.
    free
        For each level how many more parts each domain has room for, shape (domains,).
    kept
        Ranks that keep their GPU, shape (world_size,).
    most
        No placement that obeys the rules keeps more ranks.
    """

    levels: tuple[Level, ...]
    home: list[IntArray]
    free: list[IntArray]
    kept: BoolArray
    most: int


def most_stay(task: Task, levels: Sequence[Level]) -> Stay:
    """Let as many ranks as can be keep their GPU."""
    slots = slots_of_levels(task.cluster, levels, task.available)
    chosen = _Choice(task, list(levels), slots)
    chosen.run(task.alive)
    free = [
        room - np.bincount(home[home >= 0], minlength=len(room)).astype(np.int32)
        for room, home in zip(slots, chosen.homes, strict=True)
    ]
    kept = chosen.alive
    return Stay(tuple(levels), chosen.homes, free, kept, chosen.most)


class _Choice:
    """The choice of who stays, outermost level first."""

    def __init__(self, task: Task, levels: list[Level], slots: list[IntArray]) -> None:
        self.task, self.levels, self.slots = task, levels, slots
        self.homes: list[IntArray] = []
        self.open: list[tuple[BoolArray, int]] = []
        self.alive: BoolArray = np.zeros(0, np.bool_)

    def run(self, alive: BoolArray) -> None:
        """Choose at every level; `alive` says which ranks could keep their GPU, shape (world_size,)."""
        self.alive = alive.copy()
        self.homes = []
        for index in reversed(range(len(self.levels))):
            level = self.levels[index]
            home = self._home(level)
            slots = self.slots[index]
            # Where there is no room for any, there is nothing to choose.
            home[(home >= 0) & (slots == 0)[home]] = -1
            held = np.bincount(home[home >= 0], minlength=len(slots))
            keeps = np.bincount(level.part[self.alive], minlength=level.parts)
            for domain in np.flatnonzero(held > slots).tolist():
                parts = np.flatnonzero(home == domain).astype(np.int32)
                stays = self._stays(index, parts, keeps[parts].astype(np.int32), int(slots[domain]))
                home[np.setdiff1d(parts, stays)] = -1
            self.alive &= home[level.part] >= 0
            self.homes.insert(0, home)

    @property
    def most(self) -> int:
        """No choice lets more ranks keep their GPU."""
        kept = self.alive
        return int(kept.sum()) + sum(bound - int(kept[ranks].sum()) for ranks, bound in self.open)

    def _home(self, level: Level) -> IntArray:
        """Domain of each part's ranks that are alive, shape (parts,); -1 where none is."""
        home = np.full(level.parts, -1, np.int32)
        home[level.part[self.alive]] = self.task.domain_before(level.tier)[self.alive]
        return home

    def _stays(self, index: int, parts: IntArray, value: IntArray, room: int) -> IntArray:
        """Those `room` of `parts` that keep most ranks; notes a bound where that is not proven.

        `value` is how many ranks each of the parts could keep, shape (parts,).
        """
        level = self.levels[index]
        order = np.argsort(-value, kind="stable")
        stays = parts[order[:room]]
        if index and comb(len(parts), room) <= MOST_CHOICES:
            tried = [parts[list(each)] for each in combinations(range(len(parts)), room)]
            inner = [self._inside(index, each) for each in tried]
            kept = [int(each.alive.sum()) for each in inner]
            stays = tried[int(np.argmax(kept))]
            # Choices further in need not be proven; then none here is.
            most = max(each.most for each in inner)
            if most > max(kept):
                self.open.append((np.isin(level.part, parts), most))
        elif index:
            self.open.append((np.isin(level.part, parts), int(value[order[:room]].sum())))
        return stays

    def _inside(self, index: int, stays: IntArray) -> _Choice:
        """The choice at all inner levels where `stays` of a level stay."""
        inner = _Choice(self.task, self.levels[:index], self.slots[:index])
        inner.run(self.alive & np.isin(self.levels[index].part, stays))
        return inner
