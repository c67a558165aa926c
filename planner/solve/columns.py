"""Column generation: the linear relaxation of covering every stage by domains' width vectors.

The master programme chooses how many domains of each capacity class take which width vector; the
pricing problem is `planner.solve.pricing`. Its value bounds a tier from below, and its duals say
what a cell of each stage is worth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from planner.solve.levels import Levels
from planner.solve.pricing import price

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.solve.control import Control
    from planner.solve.reduction import StageCosts

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

RELATIVE_TOLERANCE = 1e-9
MAX_ROUNDS = 300
FIRST_PENALTY = 2.0
LAST_PENALTY = 1e5
LARGE_CELLS = 200


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


@dataclass(frozen=True, eq=False)
class Relaxation:
    """What column generation found.

    Parameters
    ----------
    bound
        Valid lower bound on the sum of f over all domains, cells kept whole.
    duals
        Worth of a cell of each stage, shape (P,).
    columns, amounts
        The columns generated and how often the relaxation uses each, shape (columns,).
    """

    bound: float
    duals: FloatArray
    columns: tuple[Column, ...]
    amounts: FloatArray


class _Master:
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
        for row in self.cover:
            for sign in (1.0, -1.0):
                variable = self.solver.NumVar(0.0, self.infinity, "")
                row.SetCoefficient(variable, sign)
                self.slack.append(variable)
        self.set_penalty(FIRST_PENALTY)

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
        self.columns.append(column)
        self.variables.append(variable)
        return True

    def solve(self) -> FloatArray | None:
        """Solve the programme; duals of the coverage rows, shape (P,).

        None where the solver gives up, as it may on payloads of very different size.
        """
        status = self.solver.Solve()
        if status not in (self.solver.OPTIMAL, self.solver.FEASIBLE):
            return None
        return np.asarray([row.dual_value() for row in self.cover]) * self.unit

    def amounts(self) -> FloatArray:
        """How often each column is used."""
        return np.asarray([variable.solution_value() for variable in self.variables])


class _SmallPrices:
    """Prices every class exactly, by the dynamic programme over widths and room."""

    def __init__(self, costs: StageCosts, classes: Sequence[CapacityClass], coverage: IntArray) -> None:
        self.costs, self.classes = costs, classes
        self.largest = max(k.capacity for k in classes)
        self.table = costs.holding(min(self.largest, int(coverage.max())))

    def cheapest(self, duals: FloatArray) -> list[tuple[float, Column]]:
        """For every class the least reduced cost, at most 0 (the empty domain), and a column."""
        priced = price(self.costs, duals, self.largest, self.table)
        return [
            (min(0.0, priced.within(k.capacity)), self.column(kind, priced.vector(k.capacity)))
            for kind, k in enumerate(self.classes)
        ]

    def column(self, kind: int, widths: IntArray) -> Column:
        """The column of a width vector."""
        return Column(kind, widths, float(self.costs.domain_bytes(widths[None])[0]))


class _LargePrices:
    """Prices classes of large domains over real widths, see `planner.solve.levels`."""

    def __init__(self, costs: StageCosts, classes: Sequence[CapacityClass], coverage: IntArray) -> None:
        self.levels = Levels.of(costs, int(coverage.max()))
        self.classes = classes

    def cheapest(self, duals: FloatArray) -> list[tuple[float, Column]]:
        """For every class the least reduced cost, at most 0 (the empty domain), and a column."""
        found = [self.levels.cheapest(duals, k.capacity) for k in self.classes]
        return [(min(0.0, value), self.column(kind, widths)) for kind, (value, widths) in enumerate(found)]

    def column(self, kind: int, widths: FloatArray) -> Column:
        """The column of a vector of real widths."""
        return Column(kind, widths, self.levels.cost(widths))


def relax(
    costs: StageCosts,
    classes: Sequence[CapacityClass],
    coverage: IntArray,
    tolerance: float = RELATIVE_TOLERANCE,
    control: Control | None = None,
) -> Relaxation:
    """Solve the linear relaxation of covering `coverage` (shape (P,)) by domains of `classes`.

    Any duals give a valid bound, so the best so far stands where the time is over or the linear
    solver gives up.

    Where a domain holds more than `LARGE_CELLS` cells, widths are real numbers: the bound is as
    valid, and less than one cell a stage and domain weaker.
    """
    large = max(k.capacity for k in classes) > LARGE_CELLS
    prices = (_LargePrices if large else _SmallPrices)(costs, classes, coverage)
    single = np.minimum(np.asarray([k.capacity for k in classes])[:, None], coverage)
    starts = [
        prices.column(kind, np.where(np.arange(costs.stages) == stage, single[kind], 0).astype(np.int32))
        for kind in range(len(classes))
        for stage in range(costs.stages)
    ]
    payments = [coefficient for _, _, coefficient in costs.terms]
    sizes = [abs(column.cost) for column in starts]
    sizes += [float(each.max(initial=0.0)) for each in (costs.v, costs.rungs, *payments)]
    unit = max(*sizes, costs.v_wrap) or 1.0
    master = _Master(classes, coverage, unit)
    for column in starts:
        master.add(column)
    bound, best_duals = -np.inf, np.zeros(costs.stages)
    for _ in range(MAX_ROUNDS):
        duals = master.solve()
        if duals is None or (control is not None and control.over and bound > -np.inf):
            break
        objective = master.goal.Value() * unit
        short = master.misses()
        cheapest = prices.cheapest(duals)
        value = float(duals @ coverage)
        value += sum(k.count * least for k, (least, _) in zip(classes, cheapest, strict=True))
        if value > bound:
            bound, best_duals = value, duals
        fresh = [master.add(column) for _, column in cheapest]
        if any(fresh) and objective - bound > tolerance * max(abs(objective), unit):
            continue
        if not short or master.penalty > LAST_PENALTY:
            break
        master.set_penalty(master.penalty * 8)
    amounts = np.zeros(len(master.columns)) if master.solve() is None else master.amounts()
    return Relaxation(bound, best_duals, tuple(master.columns), amounts)
