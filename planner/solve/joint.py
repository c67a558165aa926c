"""One linear relaxation over all tiers: what an outer domain holds, the domains inside it must hold.

Bounded one by one, tiers do not see each other. Here every tier has width vectors of its own, and for
each stage the cells that the domains of one tier hold are those that the domains inside them hold. On
real amounts that alone adds little. It does where such a row is rounded up: if an outer domain holds W
cells of a stage, and those inside w each, then for every fraction n / d

    sum of ceil(n w / d) over the domains inside  >=  ceil(n W / d)

A row with its dual y charges an outer domain ``y ceil(n W / d)`` and credits one inside with
``y ceil(n w / d)``: functions of one stage's width, so that pricing reads them from a table, tier by
tier. The charges are what the tiers inside will cost, seen from outside, and so a guide for
constructions.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from planner.solve.columns import EVEN_LOOKS
from planner.solve.joint_duals import Centre
from planner.solve.master import Rounding, fractions
from planner.solve.pools import (
    WHOLE_JOB,
    counted_classes,
    joined_classes,
    pooled,
    separate_classes,
    weighty_levels,
)
from planner.solve.pricing import Sweep, price

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from planner.solve.control import Control
    from planner.solve.pools import Domains, Pool
    from planner.solve.pricing import Priced
    from planner.solve.reduction import StageCosts
    from planner.solve.tree import Level, Tree

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]
    Row = tuple[int, Rounding]

MAX_ROUNDS = 200
ROUNDING_ROUNDS = 40
# Few: more make a sharper bound, and no better guide.
ROUNDS_AHEAD = 2
MOST_ROUNDINGS = 40
MOST_ROWS = 1_200
MOST_CLASS_ROWS = 600
LARGEST_DENOMINATOR = 12
FIRST_PENALTY, LAST_PENALTY = 2.0, 1e5
TOLERANCE = 1e-7
BROKEN = 1e-5
NEW = 1e-9
LEAST_SHARE = 1e-6
WAYS = ("use_dual_simplex:true", "use_preprocessing:false", "use_dual_simplex:false")


class JointProgramme:
    """The restricted master programme over all tiers, and its best bound so far.

    Costs are weighted bytes without the constants, scaled to about one for the linear solver.

    Parameters
    ----------
    levels
        The tiers, innermost first.
    classes
        Their domains.
    """

    def __init__(self, costs: StageCosts, levels: Sequence[Level], classes: Sequence[Domains]) -> None:
        from ortools.linear_solver import pywraplp

        self.costs, self.levels, self.pools = costs, levels, pooled(classes)
        self.weights = [level.weight for level in levels]
        self.floors: FloatArray | None = None
        self.centre: Centre | None = None
        self.bound = -np.inf
        self.holding = costs.holding(costs.replicas)
        largest = max(float(np.abs(self.holding[:, 1]).max()), float(costs.v.max(initial=0.0)), costs.v_wrap)
        self.unit = max(self.weights) * (largest or 1.0)
        self.solver = pywraplp.Solver.CreateSolver("GLOP")
        self.infinity = self.solver.infinity()
        self.goal = self.solver.Objective()
        self.goal.SetMinimization()
        self.groups = sorted({each.outer for each in classes})
        self.cover = {group: self._cover_rows(group) for group in self.groups}
        self.fits = [
            {room: self.solver.Constraint(-self.infinity, float(count)) for room, count in pool.limits}
            for pool in self.pools
        ]
        self.totals, self.pays = self._total_rows()
        self.rounded: dict[Row, Any] = {}
        self.slack: list[Any] = []
        self.penalty = FIRST_PENALTY
        for row in self.cover[WHOLE_JOB]:
            self._relent(row, (1.0, -1.0))
        self.columns: list[tuple[int, IntArray]] = []
        self.variables: list[Any] = []
        self.known: set[tuple[int, bytes]] = set()
        for index, pool in enumerate(self.pools):
            for stage in range(costs.stages):
                for room in {pool.rooms[0], pool.rooms[-1]}:
                    self.add(index, _single(costs.stages, stage, min(room, costs.replicas)))

    def _cover_rows(self, group: int) -> list[Any]:
        """Rows, one a stage: those inside hold what those outside hold, or all cells of the job."""
        cells = float(self.costs.replicas) if group == WHOLE_JOB else 0.0
        return [self.solver.Constraint(cells, cells) for _ in range(self.costs.stages)]

    def _total_rows(self) -> tuple[list[Any], list[Any]]:
        """For every level a variable that is at least what its domains pay."""
        totals, rows = [], []
        for _ in self.levels:
            total = self.solver.NumVar(-self.infinity, self.infinity, "")
            self.goal.SetCoefficient(total, 1.0)
            row = self.solver.Constraint(0.0, self.infinity)
            row.SetCoefficient(total, 1.0)
            totals.append(total)
            rows.append(row)
        return totals, rows

    def _relent(self, row: Any, signs: tuple[float, ...]) -> None:
        """Let a row be missed at a penalty, so that the programme always has a solution."""
        for sign in signs:
            variable = self.solver.NumVar(0.0, self.infinity, "")
            row.SetCoefficient(variable, sign)
            self.goal.SetCoefficient(variable, self.penalty)
            self.slack.append(variable)

    def add(self, index: int, widths: IntArray) -> bool:
        """Add a width vector of a pool; False where it is known already."""
        key = index, widths.tobytes()
        if key in self.known:
            return False
        self.known.add(key)
        pool, used = self.pools[index], int(widths.sum())
        variable = self.solver.NumVar(0.0, self.infinity, "")
        paid = self.weights[pool.level] * float(self.costs.domain_bytes(widths[None])[0])
        self.pays[pool.level].SetCoefficient(variable, -paid / self.unit)
        for room, row in self.fits[index].items():
            if used > room:
                row.SetCoefficient(variable, 1.0)
        for stage in np.flatnonzero(widths).tolist():
            self.cover[pool.outer][stage].SetCoefficient(variable, float(widths[stage]))
            if pool.own is not None:
                self.cover[pool.own][stage].SetCoefficient(variable, -float(widths[stage]))
        for (group, rounding), row in self.rounded.items():
            self._enter(row, group, rounding, pool, widths, variable)
        self.columns.append((index, widths))
        self.variables.append(variable)
        return True

    @staticmethod
    def _enter(row: Any, group: int, rounding: Rounding, pool: Pool, widths: IntArray, variable: Any) -> None:
        """Write a column into a rounded row."""
        if group == pool.outer:
            row.SetCoefficient(variable, float(rounding.of(int(widths[rounding.stage]))))
        elif group == pool.own:
            row.SetCoefficient(variable, -float(rounding.of(int(widths[rounding.stage]))))

    def set_floors(self, floors: Sequence[float]) -> None:
        """Let no level pay less than this in weighted bytes: bounds of single tiers sharpen the joint one."""
        self.floors = np.asarray(floors)
        for total, floor in zip(self.totals, floors, strict=True):
            total.SetLb(floor / self.unit)

    def begin_with(self, vectors: Sequence[tuple[int, IntArray]]) -> None:
        """Add vectors of levels wherever they fit."""
        for level, widths in vectors:
            for index, pool in enumerate(self.pools):
                if pool.level == level and widths.sum() <= pool.rooms[-1]:
                    self.add(index, widths)

    def in_use(self) -> list[tuple[int, IntArray]]:
        """Levels and vectors that the programme uses; none where it has no solution."""
        if not self._solved():
            return []
        columns = zip(self.columns, self.variables, strict=True)
        return [
            (self.pools[index].level, widths)
            for (index, widths), variable in columns
            if variable.solution_value() > BROKEN
        ]

    def solve(self, control: Control, rounds: int = ROUNDING_ROUNDS) -> None:
        """Generate columns, and round rows up, until neither helps or the time or the rounds are over."""
        self.begin_even()
        self._generate(control)
        for _ in range(rounds):
            if control.over or not self._round_up():
                return
            self._generate(control)

    def _solved(self) -> bool:
        """Solve the programme; False where the linear solver gives up, whichever way it goes about it."""
        for way in WAYS:
            if self.solver.Solve() == self.solver.OPTIMAL:
                return True
            self.solver.SetSolverSpecificParametersAsString(way)
        return False

    def _generate(self, control: Control) -> None:
        """Add columns until none can improve the programme; any duals on the way give a valid bound."""
        for _ in range(MAX_ROUNDS):
            if control.over or not self._solved():
                return
            value = self.goal.Value() * self.unit
            short = sum(variable.solution_value() for variable in self.slack) > TOLERANCE
            if self._price() and value - self.bound > TOLERANCE * self.unit:
                continue
            if not short or self.penalty > LAST_PENALTY:
                return
            self.penalty *= 8
            for variable in self.slack:
                self.goal.SetCoefficient(variable, self.penalty)

    def begin_even(self) -> None:
        """Take the bound at which a cell of every stage is worth the same, tier by tier.

        The worth of a tier is where its cheapest vectors hold as many cells as there are; what lies inside
        an outer domain is worth that of all tiers inside.
        """
        width, total, at = np.arange(self.costs.replicas + 1.0), 0.0, {}
        for level in range(len(self.levels)):
            total += self._even_worth(level)
            at.update({pool.outer: total for pool in self.pools if pool.level == level})
        worth = {group: np.tile(at[group] * width, (self.costs.stages, 1)) for group in self.groups}
        rents = [np.zeros(pool.rooms[-1] + 1) for pool in self.pools]
        self._look(Centre(worth, np.ones(len(self.levels)), rents))

    def _even_worth(self, level: int) -> float:
        """What a cell is worth to one tier alone, if those of all stages are worth the same."""
        pools = [pool for pool in self.pools if pool.level == level]
        room = max(pool.rooms[-1] for pool in pools)
        holding = self.holding[:, : min(room, self.costs.replicas) + 1]
        wanted, low, high = self.costs.stages * self.costs.replicas, -self.unit, self.unit
        for _ in range(EVEN_LOOKS):
            worth = (low + high) / 2
            duals = np.full(self.costs.stages, worth / self.weights[level])
            used = price(self.costs, duals, room, holding).used
            held = sum(
                count * int(used[r])
                for pool in pools
                for r, count in zip(pool.rooms, pool.counts, strict=True)
            )
            low, high = (worth, high) if held < wanted else (low, worth)
        return high

    def _price(self) -> bool:
        """Take the bound that the duals imply, and the columns that they call for; whether any is new.

        Between the duals and those of the best bound first: duals of programmes of few columns are far off.
        """
        worth = self._worth()
        shares = np.asarray([min(1.0, max(LEAST_SHARE, row.dual_value())) for row in self.pays])
        if self.floors is None:
            shares = np.ones(len(shares))
        there = Centre(worth, shares, [self._rent(index) for index in range(len(self.pools))])
        between = self.centre is not None and self._look(self.centre.towards(there))
        return between or self._look(there)

    def _look(self, at: Centre) -> bool:
        """Take the bound that these duals imply, and the columns that they call for; whether any is new."""
        value, fresh = at.value, False
        if self.floors is not None:
            value += float((1 - at.shares) @ self.floors)
        for index, pool in enumerate(self.pools):
            weight = float(at.shares[pool.level] * self.weights[pool.level])
            room = pool.rooms[-1]
            widest = min(room, self.costs.replicas) + 1
            table = weight * self.holding[:, :widest] - at.worth[pool.outer][:, :widest]
            if pool.own is not None:
                table += at.worth[pool.own][:, :widest]
            priced = price(self.costs, np.zeros(self.costs.stages), room, table / weight)
            value += weight * sum(
                count * min(0.0, priced.within(room))
                for room, count in zip(pool.rooms, pool.counts, strict=True)
            )
            for widths in self._paying(index, priced, at.rents[index] / weight, weight):
                fresh |= self.add(index, widths.astype(np.int32))
        if value > self.bound:
            self.bound, self.centre = value, at
        return fresh

    def _paying(self, index: int, priced: Priced, rent: FloatArray, weight: float) -> Iterator[IntArray]:
        """The best vector for every room, and for every last stage, where they cost less than their rent."""
        least = NEW * self.unit / weight
        for room in self.pools[index].rooms:
            used = int(priced.used[room])
            if priced.best[used] + rent[used] < -least:
                yield priced.vector(room)
        if isinstance(priced.programme, Sweep):
            yield from priced.programme.paying(rent, least)

    def _rent(self, index: int) -> FloatArray:
        """What every number of cells pays for its place in a domain of the pool, shape (room + 1,)."""
        rent = np.zeros(self.pools[index].rooms[-1] + 1)
        for room, row in self.fits[index].items():
            rent[room + 1 :] -= min(0.0, row.dual_value()) * self.unit
        return rent

    def _worth(self) -> dict[int, FloatArray]:
        """For every group what each width is worth by the last solution, shape (P, N + 1)."""
        width = np.arange(self.costs.replicas + 1)
        worth = {}
        for group in self.groups:
            duals = np.asarray([row.dual_value() for row in self.cover[group]]) * self.unit
            worth[group] = duals[:, None] * width
        for (group, rounding), row in self.rounded.items():
            if dual := max(0.0, row.dual_value()) * self.unit:
                worth[group][rounding.stage] += dual * rounding.of(width)
        return worth

    def _round_up(self) -> bool:
        """Add the rounded rows that the last solution breaks most; whether there are any."""
        if len(self.rounded) >= MOST_ROWS or not self._solved():
            return False
        broken: list[tuple[float, Row]] = []
        for group, (widths, amounts) in self._in_use().items():
            for numerator, denominator in fractions(min(self.costs.replicas, LARGEST_DENOMINATOR)):
                short = -amounts @ -(-widths * numerator // denominator)
                if group == WHOLE_JOB:
                    short = short - (-self.costs.replicas * numerator // denominator)
                for stage in np.flatnonzero(short > BROKEN).tolist():
                    row = group, Rounding(stage, numerator, denominator)
                    if row not in self.rounded:
                        broken.append((float(short[stage]), row))
        broken.sort(key=lambda each: -each[0])
        for _, row in broken[:MOST_ROUNDINGS]:
            self._add_rounded(*row)
        return bool(broken)

    def _in_use(self) -> dict[int, tuple[IntArray, FloatArray]]:
        """For every group the vectors in use and how often, those outside counted negative."""
        found = defaultdict(list)
        for (index, widths), variable in zip(self.columns, self.variables, strict=True):
            if (amount := variable.solution_value()) > BROKEN:
                found[self.pools[index].outer].append((widths, amount))
                own = self.pools[index].own
                if own is not None:
                    found[own].append((widths, -amount))
        return {
            group: (np.stack([widths for widths, _ in used]), np.asarray([amount for _, amount in used]))
            for group, used in found.items()
        }

    def _add_rounded(self, group: int, rounding: Rounding) -> None:
        """Add the row that a coverage row implies for whole amounts."""
        least = float(rounding.of(self.costs.replicas)) if group == WHOLE_JOB else 0.0
        row = self.solver.Constraint(least, self.infinity)
        for (index, widths), variable in zip(self.columns, self.variables, strict=True):
            self._enter(row, group, rounding, self.pools[index], widths, variable)
        if group == WHOLE_JOB:
            self._relent(row, (1.0,))
        self.rounded[group, rounding] = row

    def ahead(self, index: int) -> FloatArray | None:
        """What every width of a domain of this level will cost inside it, in bytes of the level.

        Shape (P, N + 1); None where nothing is known. Of domains that were joined to one class.
        """
        if not index or not self._solved():
            return None
        table: FloatArray = self._worth()[index] / self.weights[index]
        return table


def _single(stages: int, stage: int, width: int) -> IntArray:
    """The vector that holds one stage alone."""
    widths = np.zeros(stages, np.int32)
    widths[stage] = width
    return widths


def look_ahead(
    tree: Tree, costs: StageCosts, control: Control
) -> tuple[list[Level], list[FloatArray | None]]:
    """For levels that cost something what each width will cost further in; see `JointProgramme.ahead`."""
    levels = weighty_levels(tree, costs)
    if len(levels) < 2:
        return levels, [None] * len(levels)
    programme = JointProgramme(costs, levels, joined_classes(levels, costs.stages * costs.replicas))
    programme.solve(control, ROUNDS_AHEAD)
    return levels, [programme.ahead(index) for index in range(len(levels))]


def joint_bound(tree: Tree, costs: StageCosts, floors: Sequence[float], control: Control) -> float:
    """Lower bound on the weighted bytes of all levels, constants left out.

    Valid where every placement gives each domain whole cells, at most as many as its room.

    Parameters
    ----------
    floors
        Lower bound on the weighted bytes of each level of the tree but the root, constants left out.
    """
    apart, levels = float(sum(floors)), weighty_levels(tree, costs)
    if len(levels) < 2:
        return apart
    places = {level.tier: index for index, level in enumerate(tree.levels)}
    inside = [floors[places[level.tier]] for level in levels]
    best, cells = sum(inside), costs.stages * costs.replicas
    known: list[tuple[int, IntArray]] = []
    for classes in (
        joined_classes(levels, cells),
        counted_classes(tree, levels, cells),
        separate_classes(tree, levels, cells),
    ):
        groups = {each.outer for each in classes}
        if control.over or len(groups) * costs.stages > MOST_CLASS_ROWS:
            continue
        programme = JointProgramme(costs, levels, classes)
        programme.set_floors(inside)
        programme.begin_with(known)
        programme.solve(control)
        known = programme.in_use()
        best = max(best, programme.bound)
    return apart - sum(inside) + best
