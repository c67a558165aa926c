"""Ever better placements of several tiers: top down from nothing, then a few domains at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.joint.guide import Guide
from planner.solve.reduction.tree import tree_cost
from planner.solve.walks.anneal import worth_annealing
from planner.solve.walks.loops import pairs_compiled, walks_compiled
from planner.solve.walks.paired import can_pair, drafted_by_pairs, roughly_drafted
from planner.solve.walks.regroup import PAIRED_CELLS, Regrouping
from planner.solve.walks.top_down import (
    OUTERMOST,
    OUTERMOST_MOVES,
    Effort,
    covered_top_down,
    refined,
    settled,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.reduction.tree import Tree
    from planner.solve.setup.control import Control

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

DRAFT_MOVES_A_CELL, LEAN_OUTERMOST, LEAN_CELLS = 20, 2, 6_000
# Beyond so many cells a draft makes fewer moves for each.
MOST_DRAFT_MOVES = 300_000
# Of larger jobs a rough draft takes time that the first good one lacks.
ROUGH_CELLS = 10_000
FIRST_MOVES_A_CELL, MOST_MOVES_A_CELL, GROWTH = 100, 1_500, 2.5
HEATS = (0.2, 0.1, 0.4)
# All cells of smaller jobs are placed with few moves so often before turns begin; shares of what widths are
# charged in turn.
BEGINNINGS = 6
CHARGED = (0.0, 1.0, 0.5)
# Moves for each cell without a gain after which everything is placed afresh, each time so much later.
PATIENCE_A_CELL, MORE_PATIENCE = 300, 1.5
# More than so many moves for each cell find nothing new in a small job.
MOST_WORK_A_CELL = 60_000
# Of deterministic runs, which nobody's clock ends: moves in all.
MOST_WORK = 30_000_000
FEWEST_MOVES_A_CELL, MOVES_PER_SECOND = 15, 1_500_000
# To seat and measure every gain takes as long as the turns of a large job: seconds from one to the next.
PAUSE_S = 0.4
# Part of the time left that a turn may take.
TURN_SHARE = 0.15


def drafted(
    tree: Tree, costs: StageCosts, control: Control, seeds: Iterator[int], *, rough: bool = True
) -> Iterator[IntArray]:
    """Width vectors of the innermost domains, shape (domains, P), placed once with few moves.

    Those of large jobs by pairs, several times. A rough one comes first where it is asked for, while nobody
    should have to wait for the others.
    """
    if not worth_annealing(tree, costs) or control.over:
        return
    if rough and is_rough(tree, costs, control):
        yield roughly_drafted(tree, costs, next(seeds), control)
    if is_paired(tree, costs, control):
        yield from drafted_by_pairs(tree, costs, next(seeds), control)
    elif walks_compiled(control):
        coverage = np.full(costs.stages, costs.replicas, np.int32)
        cells = costs.stages * costs.replicas
        moves = max(1, min(DRAFT_MOVES_A_CELL, MOST_DRAFT_MOVES // cells))
        effort = Effort(moves, outermost=LEAN_OUTERMOST if cells > LEAN_CELLS else len(OUTERMOST))
        yield covered_top_down(tree, costs, coverage, effort, next(seeds), control)


def is_rough(tree: Tree, costs: StageCosts, control: Control) -> bool:
    """Whether a rough draft by pairs takes little of the time that somebody's clock leaves."""
    few = costs.stages * costs.replicas <= ROUGH_CELLS and not control.deterministic
    return few and can_pair(costs, tree.levels[-2]) and pairs_compiled(control)


def is_paired(tree: Tree, costs: StageCosts, control: Control) -> bool:
    """Whether a draft's outermost tier is worth walks of pairs, which somebody's clock must end."""
    large = costs.stages * costs.replicas >= PAIRED_CELLS and not control.deterministic
    return large and can_pair(costs, tree.levels[-2]) and pairs_compiled(control)


def is_lean(effort: Effort) -> bool:
    """Whether there is time for few walks only."""
    return effort.outermost < len(OUTERMOST)


