"""What the stages to come cost at least, seen from the states after a stage.

Any table of what widths are worth gives an outlook. The table that is best for one state is not the best for
another: states that are much alike share one, which rises for a sample of those that follow them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.splits.forest import forest_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.solve.splits.alike_kernel import Stage
    from planner.solve.splits.splits import Prices

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

ROUNDING = 1e-9
# Lengths of steps uphill as shares of the costliest width, and how long squares are remembered.
FIRST_LENGTH, LAST_LENGTH, MEMORY = 0.03, 0.001, 0.99
# What a code of a state, and any step at all, take as long as.
ENTRIES_A_CODE, FIXED_ENTRIES = 4, 2000


@dataclass(frozen=True, eq=False)
class Outlook:
    """What the stages after some stage cost at least.

    Parameters
    ----------
    worth
        Of every width of each of them, shape (stages, N + 1).
    covered
        Least worth of a split of each, shape (stages,).
    rest
        Least reduced cost of all of them, by the width of the stage before and the room then left,
        shape (N + 1, room + 1).
    used
        The same where all that room is used.
    """

    worth: FloatArray
    covered: FloatArray
    rest: FloatArray
    used: FloatArray


class Outlooks:
    """Makes outlooks for one job and the domains of one tier.

    Parameters
    ----------
    room
        Most cells of each domain, shape (domains,).
    prices
        What they pay.
    cells
        N.
    """

    def __init__(self, room: IntArray, prices: Prices, cells: int) -> None:
        self.cells, self.base = cells, int(room.max()) + 1
        self.forest = forest_of([room], [])
        self.holding, self.kept = prices.holding, np.concatenate(([0.0], prices.kept, [0.0]))
        self.slip = ROUNDING * float(np.abs(prices.holding).max() + self.kept.max())

    def of(self, worth: FloatArray) -> list[Outlook]:
        """Those on all stages from each on, and on none, by a table of what widths are worth."""
        covered = self._covered(worth)
        used = self._used(worth, 0)
        rest = np.minimum.accumulate(used, axis=2)
        return [Outlook(worth[p:], covered[p:], rest[p], used[p]) for p in range(len(used))]

    def tail(self, place: int, before: Outlook) -> Outlook:
        """That on the stages from a place on, of one that begins a stage before."""
        return self._outlook(place, before.worth[1:], before.covered[1:])

    def _outlook(self, place: int, worth: FloatArray, covered: FloatArray) -> Outlook:
        used = self._used(worth, place)[0]
        return Outlook(worth, covered, np.minimum.accumulate(used, axis=1), used)

    def _used(self, worth: FloatArray, place: int) -> FloatArray:
        """Least reduced cost from each stage on, where all room that is left is used.

        By the width of the stage before and that room; of shape (stages + 1, N + 1, room + 1).
        """
        from planner.solve.splits.splits_kernel import NEVER, least_rest

        reduced = np.concatenate((np.zeros((1, self.cells + 1)), self.holding[place:] - worth))
        ends = np.append(0.0, np.full(self.base - 1, NEVER))
        used: FloatArray = least_rest(reduced, self.kept[place:], ends)
        return used

    def _covered(self, worth: FloatArray) -> FloatArray:
        """Least worth of a split of each stage, shape (stages,)."""
        from planner.solve.splits.splits_kernel import least_splits

        least: FloatArray = least_splits(self.forest, np.ascontiguousarray(worth)[None], self.cells)
        return least

    def stage(self, place: int, here: Outlook, after: Outlook) -> Stage:
        """What a stage costs, and those after it at least."""
        from planner.solve.splits.alike_kernel import Stage

        worth = np.ascontiguousarray(here.worth[0])
        covered, kept = float(here.covered[0]), float(self.kept[place])
        return Stage(self.holding[place], worth, covered, after.rest, after.used, kept)

    def entries(self, place: int, states: int) -> int:
        """Entries of tables that one step uphill looks at, for so many states before a place."""
        widths, domains = min(self.base - 1, self.cells) + 1, len(self.forest.kind)
        codes = min(states * domains, widths * self.base)
        stage = widths * (self.base + self.cells) + ENTRIES_A_CODE * codes
        return FIXED_ENTRIES + (len(self.holding) - place) * stage

    def raised(self, place: int, start: Outlook, rows: IntArray, steps: int) -> Outlook:
        """An outlook that has risen from another one, for the mean of some states before a place."""
        from planner.solve.splits.worths_kernel import Tier, feel

        codes, counts = np.unique(rows, return_counts=True)
        held, left = (each.astype(np.int32) for each in np.divmod(codes, self.base))
        widest = min(self.base - 1, self.cells)
        holding = np.ascontiguousarray(self.holding[place:, : widest + 1])
        tier = Tier(holding, self.kept[place:], left, held, counts / len(rows), self.cells)
        unit = float(np.abs(holding).max())
        table = np.ascontiguousarray(start.worth[:, : widest + 1])
        worth = start.worth.copy()
        _, worth[:, : widest + 1] = feel(tier, table, MEMORY, steps, FIRST_LENGTH * unit, LAST_LENGTH * unit)
        return self._outlook(place, worth, self._covered(worth))
