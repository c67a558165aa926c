"""From the outermost tier inwards: what is filled covers and fits, and parts done again never cost more."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from planner.solve.reduction.reduction import reduce_costs
from planner.solve.reduction.tree import Tree, tree_cost
from planner.solve.setup.blocks import candidate_blocks
from planner.solve.setup.control import Control
from planner.solve.walks.top_down import (
    Effort,
    cheaper_inside,
    costs_inside,
    covered_top_down,
    filled_inside,
    lined_inside,
    refined,
    settled,
)
from tests.builders import grid_workload
from tests.solve.grids import widths_of, widths_upwards
from tests.solve.walks.test_anneal import filled, tree_over

SEEDS = range(12)
QUICK = Effort(30)


def unhurried():
    """Limits that no walk here meets."""
    return Control(20.0, deterministic=True)


def holds(tree, widths, coverage):
    """Whether width vectors hold what is to be covered, and every room is kept."""
    assert widths.sum(axis=0).tolist() == list(coverage)
    for level, each in zip(tree.levels, widths_upwards(tree, widths), strict=True):
        assert (each.sum(axis=1) <= level.room).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_lines_inside_keep_what_is_outside(seed):
    """Domains inside hold together what the one around them does, each within its room, in any order."""
    rng, tree, costs, widths = filled(seed)
    outer = widths_upwards(tree, widths)
    for level, inside, around in zip(tree.levels, outer, outer[1:], strict=False):
        for random, tried in ((None, 15), (rng, 15), (rng, 1)):
            found = lined_inside(level, around, costs, random, tried)
            assert (found.sum(axis=1) <= level.room).all()
            sums = np.zeros_like(around)
            np.add.at(sums, level.parent, found)
            assert sums.tolist() == around.tolist()
            assert found.shape == inside.shape


def test_a_line_takes_the_best_run_for_each_domain():
    """Where all-reduces cost most stages stay whole; where pipelines do replicas stay whole."""
    tree = tree_over([[4, 4], [4, 4]], 2, 8)
    wide = reduce_costs(
        grid_workload(dp=8, pp=2, families=[("dp", "all_reduce", 9), ("pp", "path", 1)]).families,
        candidate_blocks(grid_workload(dp=8, pp=2).mesh)[0],
    )
    tall = reduce_costs(
        grid_workload(dp=8, pp=2, families=[("dp", "all_reduce", 1), ("pp", "path", 9)]).families,
        candidate_blocks(grid_workload(dp=8, pp=2).mesh)[0],
    )
    outer = np.asarray([[4, 4], [4, 4]], np.int32)
    assert lined_inside(tree.levels[0], outer, wide).tolist() == [[4, 0], [0, 4], [4, 0], [0, 4]]
    assert lined_inside(tree.levels[0], outer, tall).tolist() == [[2, 2]] * 4


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_placed_covers_and_fits(seed):
    """Placed top down, all cells are there and each room is kept; the same seed gives the same."""
    _, tree, costs, widths = filled(seed)
    coverage = widths.sum(axis=0)
    found = covered_top_down(tree, costs, coverage, QUICK, seed, unhurried())
    holds(tree, found, coverage)
    again = covered_top_down(tree, costs, coverage, QUICK, seed, unhurried())
    assert found.tolist() == again.tolist()


@pytest.mark.parametrize("seed", SEEDS)
def test_filling_leaves_the_outside_as_it_is(seed):
    """Domains of a level hold after filling their insides what they held before."""
    _, tree, costs, widths = filled(seed)
    for index, outer in enumerate(widths_upwards(tree, widths)):
        found = filled_inside(tree, costs, index, outer, QUICK, seed, unhurried())
        assert widths_upwards(tree, found)[index].tolist() == outer.tolist()
        holds(tree, found, widths.sum(axis=0))


@pytest.mark.parametrize("seed", SEEDS)
def test_costs_inside_add_up(seed):
    """What the domains of a level pay inside, and what is paid from there on outwards, is all there is."""
    _, tree, costs, widths = filled(seed)
    for index in range(len(tree.levels)):
        inside = costs_inside(tree, costs, index, widths)
        assert len(inside) == len(tree.levels[index].room)
        around = widths_upwards(tree, widths)[index]
        rest = tree_cost(Tree(tree.levels[index:]), costs, around)
        assert inside.sum() + rest == pytest.approx(tree_cost(tree, costs, widths))


@pytest.mark.parametrize("seed", SEEDS)
def test_each_domain_takes_its_cheaper_inside(seed):
    """Of two ways to fill the same domains each domain pays the less of both."""
    _, tree, costs, widths = filled(seed)
    for index, outer in enumerate(widths_upwards(tree, widths)):
        ways = [filled_inside(tree, costs, index, outer, QUICK, turn, unhurried()) for turn in (1, 2)]
        both = [costs_inside(tree, costs, index, each) for each in ways]
        mixed = cheaper_inside(tree, costs, index, *ways)
        assert costs_inside(tree, costs, index, mixed).tolist() == np.minimum(*both).tolist()
        assert widths_upwards(tree, mixed)[index].tolist() == outer.tolist()


@pytest.mark.parametrize("seed", SEEDS)
def test_refined_and_settled_never_cost_more(seed):
    """Insides done again, and a cold walk, cost no more than what was there, and cover the same."""
    rng, tree, costs, widths = filled(seed)
    start = widths_of(rng, tree.levels[0].room, costs.stages, costs.replicas)
    better = refined(tree, costs, start, QUICK, seed, unhurried())
    best = settled(tree, costs, better, QUICK, seed, unhurried())
    for one, other in pairwise([start, better, best]):
        holds(tree, other, widths.sum(axis=0))
        assert tree_cost(tree, costs, other) <= tree_cost(tree, costs, one) * (1 + 1e-12)


def test_no_walk_once_told_to_stop():
    """After a stop what is placed still covers and fits: lines need no time."""
    _, tree, costs, widths = filled(2)
    control = unhurried()
    control.stop.set()
    holds(tree, covered_top_down(tree, costs, widths.sum(axis=0), QUICK, 0, control), widths.sum(axis=0))
