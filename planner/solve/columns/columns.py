"""Column generation: the linear relaxation of covering every stage by domains' width vectors.

The master programme chooses how many domains of each capacity class take which width vector; the
pricing problem is `planner.solve.columns.pricing`. Its value bounds a tier from below, and its duals say
what a cell of each stage is worth.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.columns.master import CapacityClass, Column, Master, Rounding, fractions
from planner.solve.columns.pricing import price
from planner.solve.reduction.levels import Levels

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.setup.control import Control

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

RELATIVE_TOLERANCE = 1e-9
MAX_ROUNDS = 300
EVEN_LOOKS, FEW_LOOKS = 10, 6
MARGIN = 0.05
STEADY = 0.7
PATIENCE = 3
LAST_PENALTY = 1e5
LARGE_TABLE = 1_500_000
ROUNDING_ROUNDS = 12
ROUNDING_GAIN = 1e-3
MOST_ROUNDINGS = 60
BROKEN = 1e-5


@dataclass(frozen=True, eq=False)
class Relaxation:
    """What column generation found.

    Parameters
    ----------
    bound
        Valid lower bound on the sum of f over all domains, cells kept whole.
    duals
        Worth of a cell of each stage, shape (P,).
    worth
        Worth of every width of every stage, shape (P, widest + 1): ``duals * w``, and where rows were
        rounded up what those add.
    covered
        Worth of all that is covered: the bound less what the domains' reduced costs add.
    columns, amounts
        The columns generated and how often the relaxation uses each, shape (columns,).
    """

    bound: float
    duals: FloatArray
    worth: FloatArray
    covered: float
    columns: tuple[Column, ...]
    amounts: FloatArray


class _SmallPrices:
    """Prices every class exactly, by the dynamic programme over widths and room."""

    def __init__(self, costs: StageCosts, classes: Sequence[CapacityClass], coverage: IntArray) -> None:
        self.costs, self.classes = costs, classes
        self.largest = max(k.capacity for k in classes)
        self.widest = min(self.largest, int(coverage.max()))
        self.table = costs.holding(self.widest)

    def cheapest(self, worth: FloatArray, *, alone: bool = False) -> list[tuple[float, list[Column]]]:
        """For every class the least reduced cost, at most 0 (the empty domain), and good columns.

        The best one comes first, and `alone` where asked so.
        """
        priced = price(self.costs, np.zeros(self.costs.stages), self.largest, self.table - worth)
        found = []
        for kind, k in enumerate(self.classes):
            vectors = [priced.vector(k.capacity), *([] if alone else priced.good_vectors(k.capacity))]
            found.append((min(0.0, priced.within(k.capacity)), [self.column(kind, each) for each in vectors]))
        return found

    def column(self, kind: int, widths: IntArray) -> Column:
        """The column of a width vector."""
        return Column(kind, widths, float(self.costs.domain_bytes(widths[None])[0]))


class _LargePrices:
    """Prices classes of large domains over real widths, see `planner.solve.reduction.levels`."""

    widest = 1

    def __init__(self, costs: StageCosts, classes: Sequence[CapacityClass], coverage: IntArray) -> None:
        self.levels = Levels.of(costs, int(coverage.max()))
        self.classes = classes

    def cheapest(self, worth: FloatArray, *, alone: bool = True) -> Iterator[tuple[float, list[Column]]]:
        """For every class the least reduced cost, at most 0 (the empty domain), and a column.

        One after the other, since there may be many and each takes long.
        """
        del alone
        for kind, k in enumerate(self.classes):
            value, widths = self.levels.cheapest(worth[:, 1], k.capacity)
            yield min(0.0, value), [self.column(kind, widths)]

    def column(self, kind: int, widths: FloatArray) -> Column:
        """The column of a vector of real widths."""
        return Column(kind, widths, self.levels.cost(widths))


def fits_pricing(costs: StageCosts, room: int, most: int) -> bool:
    """Whether the exact pricing programme is small enough: by stages, widths up to `most`, and cells."""
    return costs.stages * min(room, most) * room <= LARGE_TABLE


def large(costs: StageCosts, classes: Sequence[CapacityClass], coverage: IntArray) -> bool:
    """Whether the exact pricing programme would be too large."""
    return not fits_pricing(costs, max(k.capacity for k in classes), int(coverage.max()))


def relax(
    costs: StageCosts,
    classes: Sequence[CapacityClass],
    coverage: IntArray,
    tolerance: float = RELATIVE_TOLERANCE,
    control: Control | None = None,
    *,
    rounding: bool = False,
    steady: bool = False,
) -> Relaxation:
    """Solve the linear relaxation of covering `coverage` (shape (P,)) by domains of `classes`.

    Any duals give a valid bound, so the best so far stands where the time is over or the linear
    solver gives up.

    Where domains are `large`, widths are real numbers: the bound is as valid, and less than one cell a
    stage and domain weaker.

    With `rounding`, coverage rows are rounded up as far as that raises the bound: it is valid for
    whole amounts only then, and stands nearer to them where replicas are few.

    A `steady` run looks for a good bound at once and for the columns of the optimum later: it begins
    with stages that are all worth the same and prices near the best worth so far.
    """
    generation = _Generation(costs, classes, coverage, tolerance, control)
    if steady:
        generation.begin_even()
    generation.run()
    if rounding and not generation.large:
        generation.round_all_up(PATIENCE if steady else 1)
    return generation.relaxation()


class _Generation:
    """Column generation with its best bound so far."""

    def __init__(
        self,
        costs: StageCosts,
        classes: Sequence[CapacityClass],
        coverage: IntArray,
        tolerance: float,
        control: Control | None,
    ) -> None:
        self.costs, self.classes, self.coverage = costs, classes, coverage
        self.tolerance, self.control, self.weight_of_best = tolerance, control, 0.0
        self.large = large(costs, classes, coverage)
        self.prices = (_LargePrices if self.large else _SmallPrices)(costs, classes, coverage)
        single = np.minimum(np.asarray([k.capacity for k in classes])[:, None], coverage)
        starts = [
            self.prices.column(
                kind, np.where(np.arange(costs.stages) == stage, single[kind], 0).astype(np.int32)
            )
            for kind in range(len(classes))
            for stage in range(costs.stages)
        ]
        payments = [coefficient for _, _, coefficient in costs.terms]
        sizes = [abs(column.cost) for column in starts]
        sizes += [float(each.max(initial=0.0)) for each in (costs.v, costs.rungs, *payments)]
        self.unit = max(*sizes, costs.v_wrap) or 1.0
        self.master = Master(classes, coverage, self.unit)
        for column in starts:
            self.master.add(column)
        self.bound, self.covered = -np.inf, 0.0
        self.duals = np.zeros(costs.stages)
        self.worth = np.zeros((costs.stages, self.prices.widest + 1))

    @property
    def over(self) -> bool:
        """Whether to be content with the bound there is."""
        return self.control is not None and self.control.over and (self.bound > -np.inf or self.spent)

    @property
    def spent(self) -> bool:
        """Whether to end without a bound, in the middle of a look at large domains, which takes long."""
        return self.large and self.control is not None and self.control.spent

    def begin_even(self) -> None:
        """Look for the best bound at which a cell of every stage is worth the same, and price steadily then.

        That worth is where the cheapest vectors hold as many cells as there are. Of large
        domains, which take long, one of their mean room shows about where that is, and fewer looks follow.
        """
        self.weight_of_best = STEADY
        low, high = -2.0 * self.unit, 2.0 * self.unit
        if self.large:
            low, high = self._near_even(low, high)
        for _ in range(FEW_LOOKS if self.large else EVEN_LOOKS):
            if self.over:
                return
            worth = (low + high) / 2
            duals = np.full(self.costs.stages, worth)
            table: FloatArray = duals[:, None] * np.arange(self.prices.widest + 1)
            columns = self._take(duals, table, worth * int(self.coverage.sum()), alone=True)
            self._add(columns)
            held = sum(self.classes[best.kind].count * best.widths.sum() for best, *_ in columns)
            low, high = (worth, high) if held < self.coverage.sum() else (low, worth)

    def _near_even(self, low: float, high: float) -> tuple[float, float]:
        """Where about the even worth lies, by large domains that all have the mean room."""
        count = sum(k.count for k in self.classes)
        mean = CapacityClass(max(1, sum(k.capacity * k.count for k in self.classes) // count), count)
        prices = _LargePrices(self.costs, [mean], self.coverage)
        width = np.arange(prices.widest + 1)
        for _ in range(EVEN_LOOKS):
            worth = (low + high) / 2
            [(_, [best])] = prices.cheapest(np.full((self.costs.stages, 1), worth) * width)
            if self.spent:
                break
            low, high = (worth, high) if count * best.widths.sum() < self.coverage.sum() else (low, worth)
        margin = MARGIN * self.unit
        return low - margin, high + margin

    def run(self) -> None:
        """Generate columns until none can improve the programme."""
        for _ in range(MAX_ROUNDS):
            if self.over or not self.master.solve():
                break
            objective = self.master.goal.Value() * self.unit
            short = self.master.misses()
            fresh = self._price()
            if fresh and objective - self.bound > self.tolerance * max(abs(objective), self.unit):
                continue
            if not short or self.master.penalty > LAST_PENALTY:
                break
            self.master.set_penalty(self.master.penalty * 8)

    def _price(self) -> bool:
        """Take the bound that the duals imply, and the columns that they call for; whether any is new.

        A steady run looks between the duals and the best so far first.
        """
        duals = self.master.duals()
        worth, rounded = self.master.worth(self.prices.widest)
        covered = float(duals @ self.coverage) + rounded
        fresh = False
        if self.weight_of_best and self.bound > -np.inf:
            near, far = self.weight_of_best, 1 - self.weight_of_best
            between = (
                near * self.duals + far * duals,
                near * self.worth + far * worth,
                near * self.covered + far * covered,
            )
            fresh = self._add(self._take(*between))
        return fresh or self._add(self._take(duals, worth, covered))

    def _take(
        self, duals: FloatArray, worth: FloatArray, covered: float, *, alone: bool = False
    ) -> list[list[Column]]:
        """Take the bound that these imply where it is the best, and return the columns they call for."""
        cheapest = []
        for priced in self.prices.cheapest(worth, alone=alone):
            cheapest.append(priced)
            if self.spent:
                return []
        value = covered + sum(k.count * least for k, (least, _) in zip(self.classes, cheapest, strict=True))
        if value > self.bound:
            self.bound, self.duals, self.worth, self.covered = value, duals, worth, covered
        return [columns for _, columns in cheapest]

    def _add(self, columns: list[list[Column]]) -> bool:
        """Add the columns of every class; whether any is new."""
        fresh = False
        for column in chain.from_iterable(columns):
            fresh |= self.master.add(column)
        return fresh

    def round_all_up(self, patience: int) -> None:
        """Round rows up until that has not raised the bound for so many rounds on end, or none is broken."""
        idle = 0
        for _ in range(ROUNDING_ROUNDS):
            if idle == patience or not self.round_up():
                return
            before = self.bound
            self.run()
            idle = 0 if self.bound - before >= ROUNDING_GAIN * self.unit else idle + 1

    def round_up(self) -> bool:
        """Add the rounded rows that the last solution breaks; whether there are any."""
        if self.over or not self.master.solve():
            return False
        used = [
            (c.widths, amount)
            for c, amount in zip(self.master.columns, self.master.amounts(), strict=True)
            if amount > BROKEN
        ]
        widths = np.stack([each for each, _ in used])
        amounts = np.asarray([amount for _, amount in used])
        broken = []
        for numerator, denominator in fractions(self.prices.widest):
            least = -(-self.coverage * numerator // denominator)
            short = least - amounts @ -(-widths * numerator // denominator)
            broken += [
                (float(short[stage]), Rounding(int(stage), numerator, denominator), int(least[stage]))
                for stage in np.flatnonzero(short > BROKEN)
            ]
        broken = [each for each in broken if each[1] not in self.master.rounded]
        broken.sort(key=lambda each: -each[0])
        for _, rounding, rounded in broken[:MOST_ROUNDINGS]:
            self.master.round_up(rounding, rounded)
        return bool(broken)

    def relaxation(self) -> Relaxation:
        """What was found."""
        amounts = self.master.amounts() if self.master.solve() else np.zeros(len(self.master.columns))
        columns = tuple(self.master.columns)
        return Relaxation(self.bound, self.duals, self.worth, self.covered, columns, amounts)
