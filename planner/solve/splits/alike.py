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
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.splits.alike_states import Left, Listing, joined, side_by_side
from planner.solve.splits.outlooks import Outlooks
from planner.solve.splits.splits import Cheapest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.solve.setup.control import Control
    from planner.solve.splits.alike_kernel import States
    from planner.solve.splits.outlooks import Outlook
    from planner.solve.splits.splits import Prices

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

# The next budget is to take so many times the work of the last, or this much.
LONGER, LITTLE = 3.0, 100_000
WIDENED = 2.0
# States for which an outlook rises, and its steps: fewest, wanted and most. A split that is listed takes as
# long as so many entries of tables that are priced.
SAMPLE, LEAST_STEPS, STEPS, MOST_STEPS = 32, 50, 600, 600
# Fewest states that are worth an outlook of their own, and how many outlooks rise and are kept after a stage.
LOT, MOST_LOOKS, MOST_SEEN = 500, 16, 32
ENTRIES_A_SPLIT = 300.0
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
    in_all
        Splits that are listed for all budgets together before no further one is tried.
    """

    codes: int
    splits: int
    failures: int = 10
    in_all: float = math.inf


@dataclass(frozen=True, eq=False)
class _Group:
    """States that see most ahead by the same outlook, from one of them to another.

    `here` is that outlook on the stage they come before, and those after it; `after` on those after it alone.
    """

    begin: int
    end: int
    here: Outlook
    after: Outlook


@dataclass
class _Try:
    """A budget that is tried: its states by stage, what may still be listed, and whether all was."""

    left: Left
    stages: list[States] = field(default_factory=list)
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
        self.room = np.minimum(room, len(prices.holding) * cells).astype(np.int32)
        self.outlooks = Outlooks(self.room, prices, cells)
        # By the stage that comes next: the one on all of them by the table that was given, then those that
        # have risen since.
        self.seen = [[each] for each in self.outlooks.of(prices.worth)]
        self.splits_a_state = 1.0

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
        bound, last, failures, listed = least, 0, 0, 0
        while not control.over and bound < known and listed < effort.in_all:
            target = min(bound + step, known)
            tried = self._within(target - granule, effort, control)
            listed += tried.splits
            if tried.complete and len(tried.stages) == len(self.seen) - 1:
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
        tried, before = _Try(Left(effort.splits, effort.codes)), self._begin()
        for place in range(len(self.seen) - 1):
            before, groups = self._groups(place, before, budget, control)
            if not groups:
                break
            if place:
                tried.stages.append(before)
            before = self._listed(place, before, groups, budget, tried, control)
            if not tried.complete:
                break
        if tried.complete and len(before.rows):
            tried.stages.append(before)
        if tried.complete:
            states = sum(len(each.rows) for each in tried.stages)
            self.splits_a_state = tried.splits / max(states, 1)
        return tried

    def _listed(
        self,
        place: int,
        before: States,
        groups: Sequence[_Group],
        budget: float,
        tried: _Try,
        control: Control,
    ) -> States:
        """The states of a stage that follow those of the one before, group by group, side by side."""
        listings = [self._listing(place, before, group, budget) for group in groups]

        def run(listing: Listing) -> bool:
            return listing.run(tried.left, control)

        tried.complete = all(side_by_side(run, listings, control))
        tried.splits += sum(each.splits for each in listings)
        return joined(listings)

    def _listing(self, place: int, before: States, group: _Group, budget: float) -> Listing:
        """What lists the states of a stage that follow those of a group before."""
        stage = self.outlooks.stage(place, group.here, group.after)
        most = budget + self.outlooks.slip - float(group.after.covered.sum())
        return Listing(stage, before, group.begin, group.end, most)

    def _groups(
        self, place: int, before: States, budget: float, control: Control
    ) -> tuple[States, list[_Group]]:
        """The states that may stay within a budget, in groups that see most ahead by the same outlook.

        Outlooks rise for the states that see most by them, for about as long as listing what follows takes.
        """
        most = budget + self.outlooks.slip
        seen = self.seen[place]
        least, look = self._look(seen, before, control)
        kept = least <= most
        before, least, look = _chosen(before, kept), least[kept], look[kept]
        risen = self._risen(place, before, look, control)
        if risen:
            higher, there = self._look(risen, before, control)
            look = np.where(higher > least, there + len(seen), look)
            kept = np.maximum(higher, least) <= most
            before, look, seen = _chosen(before, kept), look[kept], [*seen, *risen]
        order = np.argsort(look, kind="stable")
        used, begins = np.unique(look[order], return_index=True)
        outlooks = [seen[each] for each in used.tolist()]
        tails = [self.outlooks.tail(place + 1, each) for each in outlooks]
        self.seen[place] = [seen[0], *(each for each in outlooks if each is not seen[0])]
        first, *others = self.seen[place + 1]
        self.seen[place + 1] = [first, *tails, *others][:MOST_SEEN]
        parts = zip(pairwise([*begins.tolist(), len(order)]), outlooks, tails, strict=True)
        groups = [_Group(*part, here, after) for part, here, after in parts]
        return _chosen(before, order), [part for group in groups for part in _parts(group, control)]

    def _risen(self, place: int, before: States, look: IntArray, control: Control) -> list[Outlook]:
        """Outlooks that have risen for lots of states, each from the one by which these see most so far.

        As long as it takes to list what follows, if that is as much for each state as for the last budget.
        """
        splits = len(before.rows) * self.splits_a_state
        steps = splits * ENTRIES_A_SPLIT / self.outlooks.entries(place, SAMPLE)
        if steps < LEAST_STEPS or len(before.rows) <= SAMPLE:
            return []
        count = max(1, int(min(steps / STEPS, MOST_LOOKS, len(before.rows) / LOT)))
        steps = round(min(MOST_STEPS, steps / count))

        def rise(lot: IntArray) -> Outlook:
            start, rows = self.seen[place][look[lot[0]]], before.rows[lot[:SAMPLE]]
            return self.outlooks.raised(place, start, rows, steps)

        random = np.random.default_rng((control.seed, place))
        return side_by_side(rise, self._lots(before, look, count, random), control)

    def _look(self, seen: Sequence[Outlook], states: States, control: Control) -> tuple[FloatArray, IntArray]:
        """What each state and all that follows cost at least, and by which outlook that is seen."""
        from planner.solve.splits.alike_kernel import look_ahead

        rests = np.stack([each.rest.ravel() for each in seen])
        covered = np.asarray([each.covered.sum() for each in seen])
        ends = np.linspace(0, len(states.rows), control.threads + 1).astype(int).tolist()

        def look(ends: tuple[int, int]) -> tuple[FloatArray, IntArray]:
            rows, costs = states.rows[slice(*ends)], states.costs[slice(*ends)]
            found: tuple[FloatArray, IntArray] = look_ahead(rests, covered, rows, costs)
            return found

        parts = side_by_side(look, list(pairwise(ends)), control)
        return np.concatenate([each for each, _ in parts]), np.concatenate([each for _, each in parts])

    def _lots(
        self, before: States, look: IntArray, count: int, random: np.random.Generator
    ) -> list[IntArray]:
        """About so many lots of states, by their outlook and by which of some drawn ones they are most like.

        Each in an order drawn at random. States whose outlook is that of few are in none.
        """
        from planner.solve.splits.alike_kernel import nearest

        lots: list[IntArray] = []
        sizes = np.bincount(look)
        for one, size in enumerate(sizes.tolist()):
            many = min(max(round(count * size / len(look)), int(size == sizes.max())), size)
            if not many:
                continue
            here = random.permutation(np.flatnonzero(look == one))
            lot = nearest(before.rows[here], self.outlooks.base, before.rows[here[:many]])
            lots += [here[lot == number] for number in range(many)]
        return [lot for lot in lots if len(lot)]

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

        Domains take what a state says they hold and may still take in the way that keeps most.
        """
        widths = np.zeros((len(self.room), len(stages)), np.int32)
        # Which row of `widths` each code of the state belongs to.
        owner = np.arange(len(self.room))
        for stage in range(len(stages) - 1, -1, -1):
            width, left = np.divmod(stages[stage].rows[state], self.outlooks.base)
            widths[owner, stage] = width
            state = int(stages[stage].parents[state])
            held, room = np.divmod(
                (stages[stage - 1] if stage else self._begin()).rows[state], self.outlooks.base
            )
            kept = np.where(room[:, None] < left + width, -1, np.minimum.outer(held, width))
            owner = owner[_matched(kept)]
        ordered = np.empty_like(widths)
        ordered[np.argsort(-self.room, kind="stable")] = widths[owner]
        return ordered


