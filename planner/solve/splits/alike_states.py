"""Listing the states of a stage that follow those of the stage before, in chunks, side by side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from planner.solve.setup.control import Control
    from planner.solve.splits.alike_kernel import Stage, States, Walk

    FloatArray = NDArray[np.float64]

Item = TypeVar("Item")
Made = TypeVar("Made")

FIRST_STATES = 2**14
# Codes that are priced or listed between two looks at the clock.
CHUNK = 300_000


@dataclass
class Left:
    """What may still be listed: splits, and codes of states."""

    splits: int
    codes: int

    @property
    def spent(self) -> bool:
        """Whether nothing is left."""
        return self.splits < 0 or self.codes < 0


class Listing:
    """The states that follow some of the stage before."""

    def __init__(
        self,
        stage: Stage,
        before: States,
        begin: int,
        end: int,
        budget: float,
    ) -> None:
        self.stage, self.before, self.begin, self.end = stage, before, begin, end
        self.budget, self.splits, self.count = budget, 0, 0
        self.states = _room_for(before.rows.shape[1], FIRST_STATES)

    def run(self, left: Left, control: Control) -> bool:
        """List all of them, and take that off what is left; whether that was enough."""
        from planner.solve.splits.alike_kernel import choose, follow

        walk = _walk(self.before.rows.shape[1], *self.stage.rest.shape)
        choose(self.stage, walk, self.before, self.begin, self.end, self.budget)
        while self.begin < self.end:
            if self.count == len(self.states.rows):
                self.states = _larger(self.states, self.count, 2 * self.count)
            chunk = self.stage, walk, self.before, self.begin, self.end, self.budget
            known = self.count
            self.begin, self.count, done = follow(*chunk, self.states, self.count, CHUNK)
            self.splits += done
            left.splits -= done
            left.codes -= (self.count - known) * self.states.rows.shape[1]
            if control.over or left.spent:
                return False
        return True


def _walk(domains: int, widths: int, base: int) -> Walk:
    """Room to work with."""
    from planner.solve.splits.alike_kernel import NEVER, Walk

    shares = np.full((domains + 1, widths), NEVER)
    shares[domains, 0] = 0.0
    codes = widths * base
    chosen, width, row = (np.zeros(domains, np.int32) for _ in range(3))
    return Walk(
        priced=np.zeros(codes, np.bool_),
        prices=np.empty((codes, widths)),
        least=np.empty(codes),
        choices=np.zeros(codes, np.int32),
        widths=np.empty((codes, widths), np.int32),
        shares=shares,
        same=np.zeros(domains, np.bool_),
        chosen=chosen,
        width=width,
        due=np.zeros(domains + 1, np.int32),
        paid=np.zeros(domains + 1),
        row=row,
        at=np.full(1, -1, np.int32),
    )


def _room_for(domains: int, most: int) -> States:
    """No states, and room for that many."""
    from planner.solve.splits.alike_kernel import States

    slots = np.full(2 * most, -1, np.int32)
    return States(np.empty((most, domains), np.int32), np.empty(most), np.empty(most, np.int32), slots)


def _larger(states: States, count: int, most: int) -> States:
    """The same states, the first `count`, with room for more."""
    from planner.solve.splits.alike_kernel import take_all

    larger = _room_for(states.rows.shape[1], most)
    take_all(larger, 0, states, count)
    return larger


def joined(listings: Sequence[Listing]) -> States:
    """The states of all listings."""
    from planner.solve.splits.alike_kernel import States, take_all

    first, *others = listings
    states, count = first.states, first.count
    for each in others:
        if count + each.count > len(states.rows):
            most = 2 ** (count + each.count - 1).bit_length()
            states = _larger(states, count, most)
        count = take_all(states, count, each.states, each.count)
    return States(
        states.rows[:count].copy(), states.costs[:count], states.parents[:count], np.zeros(0, np.int32)
    )


def side_by_side(run: Callable[[Item], Made], items: Sequence[Item], control: Control) -> list[Made]:
    """What comes of every item, by as many threads as may work at a time."""
    if len(items) <= 1 or control.threads == 1:
        return [run(each) for each in items]
    with ThreadPoolExecutor(min(control.threads, len(items))) as pool:
        return list(pool.map(run, items))


def compile_listing() -> None:
    """Take over no states and hold none against others, which has the inner loops compiled for that."""
    from planner.solve.splits.alike_kernel import nearest

    states = _larger(_room_for(1, 1), 0, 2)
    nearest(states.rows[:0], 1, states.rows[:0])
