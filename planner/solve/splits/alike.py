"""The least that domains of one tier pay together, where those that are alike need not be told apart.

The stages are gone through one by one, as in `planner.solve.splits.splits`. What matters of a domain from
then on is how many cells it holds of the last stage and how many more it has room for. So a state is known
by these pairs, whichever domains they belong to: where many domains are as large as each other, or have come
to be, one state stands for all ways to exchange them.

What the stages to come cost at least is seen from a table of what widths are worth, which may be another one
after every stage. Where many states are to be listed, the table rises for a sample of them first.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.splits.alike_states import Listing, joined
from planner.solve.splits.forest import forest_of
from planner.solve.splits.splits import Cheapest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.solve.setup.control import Control
    from planner.solve.splits.alike_kernel import Stage, States
    from planner.solve.splits.splits import Prices

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

# The next budget is to take so many times the work of the last, or this much.
LONGER, LITTLE = 3.0, 100_000
WIDENED = 2.0
ROUNDING = 1e-9
# States for which an outlook rises, its steps, their lengths as shares of the costliest width, and how long
# squares are remembered. A split that is listed takes as long as so many entries of tables that are priced.
SAMPLE, LEAST_STEPS, MOST_STEPS = 32, 50, 600
PARENTS, MOST_SAMPLED = 200, 1_000_000
FIRST_LENGTH, LAST_LENGTH, MEMORY = 0.03, 0.001, 0.99
ENTRIES_A_SPLIT = 200.0
# Fewer states than this are followed in one thread.
SHARED = 5_000


@dataclass(frozen=True)
class Effort:
    """When a budget is given up.

    Parameters
    ----------
    codes
        Codes of all states that are kept.
    splits
        Splits that are listed.
    failures
        Budgets that may be given up before no smaller one is tried.
    """

    codes: int
    splits: int
    failures: int = 10


@dataclass(frozen=True, eq=False)
class _Outlook:
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
    """

    worth: FloatArray
    covered: FloatArray
    rest: FloatArray


@dataclass
class _Try:
    """A budget that is tried: its states by stage, what was listed, and whether all was."""

    stages: list[States]
    splits: int = 0
    complete: bool = True