def _matched(kept: IntArray) -> list[int]:
    """The column of every row with which all keep most together; -1 where the two do not fit."""
    from ortools.graph.python import linear_sum_assignment

    solver = linear_sum_assignment.SimpleLinearSumAssignment()
    rows, columns = np.nonzero(kept >= 0)
    solver.add_arcs_with_cost(rows, columns, -kept[rows, columns])
    solver.solve()
    return [solver.right_mate(row) for row in range(len(kept))]


def _parts(group: _Group, control: Control) -> list[_Group]:
    """A group, or parts of it where it is large, to be followed side by side."""
    parts = control.threads if group.end - group.begin > SHARED else 1
    ends = np.linspace(group.begin, group.end, parts + 1).astype(int).tolist()
    return [replace(group, begin=begin, end=end) for begin, end in pairwise(ends)]


def _chosen(states: States, chosen: slice | NDArray[np.int64] | NDArray[np.bool_]) -> States:
    """Some of the states."""
    rows, costs, parents = states.rows[chosen], states.costs[chosen], states.parents[chosen]
    return states._replace(rows=rows, costs=costs, parents=parents)


def _next_step(step: float, granule: float, splits: int, last: int) -> float:
    """By how much to raise the next budget, so that its work grows as it should."""
    growth = math.log(max(splits, 2) / max(last, 1)) / step
    wanted = math.log(max(LONGER, LITTLE / max(splits, 1)))
    step = min(WIDENED * step, wanted / growth) if growth > 0 else WIDENED * step
    return max(1.0, math.floor(step / granule)) * granule if granule else step
