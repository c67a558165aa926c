"""The linear relaxation over listed width vectors, with coverage rows rounded up.

Where all vectors that may matter can be written down, pricing is a look through the list: their costs
may be anything, such as the least bytes of all tiers inside a domain.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from typing import TYPE_CHECKING, Any

import numpy as np

from planner.solve.columns.master import Rounding

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

MAX_ROUNDS = 200
CUT_ROUNDS = 8
MOST_CUTS = 100
NEW_COLUMNS = 20
LARGEST_DENOMINATOR = 12
PENALTY = 10.0
BROKEN = 1e-5
GAIN = 1e-4
TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class Listed:
    """All vectors that the `count` domains of one class may hold, and what each costs.

    Parameters
    ----------
    count
        Domains of the class; each holds one of the vectors.
    widths
        Shape (vectors, P).
    cost
        Shape (vectors,).
    """

    count: int
    widths: IntArray
    cost: FloatArray

    def reduced(self, worth: FloatArray) -> FloatArray:
        """Costs less the worth of every width (shape (P, widest + 1)), shape (vectors,)."""
        reduced = self.cost.copy()
        for stage, table in enumerate(worth):
            reduced -= table[self.widths[:, stage]]
        return reduced


@dataclass(frozen=True, eq=False)
class ListedBound:
    """A valid lower bound on the cost of covering every stage, and how far each vector is above it.

    Parameters
    ----------
    bound
        No choice of a listed vector for every domain that covers each stage costs less.
    excess
        For each class, shape (vectors,): at least 0; the excesses of all domains' vectors add up to
        the cost of a choice less the bound.
    """

    bound: float
    excess: tuple[FloatArray, ...]


def relax_listed(
    classes: Sequence[Listed], replicas: int, over: Callable[[], bool] = lambda: False
) -> ListedBound:
    """Bound covering every stage with `replicas` cells; every class lists at least one vector.

    Once `over` says so the bound so far stands, which is as valid.
    """
    relaxation = _Relaxation(classes, replicas, over)
    relaxation.generate()
    for _ in range(CUT_ROUNDS):
        before = relaxation.bound
        if over() or not relaxation.round_up():
            break
        relaxation.generate()
        if relaxation.bound - before < GAIN * relaxation.unit:
            break
    reduced = [each.reduced(relaxation.worth) for each in classes]
    return ListedBound(relaxation.bound, tuple(each - each.min() for each in reduced))


class _Relaxation:
    """The restricted master programme, grown from the lists; costs are scaled to about one."""

    def __init__(self, classes: Sequence[Listed], replicas: int, over: Callable[[], bool]) -> None:
        from ortools.linear_solver import pywraplp

        self.classes, self.replicas, self.over = classes, replicas, over
        self.stages = classes[0].widths.shape[1]
        self.unit = max(float(np.abs(each.cost).max()) for each in classes) or 1.0
        self.solver = pywraplp.Solver.CreateSolver("GLOP")
        self.infinity = self.solver.infinity()
        self.goal = self.solver.Objective()
        self.goal.SetMinimization()
        self.cover = [self.solver.Constraint(float(replicas), float(replicas)) for _ in range(self.stages)]
        self.count = [self.solver.Constraint(float(each.count), float(each.count)) for each in classes]
        self.rounded: dict[Rounding, Any] = {}
        self.variables: dict[tuple[int, int], Any] = {}
        for row in self.cover:
            self._relent(row, (1.0, -1.0))
        for kind in range(len(classes)):
            self._add(kind, 0)
        self.bound = -np.inf
        self.worth = np.zeros((self.stages, replicas + 1))

    def _relent(self, row: Any, signs: tuple[float, ...]) -> None:
        """Let a row be missed at a penalty, so that the programme always has a solution."""
        for sign in signs:
            variable = self.solver.NumVar(0.0, self.infinity, "")
            row.SetCoefficient(variable, sign)
            self.goal.SetCoefficient(variable, PENALTY)

    def _add(self, kind: int, index: int) -> bool:
        """Add a listed vector to the programme; False where it is there already."""
        if (kind, index) in self.variables:
            return False
        variable = self.solver.NumVar(0.0, self.infinity, "")
        self.variables[kind, index] = variable
        widths = self.classes[kind].widths[index]
        self.goal.SetCoefficient(variable, float(self.classes[kind].cost[index]) / self.unit)
        for stage in np.flatnonzero(widths):
            self.cover[stage].SetCoefficient(variable, float(widths[stage]))
        self.count[kind].SetCoefficient(variable, 1.0)
        for rounding, row in self.rounded.items():
            row.SetCoefficient(variable, float(rounding.of(widths[rounding.stage])))
        return True

    def generate(self) -> None:
        """Add vectors until none can improve the programme; any duals on the way give a valid bound."""
        for _ in range(MAX_ROUNDS):
            if self.solver.Solve() != self.solver.OPTIMAL:
                break
            objective = self.goal.Value() * self.unit
            fresh = self._price()
            if not fresh or objective - self.bound < TOLERANCE * self.unit or self.over():
                break

    def _price(self) -> bool:
        """Take the bound that the duals imply, and add vectors of negative reduced cost; whether any."""
        worth, value = self._worth()
        dual = [row.dual_value() * self.unit for row in self.count]
        fresh = False
        for kind, listed in enumerate(self.classes):
            reduced = listed.reduced(worth)
            value += listed.count * float(reduced.min())
            nearest = np.argpartition(reduced, min(NEW_COLUMNS, len(reduced)) - 1)[:NEW_COLUMNS]
            for index in nearest[reduced[nearest] < dual[kind] - TOLERANCE * self.unit]:
                fresh |= self._add(kind, int(index))
        if value > self.bound:
            self.bound, self.worth = value, worth
        return fresh

    def _worth(self) -> tuple[FloatArray, float]:
        """Worth of every width of every stage, shape (P, replicas + 1), and of all that is covered."""
        width = np.arange(self.replicas + 1)
        duals = np.asarray([row.dual_value() for row in self.cover]) * self.unit
        worth = duals[:, None] * width
        covered = float(worth[:, -1].sum())
        for rounding, row in self.rounded.items():
            dual = max(0.0, row.dual_value()) * self.unit
            worth[rounding.stage] += dual * rounding.of(width)
            covered += dual * row.lb()
        return worth, covered

    def round_up(self) -> bool:
        """Add the rounded rows that the last solution breaks most; whether there are any."""
        if self.solver.Solve() != self.solver.OPTIMAL:
            return False
        used = [(each, a) for each, v in self.variables.items() if (a := v.solution_value()) > BROKEN]
        widths = np.stack([self.classes[kind].widths[index] for (kind, index), _ in used])
        amounts = np.asarray([amount for _, amount in used])
        broken: list[tuple[float, Rounding, int]] = []
        for numerator, denominator in _fractions(min(self.replicas, LARGEST_DENOMINATOR)):
            least = -(-self.replicas * numerator // denominator)
            short = least - amounts @ -(-widths * numerator // denominator)
            rows = [Rounding(int(stage), numerator, denominator) for stage in np.flatnonzero(short > BROKEN)]
            broken += [(float(short[row.stage]), row, least) for row in rows if row not in self.rounded]
        broken.sort(key=lambda each: -each[0])
        for _, rounding, least in broken[:MOST_CUTS]:
            self._round_up(rounding, least)
        return bool(broken)

    def _round_up(self, rounding: Rounding, least: int) -> None:
        """Add the row that a coverage row implies for whole amounts."""
        row = self.solver.Constraint(float(least), self.infinity)
        for (kind, index), variable in self.variables.items():
            width = self.classes[kind].widths[index, rounding.stage]
            row.SetCoefficient(variable, float(rounding.of(width)))
        self._relent(row, (1.0,))
        self.rounded[rounding] = row


def _fractions(largest: int) -> list[tuple[int, int]]:
    """All fractions below 1 in lowest terms with denominators up to `largest`."""
    return [(n, d) for d in range(2, largest + 1) for n in range(1, d) if gcd(n, d) == 1]
