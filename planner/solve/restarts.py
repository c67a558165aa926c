"""Ever better placements of several tiers: top down, all afresh or a few outermost domains at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.anneal import ready, state_of, worth_annealing
from planner.solve.top_down import OUTERMOST, Effort, covered_top_down, part_of, refined, settled
from planner.solve.tree import above_each, summed, tree_cost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from planner.solve.control import Control
    from planner.solve.reduction import StageCosts
    from planner.solve.tree import Tree

    BoolArray = NDArray[np.bool_]
    IntArray = NDArray[np.int32]

DRAFT_MOVES_A_CELL, LEAN_OUTERMOST = 20, 2
FIRST_MOVES_A_CELL, MOST_MOVES_A_CELL, GROWTH = 100, 1_500, 2.5
HEATS = (0.2, 0.1, 0.4)
# More than so many moves for each cell find nothing new in a small job.
MOST_WORK_A_CELL = 30_000
# Of deterministic runs, which nobody's clock ends: rounds, and moves in all.
MOST_ROUNDS, MOST_WORK = 24, 12_000_000
FEWEST_MOVES_A_CELL, MOVES_PER_SECOND = 15, 700_000
FEWEST_FREED, MOST_FREED = 2, 4
SPREADS = (0.02, 0.1, 1.0)


def drafted(
    tree: Tree, costs: StageCosts, widths: IntArray, control: Control, seeds: Iterator[int]
) -> Iterator[IntArray]:
    """Width vectors of the innermost domains, shape (domains, P), placed once with few moves."""
    if worth_annealing(tree, costs) and not control.over and ready(state_of(tree, costs, widths), control):
        coverage = np.full(costs.stages, costs.replicas, np.int32)
        yield covered_top_down(
            tree, costs, coverage, Effort(DRAFT_MOVES_A_CELL, outermost=LEAN_OUTERMOST), next(seeds), control
        )


def is_lean(effort: Effort) -> bool:
    """Whether there is time for few walks only."""
    return effort.outermost < len(OUTERMOST)


class Restarts:
    """Rounds of walks from the outermost tier inwards, each longer than the one before.

    They take turns: in one everything is placed afresh, in the next the outermost domains are cut into
    groups that hold much the same stages, and the cells of each group are placed afresh in it.
    """

    def __init__(self, tree: Tree, costs: StageCosts, control: Control, seeds: Iterator[int]) -> None:
        self.tree, self.costs, self.control, self.seeds = tree, costs, control, seeds
        self.moves, self.spent, self.turn = float(FIRST_MOVES_A_CELL), 0.0, 0

    def better(self, widths: IntArray) -> Iterator[IntArray]:
        """Width vectors of the innermost domains, shape (domains, P), each better than all before."""
        tree, costs = self.tree, self.costs
        if not worth_annealing(tree, costs) or not ready(state_of(tree, costs, widths), self.control):
            return
        least = tree_cost(tree, costs, widths)
        with ThreadPoolExecutor(self.control.threads) as pool:
            while not self.over:
                found = self._next(widths, pool)
                if (cost := tree_cost(tree, costs, found)) < least:
                    widths, least = found, cost
                    yield widths

    @property
    def over(self) -> bool:
        """Whether the time or the work is spent."""
        if self.control.over or self.spent > MOST_WORK_A_CELL * self.costs.stages * self.costs.replicas:
            return True
        return self.control.deterministic and (self.turn >= MOST_ROUNDS or self.spent > MOST_WORK)

    def _effort(self) -> Effort:
        """How the next round walks: as many moves as there are likely to be time for.

        A walk that is cut off is still hot, and worse than a short one that has cooled down. Where even
        short ones hardly fit, fewer are made.
        """
        heat = HEATS[self.turn // 2 % len(HEATS)]
        full = Effort(int(self.moves), heat)
        if self.control.deterministic:
            return full
        budget = self.control.left_s * MOVES_PER_SECOND
        if (fitting := budget / self._walked(full)) >= FIRST_MOVES_A_CELL:
            return Effort(int(min(self.moves, fitting)), heat)
        lean = Effort(0, heat, outermost=LEAN_OUTERMOST)
        fitting = min(self.moves, budget / self._walked(lean))
        return Effort(max(FEWEST_MOVES_A_CELL, int(fitting)), heat, outermost=LEAN_OUTERMOST)

    def _walked(self, effort: Effort) -> int:
        """Cells that one round walks over in all, each counted once for each walk over a tier."""
        tiers = len(self.tree.levels) - 1
        inside = tiers if is_lean(effort) else tiers * (tiers + 1) // 2
        return (effort.outermost + inside) * self.costs.stages * self.costs.replicas

    def _next(self, widths: IntArray, pool: ThreadPoolExecutor) -> IntArray:
        """What the next round finds."""
        effort = self._effort()
        work = _Round(self.tree, self.costs, effort, self.control, pool)
        freeing = self.turn % 2 and len(self.tree.levels[-2].room) > MOST_FREED
        self.turn += 1
        self.spent += effort.moves_a_cell * self._walked(effort)
        self.moves = min(MOST_MOVES_A_CELL, max(effort.moves_a_cell, FIRST_MOVES_A_CELL) * GROWTH)
        return work.freed(widths, next(self.seeds)) if freeing else work.afresh(self.seeds)


class _Round:
    """One round of walks, side by side."""

    def __init__(
        self, tree: Tree, costs: StageCosts, effort: Effort, control: Control, pool: ThreadPoolExecutor
    ) -> None:
        self.tree, self.costs, self.effort, self.control, self.pool = tree, costs, effort, control, pool

    def afresh(self, seeds: Iterator[int]) -> IntArray:
        """The best of as many placements of all cells as there are workers."""
        coverage = np.full(self.costs.stages, self.costs.replicas, np.int32)
        own = list(islice(seeds, self.control.threads))
        found = list(self.pool.map(lambda seed: self._placed(self.tree, coverage, seed), own))
        return min(found, key=lambda each: tree_cost(self.tree, self.costs, each))

    def freed(self, widths: IntArray, seed: int) -> IntArray:
        """The placement with every group of outermost domains placed afresh, where that is better."""
        groups = self._groups(widths, seed)
        parts = list(self.pool.map(lambda group: self._again(widths, group, seed), groups))
        widths = widths.copy()
        for leaves, rows in parts:
            widths[leaves] = rows
        return widths

    def _placed(self, tree: Tree, coverage: IntArray, seed: int) -> IntArray:
        # Seeds of neighbouring rounds must not make the same walks.
        seed *= 1_000
        job = tree, self.costs
        widths = covered_top_down(*job, coverage, self.effort, seed, self.control)
        if not is_lean(self.effort):
            widths = refined(*job, widths, self.effort, seed + 100, self.control)
        return settled(*job, widths, self.effort, seed + 200, self.control)

    def _again(self, widths: IntArray, group: BoolArray, seed: int) -> tuple[IntArray, IntArray]:
        """The innermost domains of a group, and their width vectors, new ones where they cost less."""
        part, leaves = part_of(self.tree, group)
        old = widths[leaves]
        if self.control.over or not old.any():
            return leaves, old
        new = self._placed(part, old.sum(axis=0), seed)
        return leaves, min(old, new, key=lambda each: tree_cost(part, self.costs, each))

    def _groups(self, widths: IntArray, seed: int) -> list[BoolArray]:
        """Outermost domains in groups of a few, of much the same stages; each of shape (domains,)."""
        random = np.random.default_rng(seed)
        outermost = len(self.tree.levels) - 2
        domains, stages = len(self.tree.levels[outermost].room), widths.shape[1]
        held = summed(widths, above_each(self.tree, outermost), domains)
        centre = held @ np.arange(stages) / np.maximum(held.sum(axis=1), 1)
        order = np.argsort(centre + random.choice(SPREADS) * stages * random.standard_normal(domains))
        size = int(random.integers(FEWEST_FREED, MOST_FREED + 1))
        number = np.empty(domains, np.int64)
        number[np.roll(order, int(random.integers(size)))] = np.arange(domains) // size
        return [number == each for each in range(int(number.max()) + 1)]
