"""The exact model of the reduction: how many cells of each stage every domain holds.

Where cells may not be cut and the reduction predicts the bytes, its optimum is the job's: it needs no
variable for replicas and none for ranks, so that jobs are proven which are too large for a model rank
by rank. Where the reduction only bounds the bytes, so does its optimum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from planner.placement.placement import Objective
from planner.solve.columns.residual import domain_terms
from planner.solve.exact.nested import Nest
from planner.solve.reduction.tree import Tree, summed
from planner.solve.setup.goal import Goal, minimise
from planner.solve.setup.problem import Layout, whole_by_rule

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.solve.exact.nested import Outside
    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.setup.blocks import Blocks
    from planner.solve.setup.control import Control
    from planner.solve.setup.goal import Outcome
    from planner.solve.setup.problem import Problem

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

MOST_WIDTHS = 800
MOST_LOADS = 20_000


def uncut_layout(problem: Problem, blocks: Blocks) -> Layout | None:
    """The layout that every placement has, where rules keep cells whole or cells are single ranks.

    None where a placement may cut cells, or where rules bind whole replicas or stages.
    """
    cluster = problem.cluster
    if any(axis in ("pp", "dp", "edp") and blocks.mesh.degree(axis) > 1 for axis in problem.workload.keep):
        return None
    if blocks.cell_ranks == 1:
        if any(blocks.mesh.degree(axis) > 1 for axis in problem.workload.keep):
            return None
        tiers = [tier for tier, weight in enumerate(problem.weights) if weight]
        leaf = min([*tiers, cluster.boundary])
        return Layout(blocks, 0, leaf, problem.ranks_that_fit[0], problem.ranks_that_fit[leaf])
    for tier in range(len(cluster.tiers) - 1):
        room = whole_by_rule(problem, blocks, tier)
        if room is not None:
            inner = cluster.tier_index(problem.workload.keep["tp"]) if blocks.inner > 1 else 0
            return Layout(blocks, inner, tier, problem.ranks_that_fit[inner] // blocks.inner, room)
    return None


def fits_width_model(problem: Problem, layout: Layout, costs: StageCosts) -> bool:
    """Whether the model is small enough, and says enough about the objective."""
    domains = int((layout.room > 0).sum())
    if domains * costs.stages > MOST_WIDTHS:
        return False
    simple = costs.exact and all(form == "touched" for form, _, _ in costs.terms) and not costs.rungs.any()
    loads = domains * domains * costs.stages * len(problem.cluster.tiers)
    return problem.objective is not Objective.BOTTLENECK or (simple and loads <= MOST_LOADS)


@dataclass(frozen=True, eq=False)
class LeastWidths:
    """What an exact search over width vectors ended with.

    Parameters
    ----------
    widths
        The best vectors found, shape (domains of the cell tier, P); None where none are better than
        those it started from.
    bound
        Lower bound on the objective's value.
    proven
        Whether no vectors predict less than the best.
    complete
        Whether the tie-break is proven as well.
    """

    widths: IntArray | None
    bound: float
    proven: bool
    complete: bool


def least_widths(
    problem: Problem,
    layout: Layout,
    costs: StageCosts,
    start: IntArray | None,
    tier_bounds: FloatArray,
    control: Control,
    limit_s: float,
    *,
    bound: float = 0.0,
    listed_only: bool = False,
    outside: Outside | None = None,
) -> LeastWidths | None:
    """Minimise over width vectors; None where no model of them fits the job.

    Parameters
    ----------
    start
        Width vectors of a known placement, shape (domains of the cell tier, P), or None.
    tier_bounds
        Lower bounds on the tiers' crossing bytes, shape (tiers,).
    bound
        Lower bound on the objective's value that is known.
    listed_only
        Whether to leave out the model of all widths in all domains, which rarely ends soon.
    outside
        What earlier searches of this layout have found of outer tiers; takes what this one does.
    """
    ends_s, found = control.clock_s + limit_s, None
    if start is not None and problem.objective is Objective.WEIGHTED:
        nest = Nest(problem, layout, costs, outside=outside)
        if nest.fits:
            nested = nest.solve(start, tier_bounds, control, limit_s, bound)
            found = LeastWidths(nested.widths, nested.bound, nested.proven, nested.proven)
    if listed_only or (found and found.proven) or not fits_width_model(problem, layout, costs):
        return found
    model = WidthModel(
        problem, layout, costs, start if found is None or found.widths is None else found.widths
    )
    outcome = model.solve(control, ends_s - control.clock_s)
    bound = max(bound, outcome.bound, found.bound if found else 0.0)
    answer = model.answer if model.answer is not None or found is None else found.widths
    return LeastWidths(answer, bound, outcome.proven, outcome.complete)


class WidthModel:
    """Variables and constraint families; each method adds one of them.

    Parameters
    ----------
    problem, layout, costs
        The job, where its cells live, and the terms of f.
    start
        Width vectors to start from, shape (domains of the cell tier, P), or None.
    """

    def __init__(
        self, problem: Problem, layout: Layout, costs: StageCosts, start: IntArray | None = None
    ) -> None:
        from ortools.sat.python import cp_model

        self.problem, self.costs = problem, costs
        self.tree = Tree.of(problem, layout)
        self.cp = cp_model.CpModel()
        self.answer: IntArray | None = None
        self.coverage = np.full(costs.stages, costs.replicas, np.int32)
        self.rows = [self.widths()]
        for index in range(len(self.tree.levels) - 2):
            self.rows.append(self.sums(index))
        self.order_equals()
        if start is not None:
            self.hint(start)

    def widths(self) -> list[list[Any]]:
        """Ensures that each innermost domain holds what fits, and all hold every cell."""
        rooms = self.tree.levels[0].room.tolist()
        rows = [
            [self.cp.new_int_var(0, min(room, int(cells)), "") for cells in self.coverage] for room in rooms
        ]
        for row, room in zip(rows, rooms, strict=True):
            self.cp.add(sum(row) <= room)
        for stage, cells in enumerate(self.coverage):
            self.cp.add(sum(row[stage] for row in rows) == int(cells))
        return rows

    def sums(self, index: int) -> list[list[Any]]:
        """Ensures that an outer domain holds what those inside it hold."""
        level, outer = self.tree.levels[index], self.tree.levels[index + 1]
        rows = []
        for domain in range(len(outer.room)):
            inside = [self.rows[index][child] for child in np.flatnonzero(level.parent == domain)]
            row = [self.cp.new_int_var(0, int(cells), "") for cells in self.coverage]
            for stage, total in enumerate(row):
                self.cp.add(total == sum(each[stage] for each in inside))
            rows.append(row)
        return rows

    def order_equals(self) -> None:
        """Ensures that equal siblings stand in the order of what they hold of the first stage."""
        level = self.tree.levels[0]
        uplink = self.problem.cluster.tiers[level.tier].uplink_bytes_per_s
        last: dict[tuple[int, int, float], int] = {}
        for domain in range(len(level.room)):
            speed = float(uplink[domain]) if uplink is not None else 0.0
            key = int(level.parent[domain]), int(level.room[domain]), speed
            if key in last:
                self.cp.add(self.rows[0][last[key]][0] >= self.rows[0][domain][0])
            last[key] = domain

    def goals(self) -> list[Goal]:
        """What to minimise, first things first."""
        uplinks = self.problem.cluster.tier_uplink_bytes_per_s
        weighted = Goal()
        crossing = {}
        for index, level in enumerate(self.tree.levels[:-1]):
            crossing[level.tier] = self.traffic(index)
            if uplink := uplinks[level.tier]:
                weighted.add_all(crossing[level.tier], 1.0 / uplink)
        if self.problem.objective is Objective.WEIGHTED:
            return [weighted]
        if self.problem.objective is Objective.BOTTLENECK:
            return [self.bottleneck(), weighted]
        return [crossing.get(self.problem.cluster.boundary, Goal()), weighted]

    def traffic(self, index: int) -> Goal:
        """Crossing bytes of one level."""
        goal = Goal(constant=self.costs.constant)
        for row in self.rows[index]:
            for weight, variable in domain_terms(self.cp, self.costs, row, self.coverage):
                if weight:
                    goal.add(weight, variable, self.costs.replicas)
        return goal

    def bottleneck(self) -> Goal:
        """The largest egress over uplink of any domain."""
        loads: list[tuple[Goal, float]] = []
        for index, level in enumerate(self.tree.levels[:-1]):
            uplinks = self.problem.cluster.tiers[level.tier].uplink_bytes_per_s
            if uplinks is not None:
                loads += zip(self.egress(index), uplinks.tolist(), strict=True)
        peak = max((load.peak / uplink for load, uplink in loads if uplink), default=0.0) or 1.0
        unit = peak / 2**40
        worst = self.cp.new_int_var(0, 2**41, "")
        for load, uplink in loads:
            weights = [round(w / uplink / unit) if uplink else 2**41 for w in load.weights]
            self.cp.add(worst >= sum(w * x for w, x in zip(weights, load.variables, strict=True)))
        rounded = max((sum(load.most) for load, _ in loads), default=0)
        return Goal([unit], [worst], [2**41], rounded=float(rounded))

    def egress(self, index: int) -> list[Goal]:
        """Bytes that leave each domain of one level.

        A stage's collectives over k domains send ``(k - 1) / k`` of what one more domain costs out of
        each; a domain that holds w and w' cells of neighbouring stages sends half of ``|w - w'|`` cells'
        bytes.
        """
        rows = self.rows[index]
        loads = [Goal() for _ in rows]
        for stage in range(self.costs.stages):
            pays = sum(float(coefficient[stage]) for _, _, coefficient in self.costs.terms)
            touched = [self.cp.new_bool_var("") for _ in rows]
            spread = [self.cp.new_bool_var("") for _ in range(len(rows) + 1)]
            self.cp.add_exactly_one(spread)
            self.cp.add(sum(touched) == sum(k * each for k, each in enumerate(spread)))
            for load, row, here in zip(loads, rows, touched, strict=True):
                self.cp.add(row[stage] <= self.costs.replicas * here)
                self.cp.add(row[stage] >= here)
                for count in range(2, len(spread)):
                    both = self.cp.new_bool_var("")
                    self.cp.add(both >= here + spread[count] - 1)
                    load.add(pays * (count - 1) / count, both)
        for stage, bytes_of_cell in enumerate(self.costs.v):
            for load, row in zip(loads, rows, strict=True):
                apart = self.cp.new_int_var(0, self.costs.replicas, "")
                self.cp.add(apart >= row[stage] - row[stage + 1])
                self.cp.add(apart >= row[stage + 1] - row[stage])
                load.add(float(bytes_of_cell) / 2, apart, self.costs.replicas)
        return loads

    def hint(self, widths: IntArray) -> None:
        """Suggest width vectors."""
        self.cp.clear_hints()  # type: ignore[no-untyped-call]
        held = widths
        for index, rows in enumerate(self.rows):
            if index:
                level, outer = self.tree.levels[index - 1], self.tree.levels[index]
                held = summed(held, level.parent, len(outer.room))
            for row, values in zip(rows, held.tolist(), strict=True):
                for variable, value in zip(row, values, strict=True):
                    self.cp.add_hint(variable, value)

    def keep(self, solver: Any) -> None:
        """Remember a solution, and suggest it to the next search."""
        self.answer = np.asarray([[solver.value(x) for x in row] for row in self.rows[0]], np.int32)
        self.hint(self.answer)

    def solve(self, control: Control, limit_s: float) -> Outcome:
        """Minimise; the width vectors found are in `answer`."""
        return minimise(self, control, limit_s)