class Restarts:
    """Turns in which a few domains at a time are placed again.

    Where these gain no more, all is placed afresh, each time with longer walks.
    """

    def __init__(
        self,
        tree: Tree,
        costs: StageCosts,
        control: Control,
        seeds: Iterator[int],
        guide: Guide | None = None,
    ) -> None:
        self.tree, self.costs, self.control, self.seeds = tree, costs, control, seeds
        self.cells = costs.stages * costs.replicas
        self.guide = guide or Guide(tree, costs)
        self.regrouping = Regrouping(tree, costs, control, self.guide)
        self.moves, self.spent, self.idle, self.placed = float(FIRST_MOVES_A_CELL), 0.0, 0.0, 0
        self.patience, self.endless, self.begun = float(PATIENCE_A_CELL), False, 0

    def better(self, widths: IntArray, *, endless: bool = False) -> Iterator[IntArray]:
        """Width vectors of the innermost domains, shape (domains, P), each better than all before.

        Endless ones come until the time is over, however much work that is; unless work is what limits
        the run.
        """
        self.endless = endless and not self.control.deterministic
        tree, costs = self.tree, self.costs
        if not worth_annealing(tree, costs) or not self.regrouping.kinds:
            return
        if not walks_compiled(self.control):
            return
        least = told = tree_cost(tree, costs, widths)
        best, told_s, self.idle = widths, self.control.elapsed_s, 0.0
        while not self.over:
            widths = self._next(widths)
            if (cost := tree_cost(tree, costs, widths)) < least:
                best, least = widths, cost
            if least < told and self._due(told_s):
                yield best
                told, told_s = least, self.control.elapsed_s
        if least < told:
            yield best

    def _due(self, told_s: float) -> bool:
        """Whether a gain is to be told: each where runs must repeat themselves, else after a pause."""
        return self.control.deterministic or self.control.elapsed_s - told_s >= PAUSE_S

    @property
    def over(self) -> bool:
        """Whether the time or the work is spent."""
        if self.control.over or self.endless:
            return self.control.over
        most = MOST_WORK_A_CELL * self.cells
        return self.spent > (min(most, MOST_WORK) if self.control.deterministic else most)

    def _next(self, widths: IntArray) -> IntArray:
        """What the next turn finds from a placement, or a new one at first and where turns gain nothing."""
        if self.begun < BEGINNINGS and self.cells < PAIRED_CELLS:
            return self._begun(widths)
        if self.idle > self.patience * self.cells:
            self.idle, self.patience = 0.0, MORE_PATIENCE * self.patience
            return self._afresh()
        found, work = self.regrouping.turn(widths, next(self.seeds), self._fitting(TURN_SHARE))
        gained = tree_cost(self.tree, self.costs, found) < tree_cost(self.tree, self.costs, widths)
        self.spent += work
        self.idle = 0.0 if gained else self.idle + work
        return found

    def _begun(self, widths: IntArray) -> IntArray:
        """The better of a placement and a new one, all cells of which were placed with few moves."""
        self.begun += 1
        effort = replace(self._effort(), moves_a_cell=FIRST_MOVES_A_CELL, charges=self._charges(self.begun))
        self.spent += effort.moves_a_cell * self._walked(effort)
        coverage = np.full(self.costs.stages, self.costs.replicas, np.int32)
        job = self.tree, self.costs
        found = covered_top_down(*job, coverage, effort, next(self.seeds) * 1_000, self.control)
        return min(widths, found, key=lambda each: tree_cost(*job, each))

    def _charges(self, turn: int) -> Mapping[int, FloatArray]:
        """What widths are charged for what they cost further in: now all of it, now half, now nothing."""
        share = CHARGED[turn % len(CHARGED)]
        tables = self.guide.charges(self.control) if share else {}
        return {tier: share * table for tier, table in tables.items()}

    def _fitting(self, share: float) -> float:
        """Moves for each cell that there is likely to be time for in a share of what is left."""
        return share * self.control.left_s * self.control.threads * MOVES_PER_SECOND / self.cells

    def _afresh(self) -> IntArray:
        """All cells placed anew, with longer walks than the last time."""
        effort, seed = self._effort(), next(self.seeds) * 1_000
        coverage = np.full(self.costs.stages, self.costs.replicas, np.int32)
        self.placed += 1
        effort = replace(effort, charges=self._charges(self.placed))
        self.spent += effort.moves_a_cell * self._walked(effort)
        self.moves = min(MOST_MOVES_A_CELL, max(effort.moves_a_cell, FIRST_MOVES_A_CELL) * GROWTH)
        job = self.tree, self.costs
        widths = covered_top_down(*job, coverage, effort, seed, self.control)
        if not is_lean(effort):
            widths = refined(*job, widths, effort, seed + 100, self.control)
        return settled(*job, widths, effort, seed + 200, self.control)

    def _effort(self) -> Effort:
        """How all cells are walked anew: with as many moves as there are likely to be time for.

        A walk that is cut off is still hot, and worse than a short one that has cooled down. Where even
        short ones hardly fit, fewer are made.
        """
        heat = HEATS[self.placed % len(HEATS)]
        full = Effort(int(self.moves), heat)
        if self.control.deterministic:
            return full
        budget = self._fitting(1.0) * self.cells
        if (fitting := budget / self._walked(full)) >= FIRST_MOVES_A_CELL:
            return Effort(int(min(self.moves, fitting)), heat)
        lean = Effort(0, heat, outermost=LEAN_OUTERMOST)
        fitting = min(self.moves, budget / self._walked(lean))
        return Effort(max(FEWEST_MOVES_A_CELL, int(fitting)), heat, outermost=LEAN_OUTERMOST)

    def _walked(self, effort: Effort) -> int:
        """Cells that one placement afresh walks over in all, each counted once for each walk over a tier."""
        tiers = len(self.tree.levels) - 1
        inside = tiers if is_lean(effort) else tiers * (tiers + 1) // 2
        return (OUTERMOST_MOVES * effort.outermost + inside) * self.cells