class Alike:
    """The programme for one job and the domains of one tier.

    Parameters
    ----------
    room
        Most cells of each domain, shape (domains,); all cells fit.
    prices
        What they pay.
    cells
        N.
    """

    def __init__(self, room: IntArray, prices: Prices, cells: int) -> None:
        from planner.solve.splits.splits_kernel import least_rest

        self.room = np.minimum(room, len(prices.holding) * cells).astype(np.int32)
        self.cells, self.base = cells, int(self.room.max()) + 1
        self.forest = forest_of([self.room], [])
        self.holding, self.kept = prices.holding, np.concatenate(([0.0], prices.kept, [0.0]))
        rest = least_rest(prices.holding - prices.worth, self.kept[1:], self.base - 1)
        covered = self._covered(prices.worth)
        # By the stage that comes next.
        self.outlooks = [_Outlook(prices.worth, covered, rest[0])]
        self.outlooks += [
            _Outlook(prices.worth[stage:], covered[stage:], rest[stage - 1])
            for stage in range(1, len(rest) + 1)
        ]
        self.checks = list(self.outlooks)
        self.slip = ROUNDING * float(np.abs(prices.holding).max() + self.kept.max())

    def _covered(self, worth: FloatArray) -> FloatArray:
        """Least worth of a split of each stage, shape (stages,)."""
        from planner.solve.splits.splits_kernel import least_splits

        least: FloatArray = least_splits(self.forest, np.ascontiguousarray(worth)[None], self.cells)
        return least

    def _stage(self, place: int, after: _Outlook) -> Stage:
        """What a stage costs, and those after it at least."""
        from planner.solve.splits.alike_kernel import Stage

        here = self.outlooks[place]
        return Stage(
            self.holding[place],
            np.ascontiguousarray(here.worth[0]),
            float(here.covered[0]),
            after.rest,
            float(self.kept[place]),
        )

    def rise(
        self,
        least: float,
        step: float,
        granule: float,
        effort: Effort,
        control: Control,
        known: float = math.inf,
    ) -> Cheapest:
        """Raise a budget from a known bound until something is found, or as far as the work allows.

        Parameters
        ----------
        least
            A lower bound.
        step
            By how much the bound rises first; later as far as work seems to allow.
        granule
            Costs are whole multiples of this above `least`; 0 where that is not known.
        known
            What is not to be found again: once the bound is there, it is left there.
        """
        bound, last, failures = least, 0, 0
        while not control.over and bound < known:
            target = min(bound + step, known)
            tried = self._within(target - granule, effort, control)
            if tried.complete and len(tried.stages) == len(self.holding):
                return self._cheapest(tried)
            if tried.complete:
                bound = target
                step = _next_step(step, granule, tried.splits, last)
                last = tried.splits
            elif step > granule > 0 and failures < effort.failures:
                failures += 1
                step = max(granule, math.floor(step / granule / 2) * granule)
            else:
                break
        return Cheapest(bound)

    def _within(self, budget: float, effort: Effort, control: Control) -> _Try:
        """All states within a budget, as far as the work allows; of fewer stages where none are left."""
        tried, before = _Try([]), self._begin()
        for place in range(len(self.holding)):
            self._look_closer(place, before, budget, control)
            before = self._listed(place, before, budget, tried, effort, control)
            if not tried.complete:
                break
            if not len(before.rows):
                break
            tried.stages.append(before)
        return tried

    def _listed(
        self, place: int, before: States, budget: float, tried: _Try, effort: Effort, control: Control
    ) -> States:
        """The states of a stage that follow those of the one before, side by side where these are many."""
        parts = control.threads if len(before.rows) > SHARED else 1
        ends = np.linspace(0, len(before.rows), parts + 1).astype(int).tolist()
        listings = [self._listing(place, before, begin, end, budget) for begin, end in pairwise(ends)]
        codes = effort.codes - sum(each.rows.size for each in tried.stages)
        splits = effort.splits - tried.splits

        def run(listing: Listing) -> bool:
            return listing.run(splits, codes, control)

        with ThreadPoolExecutor(parts) as pool:
            tried.complete = all(list(map(run, listings) if parts == 1 else pool.map(run, listings)))
        tried.splits += sum(each.splits for each in listings)
        return joined(listings)

    def _listing(self, place: int, before: States, begin: int, end: int, budget: float) -> Listing:
        """What lists the states of a stage that follow some of those before."""
        outlook, check = self.outlooks[place + 1], self.checks[place + 1]
        most, checked = (budget + self.slip - float(each.covered.sum()) for each in (outlook, check))
        return Listing(self._stage(place, outlook), before, begin, end, most, check.rest, checked)

    def _look_closer(self, place: int, before: States, budget: float, control: Control) -> None:
        """Let the outlook after a stage rise, where many states are to be listed, for a sample of these.

        For others it may fall; so the one that it has risen from is looked at as well.
        """
        random = np.random.default_rng(control.seed)
        drawn = before
        if len(before.rows) > PARENTS:
            chosen = np.sort(random.choice(len(before.rows), PARENTS, replace=False))
            drawn = before._replace(rows=before.rows[chosen], costs=before.costs[chosen])
        listing = self._listing(place, drawn, 0, len(drawn.rows), budget)
        listing.run(MOST_SAMPLED, MOST_SAMPLED, control)
        steps = self._steps(place, listing.splits * len(before.rows) // len(drawn.rows))
        if steps and listing.count > SAMPLE:
            chosen = random.choice(listing.count, SAMPLE, replace=False)
            outlook = self.outlooks[place + 1]
            self.checks[place + 1] = outlook
            self.outlooks[place + 1] = self._raised(place, outlook, listing.states.rows[chosen], steps)

    def _steps(self, place: int, splits: int) -> int:
        """Steps uphill that take about as long as it took to list so many splits; none where too few."""
        entries = (len(self.holding) - place - 1) * (self.cells + 1) * self.base
        steps = min(MOST_STEPS, int(splits * ENTRIES_A_SPLIT / max(entries, 1)))
        return steps if entries and steps >= LEAST_STEPS else 0

    def _raised(self, place: int, before: _Outlook, rows: IntArray, steps: int) -> _Outlook:
        """An outlook after a stage that has risen for some of its states."""
        from planner.solve.splits.splits_kernel import least_rest
        from planner.solve.splits.worths_kernel import Tier, feel

        codes, counts = np.unique(rows, return_counts=True)
        held, left = (each.astype(np.int32) for each in np.divmod(codes, self.base))
        widest = min(self.base - 1, self.cells)
        kept = self.kept[place + 1 :]
        holding = np.ascontiguousarray(self.holding[place + 1 :, : widest + 1])
        tier = Tier(holding, kept, left, held, counts / len(rows), self.cells)
        unit = float(np.abs(holding).max())
        start = np.ascontiguousarray(before.worth[:, : widest + 1])
        _, table = feel(tier, start, MEMORY, steps, FIRST_LENGTH * unit, LAST_LENGTH * unit)
        worth = before.worth.copy()
        worth[:, : widest + 1] = table
        reduced = np.concatenate((np.zeros((1, self.cells + 1)), self.holding[place + 1 :] - worth))
        rest = least_rest(reduced, kept, self.base - 1)[0]
        return _Outlook(worth, self._covered(worth), rest)

    def _begin(self) -> States:
        """The state before the first stage."""
        from planner.solve.splits.alike_kernel import States

        rows = np.sort(self.room)[::-1][None].astype(np.int32)
        return States(rows, np.zeros(1), np.zeros(1, np.int32), np.zeros(0, np.int32))

    def _cheapest(self, tried: _Try) -> Cheapest:
        """The cheapest state of the last stage, and width vectors that lead to it."""
        last = tried.stages[-1]
        best = int(last.costs.argmin())
        return Cheapest(float(last.costs[best]), self._read_back(tried.stages, best))

    def _read_back(self, stages: Sequence[States], state: int) -> IntArray:
        """Width vectors of the domains, shape (domains, P).

        Where several domains had as much room left, that of the larger last width has the larger next one:
        there is no way to keep more.
        """
        widths = np.zeros((len(self.room), len(stages)), np.int32)
        # Which row of `widths` each code of the state belongs to.
        owner = np.arange(len(self.room))
        for stage in range(len(stages) - 1, -1, -1):
            width, left = np.divmod(stages[stage].rows[state], self.base)
            widths[owner, stage] = width
            state = int(stages[stage].parents[state])
            held, room = np.divmod((stages[stage - 1] if stage else self._begin()).rows[state], self.base)
            here, there = np.lexsort((width, left + width)), np.lexsort((held, room))
            moved = np.empty_like(owner)
            moved[there] = owner[here]
            owner = moved
        ordered = np.empty_like(widths)
        ordered[np.argsort(-self.room, kind="stable")] = widths[owner]
        return ordered


def _next_step(step: float, granule: float, splits: int, last: int) -> float:
    """By how much to raise the next budget, so that its work grows as it should."""
    growth = math.log(max(splits, 2) / max(last, 1)) / step
    wanted = math.log(max(LONGER, LITTLE / max(splits, 1)))
    step = min(WIDENED * step, wanted / growth) if growth > 0 else WIDENED * step
    return max(1.0, math.floor(step / granule)) * granule if granule else step
