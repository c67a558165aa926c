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

from planner.solve.columns.linear import LinearProgramme
from planner.solve.columns.pricing import Space, Sweep, price
from planner.solve.joint.fold import Fold, Vectors
from planner.solve.joint.joint_duals import Centre, even_worth
from planner.solve.joint.pools import WHOLE_JOB, pooled
from planner.solve.joint.rounded_rows import ALL, BROKEN, RoundedRows, Start, broken_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from planner.solve.columns.pricing import Priced
    from planner.solve.joint.joint_duals import Sizes
    from planner.solve.joint.pools import Domains, Pool
    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.reduction.tree import Level
    from planner.solve.setup.control import Control

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]
    from planner.solve.joint.rounded_rows import Row

    Key = tuple[int, bytes] | tuple[int, bytes, float]

MAX_ROUNDS = 200
ROUNDING_ROUNDS = 40
MOST_ROUNDINGS = 40
MOST_ROWS = 1_200
FIRST_PENALTY, LAST_PENALTY = 2.0, 1e5
PATIENCE = 15
TOLERANCE = 1e-4
NEW = 1e-9
LEAST_SHARE = 1e-6
BINDING = 1e-7
INFINITY = float("inf")
# Of deterministic runs, which nobody's clock ends: see `LinearProgramme.work`.
MOST_WORK = 8_000_000


