"""From the outermost tier inwards, with what lies further in in view."""

from __future__ import annotations

import numpy as np
import pytest

from planner.solve.hierarchy import outside_in as module
from planner.solve.hierarchy.hierarchy import cut_level
from planner.solve.hierarchy.outside_in import outside_in
from planner.solve.reduction.tree import summed, tree_cost
from planner.solve.setup.control import Control
from tests.solve.grids import widths_of
from tests.solve.hierarchy.test_hierarchy import grid, holds
from tests.solve.vectors import random_costs
from tests.solve.walks.test_anneal import tree_over


@pytest.mark.parametrize("most_cuts", [0, 60])
@pytest.mark.parametrize("seed", range(8))
def test_it_is_a_placement(seed, most_cuts, monkeypatch):
    """Cut one by one or in line, every cell is placed within every room; better than random ones are."""
    monkeypatch.setattr(module, "MOST_CUTS", most_cuts)
    rng, tree, costs = grid(seed)
    found = list(outside_in(tree, costs, Control(20.0, workers=1)))
    assert len(found) == 2
    others = [widths_of(rng, tree.levels[0].room, costs.stages, costs.replicas) for _ in range(20)]
    for each in found:
        holds(tree, costs, each)
        assert tree_cost(tree, costs, each) <= np.mean([tree_cost(tree, costs, other) for other in others])


def test_without_time_it_is_a_placement_all_the_same():
    """Out of time everything is filled in line."""
    _, tree, costs = grid(3)
    (found,) = outside_in(tree, costs, Control(0.0))
    holds(tree, costs, found)


@pytest.mark.parametrize("in_line", [False, True])
def test_cuts_keep_what_outer_domains_hold(in_line):
    """The domains inside each outer one hold together what it was to hold, also where that is nothing."""
    rng = np.random.default_rng(5)
    tree = tree_over([[4, 3], [5], [2, 2, 2], [6]], 3, 4)
    costs = random_costs(rng, 3, 4)
    outer = np.asarray([[4, 0, 3], [0, 4, 1], [0, 0, 0], [0, 0, 0]], np.int32)
    inner = cut_level(tree, 1, outer, costs, Control(20.0, workers=1), in_line=in_line)
    assert (inner.sum(axis=1) <= tree.levels[0].room).all()
    assert summed(inner, tree.levels[0].parent, 4).tolist() == outer.tolist()


@pytest.mark.parametrize("seed", range(6))
def test_a_walk_puts_right_and_never_wrong(seed):
    """Whatever the walk finds, the widths it was given are the worst that comes out."""
    rng, tree, costs = grid(seed)
    given = widths_of(rng, tree.levels[0].room, costs.stages, costs.replicas)
    found = module._put_right(tree, costs, given, Control(20.0, workers=1))
    holds(tree, costs, found)
    assert tree_cost(tree, costs, found) <= tree_cost(tree, costs, given)


def test_it_looks_ahead():
    """Where what is best outside and what is best inside differ, the sum of both is the least there is."""
    tree = tree_over([[4, 4], [4, 4]], 2, 8, weights=(1.0, 1.0))
    costs = random_costs(np.random.default_rng(0), 2, 8)
    *_, found = outside_in(tree, costs, Control(20.0, workers=1))
    best = min(
        tree_cost(tree, costs, np.asarray([[a, 4 - a], [b, 4 - b], [c, 4 - c], [d, 4 - d]], np.int32))
        for a in range(5)
        for b in range(5)
        for c in range(5)
        for d in range(5)
        if a + b + c + d == 8
    )
    assert tree_cost(tree, costs, found) == pytest.approx(best)
