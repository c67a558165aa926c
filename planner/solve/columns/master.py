"""The master programme of column generation: how many domains of each class take which width vector.

Rows that cover a stage may be rounded up, which brings the programme nearer to whole numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

FIRST_PENALTY = 2.0
LARGEST_DENOMINATOR = 12


@dataclass(frozen=True)
class CapacityClass:
    """Domains of equal capacity: `count` of them, each with room for `capacity` whole cells."""

    capacity: int
    count: int


@dataclass(frozen=True, eq=False)
class Column:
    """A width vector for one domain of class `kind`, and its cost f."""

    kind: int
    widths: NDArray[Any]
    cost: float


@dataclass(frozen=True)
class Rounding:
    """``sum of ceil(n * w / d)`` over the domains is at least what the coverage ``sum of w`` implies.

    These are the Chvatal-Gomory cuts of one coverage row. They need no change to the pricing, since
    each is a function of one stage's width.
    """

    stage: int
    numerator: int
    denominator: int

    def of(self, width: Any) -> Any:
        """``ceil(n * w / d)``."""
        return -(-width * self.numerator // self.denominator)


class Master:
    """The restricted master programme; costs are scaled to about one for the LP solver."""

    def __init__(self, classes: Sequence[CapacityClass], coverage: IntArray, unit: float) -> None:
        from ortools.linear_solver import pywraplp

        self.unit = unit
        self.solver = pywraplp.Solver.CreateSolver("GLOP")
        self.infinity = self.solver.infinity()
        self.goal = self.solver.Objective()
        self.goal.SetMinimization()
        self.cover = [self.solver.Constraint(float(c), float(c)) for c in coverage]
        self.count = [self.solver.Constraint(-self.infinity, float(k.count)) for k in classes]
        self.columns: list[Column] = []
        self.variables: list[Any] = []
        self.known: set[tuple[int, bytes]] = set()
        self.slack: list[Any] = []
        self.rounded: dict[Rounding, Any] = {}
        for row in self.cover:
            self._relent(row, (1.0, -1.0))
        self.set_penalty(FIRST_PENALTY)

    def _relent(self, row: Any, signs: tuple[float, ...]) -> None:
        """Let a row be missed at a penalty, so that the programme always has a solution."""
        for sign in signs:
            variable = self.solver.NumVar(0.0, self.infinity, "")
            row.SetCoefficient(variable, sign)
            self.slack.append(variable)

    def set_penalty(self, penalty: float) -> None:
        """Price of a cell left out or covered twice.

        It caps the duals, which a full cluster would leave free to grow without end.
        """
        self.penalty = penalty
        for variable in self.slack:
            self.goal.SetCoefficient(variable, penalty)

    def misses(self) -> bool:
        """Whether the last solution left cells out, which means that the penalty was too low."""
        return bool(sum(variable.solution_value() for variable in self.slack) > 1e-7)

    def add(self, column: Column) -> bool:
        """Add a column; False where it is known already."""
        key = (column.kind, column.widths.tobytes())
        if key in self.known:
            return False
        self.known.add(key)
        variable = self.solver.NumVar(0.0, self.infinity, "")
        self.goal.SetCoefficient(variable, column.cost / self.unit)
        for stage in np.flatnonzero(column.widths):
            self.cover[stage].SetCoefficient(variable, float(column.widths[stage]))
        self.count[column.kind].SetCoefficient(variable, 1.0)
        for rounding, row in self.rounded.items():
            row.SetCoefficient(variable, float(rounding.of(column.widths[rounding.stage])))
        self.columns.append(column)
        self.variables.append(variable)
        return True

    def round_up(self, rounding: Rounding, least: int) -> None:
        """Add the row that a coverage row implies for whole amounts."""
        row = self.solver.Constraint(float(least), self.infinity)
        self.rounded[rounding] = row
        for column, variable in zip(self.columns, self.variables, strict=True):
            row.SetCoefficient(variable, float(rounding.of(column.widths[rounding.stage])))
        self._relent(row, (1.0,))
        self.set_penalty(self.penalty)

    def solve(self) -> bool:
        """Solve the programme; False where the solver gives up, as it may on payloads of all sizes."""
        return self.solver.Solve() in (self.solver.OPTIMAL, self.solver.FEASIBLE)

    def duals(self) -> FloatArray:
        """Worth of a cell of each stage, shape (P,)."""
        return np.asarray([row.dual_value() for row in self.cover]) * self.unit

    def worth(self, widest: int) -> tuple[FloatArray, float]:
        """Worth of every width, shape (P, widest + 1), and what the rounded rows are worth together."""
        width = np.arange(widest + 1)
        table, covered = self.duals()[:, None] * width, 0.0
        for rounding, row in self.rounded.items():
            dual = max(0.0, row.dual_value()) * self.unit
            table[rounding.stage] += dual * rounding.of(width)
            covered += dual * row.lb()
        return table, covered

    def amounts(self) -> FloatArray:
        """How often each column is used."""
        return np.asarray([variable.solution_value() for variable in self.variables])


def fractions(widest: int) -> list[tuple[int, int]]:
    """Fractions below 1 in lowest terms: all with small denominators, and all parts of one."""
    small = range(2, min(widest, LARGEST_DENOMINATOR) + 1)
    found = [(n, d) for d in small for n in range(1, d) if gcd(n, d) == 1]
    return found + [(1, d) for d in range(len(small) + 2, widest + 1)]