class JointProgramme:
    """The restricted master programme over all tiers, and its best bound so far.

    Costs are weighted bytes without the constants, scaled to about one for the linear solver.

    Parameters
    ----------
    levels
        The tiers, innermost first.
    classes
        Their domains.
    fold
        Stages that share rows; every stage has its own where not given.
    beside
        Another programme of the same costs and fold, which is over or asks for nothing meanwhile: what it
        knows of vectors, and the room for its tables, serve this one too.
    """

    def __init__(
        self,
        costs: StageCosts,
        levels: Sequence[Level],
        classes: Sequence[Domains],
        fold: Fold | None = None,
        beside: JointProgramme | None = None,
    ) -> None:
        self.costs, self.levels, self.pools = costs, levels, pooled(classes)
        self.fold = fold or Fold.apart(costs.stages)
        self.weights = [level.weight for level in levels]
        self.floors: FloatArray | None = None
        self.centre: Centre | None = None
        self.bound = -np.inf
        self.holding = costs.holding(costs.replicas)
        largest = max(float(np.abs(self.holding[:, 1]).max()), float(costs.v.max(initial=0.0)), costs.v_wrap)
        self.unit = max(self.weights) * (largest or 1.0)
        self.linear = LinearProgramme()
        self.space: Space = beside.space if beside else Space()
        self.vectors: Vectors = beside.vectors if beside else Vectors(costs, self.fold)
        self.groups = sorted({each.outer for each in classes})
        self.level_of = {pool.outer: pool.level for pool in self.pools}
        self.cover = {group: self._cover_rows(group) for group in self.groups}
        self.fits = [
            {room: self.linear.add_row(-INFINITY, float(count)) for room, count in pool.limits}
            for pool in self.pools
        ]
        self.totals, self.pays = self._total_rows()
        self.rounded = RoundedRows(self.fold)
        self.slack: list[int] = []
        self.penalty = FIRST_PENALTY
        for row in self.cover[WHOLE_JOB]:
            self._relent(row, (1.0, -1.0))
        self.begun = Start()
        self.columns: list[tuple[int, IntArray]] = []
        self.variables: list[int] = []
        self.known: set[Key] = set()
        for index, pool in enumerate(self.pools):
            for stage in self.fold.first.tolist():
                for room in {pool.rooms[0], pool.rooms[-1]}:
                    self.add(index, _single(costs.stages, stage, min(room, costs.replicas)))

    def _cover_rows(self, group: int) -> IntArray:
        """Rows, one a class: those inside hold what those outside hold, or all cells of the job."""
        cells = self.fold.sizes * (float(self.costs.replicas) if group == WHOLE_JOB else 0.0)
        rows = [self.linear.add_row(each, each) for each in cells.tolist()]
        return np.asarray(rows, np.int32)

    def _total_rows(self) -> tuple[list[int], list[int]]:
        """For every level a variable that is at least what its domains pay."""
        totals, rows = [], []
        for _ in self.levels:
            rows.append(self.linear.add_row(0.0, INFINITY))
            totals.append(self.linear.add_column(1.0, [rows[-1]], [1.0], lower=-INFINITY))
        return totals, rows

    def _relent(self, row: int, signs: tuple[float, ...]) -> None:
        """Let a row be missed at a penalty, so that the programme always has a solution."""
        self.slack += [self.linear.add_column(self.penalty, [row], [sign]) for sign in signs]

    def add(self, index: int, widths: IntArray) -> bool:
        """Add a width vector of a pool; False where it is known already."""
        if self._is_known((index, widths.tobytes())):
            return False
        bytes_paid, alike, folded = self.vectors.of(widths)
        if self._is_known((index, alike, bytes_paid)):
            return False
        pool, used = self.pools[index], int(widths.sum())
        paid = self.weights[pool.level] * bytes_paid
        held = np.flatnonzero(folded)
        rows: list[Any] = [[self.pays[pool.level]], self.cover[pool.outer][held]]
        values: list[Any] = [[-paid / self.unit], folded[held]]
        if pool.own is not None:
            rows.append(self.cover[pool.own][held])
            values.append(-folded[held])
        over = [row for room, row in self.fits[index].items() if used > room]
        rounded, entries = self.rounded.of(pool, widths)
        entered = (
            np.concatenate((*rows, over, rounded)),
            np.concatenate((*values, np.ones(len(over)), entries)),
        )
        variable = self.linear.add_column(self._cost(pool, widths) / self.unit, *entered)
        self.columns.append((index, widths))
        self.variables.append(variable)
        return True

    def _cost(self, _pool: Pool, _widths: IntArray) -> float:
        """What a vector costs beside what its level pays."""
        return 0.0

    def _is_known(self, key: Key) -> bool:
        """Whether a column was seen before; it is from now on."""
        known = key in self.known
        self.known.add(key)
        return known

    def set_floors(self, floors: Sequence[float]) -> None:
        """Let no level pay less than this in weighted bytes: bounds of single tiers sharpen the joint."""
        self.floors = np.asarray(floors)
        for total, floor in zip(self.totals, floors, strict=True):
            self.linear.set_lower(total, floor / self.unit)

    def begin_with(self, start: Start) -> None:
        """Add vectors wherever they fit, rows for all groups around a level, and look at the duals."""
        for level, rounding in start.rows_of(self.fold):
            for group in self.groups:
                if self.level_of[group] == level and len(self.rounded) < MOST_ROWS:
                    self._add_rounded([(group, rounding)])
        for level, widths in start.vectors:
            for index, pool in enumerate(self.pools):
                if pool.level == level and widths.sum() <= pool.rooms[-1]:
                    self.add(index, widths)
        if start.worth:
            worth = {group: start.worth[self.level_of[group]] for group in self.groups}
            rents = [np.zeros(pool.rooms[-1] + 1) for pool in self.pools]
            # Without floors nothing would earn what is not priced.
            shares = np.ones(len(self.levels)) if self.floors is None else np.asarray(start.shares)
            sizes = {group: start.sizes[self.level_of[group]] for group in self.groups if start.sizes}
            self._look(Centre(worth, shares, rents, sizes))
        self.begun = start

    def in_use(self, control: Control) -> Start:
        """What another programme may begin with: vectors in use, rounded rows that bind, the best duals.

        Duals are those of levels: the ones that this began with, where one has several groups.
        """
        if self.centre is None or not (self._solved(control) or len(self.linear.amounts)):
            return self.begun
        # Without time for another solution the last one stands, in which the newest columns are not used.
        solved = [variable for variable in self.variables if variable < len(self.linear.amounts)]
        columns = zip(self.columns, self.linear.amounts[solved], strict=False)
        vectors = [
            (self.pools[index].level, widths) for (index, widths), amount in columns if amount > BROKEN
        ]
        binding = {
            (self.level_of[group], rounding): None
            for (group, rounding), row in self.rounded.rows.items()
            if row < len(self.linear.duals) and self.linear.duals[row] > BINDING
        }
        worth, shares, sizes = self.begun.worth, self.begun.shares, self.begun.sizes
        if len(self.groups) == len(self.levels):
            ordered = sorted(self.groups, key=self.level_of.__getitem__)
            worth = tuple(self.centre.worth[group] for group in ordered)
            sizes = tuple(self.centre.sizes.get(group, {}) for group in ordered)
            shares = tuple(self.centre.shares.tolist())
        return Start(tuple(vectors), tuple(binding), worth, shares, self.fold, sizes)

    def solve(self, control: Control, rounds: int = ROUNDING_ROUNDS) -> None:
        """Generate columns, and round rows up, until neither helps or the time or the rounds are over."""
        if self.centre is None:
            self.begin_even()
        self._generate(control)
        for _ in range(rounds):
            if control.over or not self._round_up(control):
                return
            self._generate(control)

    def _solved(self, control: Control) -> bool:
        """Whether the programme is solved before the time is over, or the work where that is the limit."""

        def ended() -> bool:
            return control.over or (control.deterministic and self.linear.work > MOST_WORK)

        return self.linear.solve(ended)

    def _generate(self, control: Control) -> None:
        """Add columns until none can improve the programme; any duals on the way give a valid bound.

        Where the bound has not risen for long, the programme may be far from its value and gain nothing.
        """
        idle = 0
        for _ in range(MAX_ROUNDS):
            if control.over or idle > PATIENCE or not self._solved(control):
                return
            value, before = self.linear.value * self.unit, self.bound
            short = self.linear.amounts[self.slack].sum() > BROKEN
            fresh = self._price()
            idle = 0 if self.bound > before + TOLERANCE * self.unit else idle + 1
            if fresh and value - self.bound > TOLERANCE * self.unit:
                continue
            if not short or self.penalty > LAST_PENALTY:
                return
            self.penalty *= 8
            for variable in self.slack:
                self.linear.set_cost(variable, self.penalty)

    def begin_even(self) -> None:
        """Take the bound at which a cell of every stage is worth the same, tier by tier.

        The worth of a tier is where its cheapest vectors hold as many cells as there are; what lies inside
        an outer domain is worth that of all tiers inside.
        """
        width, total, at = np.arange(self.costs.replicas + 1.0), 0.0, {}
        for level in range(len(self.levels)):
            pools = [pool for pool in self.pools if pool.level == level]
            total += even_worth(self.costs, pools, self.weights[level], self.unit, self.space)
            at.update({pool.outer: total for pool in self.pools if pool.level == level})
        worth = {group: np.tile(at[group] * width, (self.costs.stages, 1)) for group in self.groups}
        rents = [np.zeros(pool.rooms[-1] + 1) for pool in self.pools]
        self._look(Centre(worth, np.ones(len(self.levels)), rents))

    def _price(self) -> bool:
        """Take the bound that the duals imply, and the columns that they call for; whether any is new.

        Between the duals and those of the best bound first: duals of programmes of few columns are far off.
        """
        rents = [self._rent(index) for index in range(len(self.pools))]
        there = Centre(self._worth(), self._shares(), rents, self._sizes())
        between = self.centre is not None and self._look(self.centre.towards(there))
        return between or self._look(there)

    def _shares(self) -> FloatArray:
        """Which part of what each level pays is priced by the last solution; its floor earns the rest."""
        if self.floors is None:
            return np.ones(len(self.levels))
        return np.clip(self.linear.duals[self.pays], LEAST_SHARE, 1.0)

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
            priced = price(self.costs, np.zeros(self.costs.stages), room, table / weight, self.space)
            charged = self._charged(pool, at) / weight
            if charged.any():
                priced = priced.charged(charged)
            value += weight * sum(
                count * min(0.0, priced.within(room))
                for room, count in zip(pool.rooms, pool.counts, strict=True)
            )
            for widths in self._paying(index, priced, at.rents[index] / weight, weight):
                fresh |= self.add(index, widths.astype(np.int32))
        if value > self.bound:
            self.bound, self.centre = value, at
        return fresh

    def _charged(self, pool: Pool, at: Centre) -> FloatArray:
        """What every number of cells costs inside, less what it saves outside, shape (room + 1,)."""
        cells = np.arange(pool.rooms[-1] + 1, dtype=np.int32)
        inside = 0.0 if pool.own is None else at.of_size(pool.own, cells)
        return inside - at.of_size(pool.outer, cells)

    def _paying(self, index: int, priced: Priced, rent: FloatArray, weight: float) -> Iterator[IntArray]:
        """The best vector for every room, and for every last stage, where they cost less than their rent."""
        least = NEW * self.unit / weight
        for room in self.pools[index].rooms:
            used = int(priced.used[room])
            if priced.best[used] + rent[used] < -least:
                yield priced.vector(room)
        if isinstance(priced.programme, Sweep):
            yield from priced.programme.paying(rent, least, self.fold.ends)

    def _rent(self, index: int) -> FloatArray:
        """What every number of cells pays for its place in a domain of the pool, shape (room + 1,)."""
        rent = np.zeros(self.pools[index].rooms[-1] + 1)
        for room, row in self.fits[index].items():
            rent[room + 1 :] -= min(0.0, self.linear.duals[row]) * self.unit
        return rent

    def _worth(self) -> dict[int, FloatArray]:
        """For every group what each width is worth by the last solution, shape (P, N + 1)."""
        width = np.arange(self.costs.replicas + 1)
        of_class = {
            group: self.linear.duals[self.cover[group]][:, None] * self.unit * width for group in self.groups
        }
        for (group, rounding), row in self.rounded.rows.items():
            dual = max(0.0, self.linear.duals[row]) * self.unit
            if dual and rounding.stage != ALL:
                of_class[group][rounding.stage] += dual * rounding.of(width)
        return {group: table[self.fold.of_stage] for group, table in of_class.items()}

    def _sizes(self) -> dict[int, Sizes]:
        """For every group what numbers of cells are worth beside widths, by the last solution."""
        sizes: dict[int, Sizes] = {group: {} for group in self.groups}
        for (group, rounding), row in self.rounded.rows.items():
            dual = max(0.0, self.linear.duals[row]) * self.unit
            if dual and rounding.stage == ALL:
                sizes[group][rounding] = dual
        return sizes

    def _round_up(self, control: Control) -> bool:
        """Add the rounded rows that the last solution breaks most; whether there are any."""
        if len(self.rounded) >= MOST_ROWS or not self._solved(control):
            return False
        replicas, by_size = self.costs.replicas, not self.costs.rungs.any()
        broken = [
            (missing, row)
            for group, used in self._in_use().items()
            for missing, row in broken_rows(
                group, *used, self.fold, replicas, self._rooms(group) if by_size else None
            )
            if row not in self.rounded.rows
        ]
        broken.sort(key=lambda each: -each[0])
        self._add_rounded([row for _, row in broken[:MOST_ROUNDINGS]])
        return bool(broken)

    def _rooms(self, group: int) -> list[int]:
        """Different rooms of the domains inside a group, rising."""
        return sorted({room for pool in self.pools if pool.outer == group for room in pool.rooms})

    def _in_use(self) -> dict[int, tuple[IntArray, FloatArray]]:
        """For every group the vectors in use and how often, those outside counted negative."""
        found = defaultdict(list)
        amounts = self.linear.amounts[self.variables]
        for (index, widths), amount in zip(self.columns, amounts, strict=True):
            if amount > BROKEN:
                found[self.pools[index].outer].append((widths, amount))
                own = self.pools[index].own
                if own is not None:
                    found[own].append((widths, -amount))
        return {
            group: (np.stack([widths for widths, _ in used]), np.asarray([amount for _, amount in used]))
            for group, used in found.items()
        }

    def _add_rounded(self, rows: Sequence[Row]) -> None:
        """Add rows that coverage rows imply for whole amounts."""
        variables = np.asarray(self.variables, np.int32)
        kinds, widths = (
            np.asarray([index for index, _ in self.columns]),
            np.stack([w for _, w in self.columns]),
        )
        outer = np.asarray([pool.outer for pool in self.pools])[kinds]
        own = np.asarray([-1 if pool.own is None else pool.own for pool in self.pools])[kinds]
        for group, rounding in rows:
            if (group, rounding) in self.rounded.rows:
                continue
            entries = (outer == group) * 1 - (own == group)
            entries *= self.rounded.parts(rounding, widths)
            whole = group == WHOLE_JOB
            entered = np.flatnonzero(entries)
            least = self.rounded.least(rounding, self.costs.replicas) if whole else 0.0
            row = self.linear.add_row(least, INFINITY, variables[entered], entries[entered])
            self.rounded.append(group, rounding, row)
            if whole:
                self._relent(row, (1.0,))

    def ahead(self, index: int, control: Control) -> FloatArray | None:
        """What every width of a domain of this level will cost inside it, in bytes of the level.

        Shape (P, N + 1); None where nothing is known. Of domains that were joined to one class.
        """
        if not index or self.centre is None:
            return None
        # Without time for another solution what bounds best so far.
        worth = self._worth() if self._solved(control) else self.centre.worth
        table: FloatArray = worth[index] / self.weights[index]
        return table


def _single(stages: int, stage: int, width: int) -> IntArray:
    """The vector that holds one stage alone."""
    widths = np.zeros(stages, np.int32)
    widths[stage] = width
    return widths
