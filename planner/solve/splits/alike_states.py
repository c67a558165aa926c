"""Listing the states of a stage that follow those of the stage before, in chunks, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.solve.setup.control import Control
    from planner.solve.splits.alike_kernel import Stage, States, Walk

    FloatArray = NDArray[np.float64]

FIRST_STATES = 2**14
# Codes that are priced or listed between two looks at the clock.
CHUNK = 300_000


class Listing:
    """The states that follow some of the stage before."""

    def __init__(
        self,
        stage: Stage,
        before: States,
        begin: int,
        end: int,
        budget: float,
        check: FloatArray,
        checked: float,
    ) -> None:
        self.check, self.checked = check, checked
        self.stage, self.before, self.begin, self.end = stage, before, begin, end
        self.budget, self.splits, self.count = budget, 0, 0
        self.states = _room_for(before.rows.shape[1], FIRST_STATES)

    def run(self, splits: int, codes: int, control: Control) -> bool:
        """List all of them; whether the work allows that."""
        from planner.solve.splits.alike_kernel import choose, follow

        walk = _walk(self.before.rows.shape[1], *self.stage.rest.shape)
        choose(self.stage, walk, self.before, self.begin, self.end, self.budget)
        while self.begin < self.end:
            if self.count == len(self.states.rows):
                self.states = _larger(self.states, self.count, 2 * self.count)
            chunk = self.stage, walk, self.before, self.begin, self.end, self.budget
            check = self.check, self.checked
            self.begin, self.count, done = follow(*chunk, *check, self.states, self.count, CHUNK)
            self.splits += done
            if control.over or self.splits > splits or self.count * self.states.rows.shape[1] > codes:
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


def compile_listing() -> None:
    """Take over no states, which has the inner loop compiled that states are taken over by."""
    _larger(_room_for(1, 1), 0, 2)
