"""Placements of one layout, better and better: stripes, one tier after the other in the lead, a walk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.solve.anneal import annealed, worth_annealing
from planner.solve.bound import rounded_up
from planner.solve.hierarchy import candidates
from planner.solve.problem import whole_by_rule
from planner.solve.realize import seat_ranks, widths_of
from planner.solve.reduction import reduce_costs
from planner.solve.rings import join_cells
from planner.solve.stripes import striped_home
from planner.solve.tree import Tree, tree_cost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from planner.solve.control import Control
    from planner.solve.problem import Layout, Problem

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

LEADS_SHARE = 0.5


def placements(
    problem: Problem,
    layout: Layout,
    control: Control,
    floors: FloatArray,
    learn: Callable[[int, float], None],
    share: float,
) -> Iterator[IntArray]:
    """GPU of every rank, shape (world_size,), for one placement after the other.

    Where f predicts the bytes only what it predicts to be better is realised; where it bounds them, all.

    Parameters
    ----------
    floors
        Lower bounds on the crossing bytes of every tier, shape (tiers,).
    learn
        Told a tier and a lower bound on its crossing bytes, where a construction proves one.
    share
        Part of the time that is left which the walk may take.
    """
    costs = reduce_costs(problem.workload.families, layout.blocks)
    tree = Tree.of(problem, layout)

    def seated(widths: IntArray) -> IntArray:
        return seat_ranks(problem, layout, join_cells(tree, widths, costs, control))

    def teach(index: int, summed: float) -> None:
        if _every_placement_is_of(problem, layout, tree, index):
            learn(tree.levels[index].tier, rounded_up(costs, summed))

    home = striped_home(tree, costs)
    best = widths_of(home, len(layout.room))
    yield seated(best) if costs.exact else seat_ranks(problem, layout, home)
    known = [level.weight * (float(floors[level.tier]) - costs.constant) for level in tree.levels]
    rules = _rules_on_cells(problem)
    least = np.inf if rules else tree_cost(tree, costs, best)
    with control.step(LEADS_SHARE if len(tree.levels) > 2 else 1.0):
        for widths in candidates(tree, costs, rules, known, control, teach):
            cost = tree_cost(tree, costs, widths)
            if cost < least or not costs.exact:
                yield seated(widths)
            if cost < least:
                best, least = widths, cost
    if rules or not worth_annealing(tree, costs):
        return
    with control.step(share):
        yield from map(seated, annealed(tree, costs, best, control))


def _every_placement_is_of(problem: Problem, layout: Layout, tree: Tree, index: int) -> bool:
    """Whether every placement keeps the cells whole and in the rooms that this level has for them."""
    level = tree.levels[index]
    if layout.blocks.cell_ranks == 1:
        return bool(np.array_equal(problem.ranks_that_fit[level.tier], level.room))
    whole = whole_by_rule(problem, layout.blocks, level.tier)
    return whole is not None and bool(np.array_equal(whole, level.room))


def _rules_on_cells(problem: Problem) -> dict[str, int]:
    """Tiers that whole replicas and whole stages must keep to."""
    mesh, cluster = problem.workload.mesh, problem.cluster
    return {
        axis: cluster.tier_index(tier)
        for axis, tier in problem.workload.keep.items()
        if axis in ("pp", "dp", "edp") and mesh.degree(axis) > 1
    }
