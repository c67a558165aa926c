"""Top down by pairs: cells stay where they belong, rooms hold, and charges are fair."""

from __future__ import annotations

import numpy as np
import pytest

from planner.solve.reduction.reduction import reduce_costs
from planner.solve.reduction.tree import summed, tree_cost
from planner.solve.setup.blocks import candidate_blocks
from planner.solve.setup.control import Control
from planner.solve.walks.paired import (
    Ahead,
    Sharing,
    can_pair,
    drafted_by_pairs,
    filled_by_pairs,
    roughly_drafted,
    usual_pieces,
    work_inside,
)
from planner.solve.walks.top_down import lined_inside
from tests.builders import grid_workload
from tests.solve.walks.test_anneal import tree_over

ROOMS = [[[4, 4, 3], [4, 4, 4]], [[3, 4, 4, 4], [4, 4]]]


@pytest.fixture(scope="module")
def job():
    """A grid of 6 stages and 7 replicas on three ragged tiers, its costs, and a start in line."""
    tree = tree_over(ROOMS, 6, 7)
    workload = grid_workload(dp=7, pp=6, families=[("dp", "all_reduce", 3), ("pp", "path", 1)])
    costs = reduce_costs(workload.families, next(iter(candidate_blocks(workload.mesh))))
    coverage = np.full((1, 6), 7, np.int32)
    return tree, costs, lined_inside(tree.levels[2], coverage, costs)


def fits(tree, widths):
    """Whether the innermost domains have room for what they hold."""
    return (widths.sum(axis=1) <= tree.levels[0].room).all()


@pytest.mark.parametrize("seed", range(8))
def test_domains_hold_what_those_inside_hold(job, seed):
    """Whatever is charged, the cells of an outer domain are all inside it, and fit."""
    tree, costs, outer = job
    random = np.random.default_rng(seed)
    how = Sharing.drawn(Ahead.drawn((4.0, 6.0), random), random)
    widths = filled_by_pairs(tree, costs, 2, outer, how, random, Control(60.0, workers=2))
    assert fits(tree, widths)
    for level, around in zip(tree.levels[:2], tree.levels[1:], strict=False):
        widths = summed(widths, level.parent, len(around.room))
    assert np.array_equal(widths, outer)


def test_sharing_out_costs_less_than_a_line(job):
    """Pairs inside each domain end below the line that they begin with."""
    tree, costs, outer = job
    line = outer
    for place in (1, 0):
        line = lined_inside(tree.levels[place], line, costs)
    how = Sharing(Ahead((), ()), 0.1, 20)
    random = np.random.default_rng(0)
    found = filled_by_pairs(tree, costs, 2, outer, how, random, Control(60.0))
    assert tree_cost(tree, costs, found) < tree_cost(tree, costs, line)


def test_the_same_seed_gives_the_same(job):
    """However many threads work, the draws are those of the seed."""
    tree, costs, outer = job
    how = Sharing(Ahead((), ()), 0.1, 20)
    one, other = (
        filled_by_pairs(tree, costs, 2, outer, how, np.random.default_rng(3), Control(60.0, workers=workers))
        for workers in (1, 3)
    )
    assert np.array_equal(one, other)


def test_whole_pieces_are_free(job):
    """Whole pieces are charged nothing, a cell more nearly one, and sums at most what their parts are."""
    tree, costs, _ = job
    table = Ahead((3, 0), (0.5, 0.5)).seen_from(tree, costs, 1).ahead
    assert table[:, [0, 3, 6]] == pytest.approx(0.0)
    assert (table[:, 4] > table[:, 5]).all()
    assert (table[:, 4] > 0).all()
    for one in range(table.shape[1]):
        for other in range(table.shape[1] - one):
            assert (table[:, one + other] <= table[:, one] + table[:, other] + 1e-9).all()
    assert Ahead((3, 0), (0.5, 0.5)).seen_from(tree, costs, 0) is costs


def test_usual_pieces_are_those_that_cells_lie_in(job):
    """Three cells in a piece of three and one alone lie in pieces of 2.5 in the mean."""
    tree, _, _ = job
    widths = np.zeros((len(tree.levels[0].room), 6), np.int32)
    widths[0, 0], widths[1, 1] = 3, 1
    assert usual_pieces(tree, widths)[0] == pytest.approx(2.5)


def test_drafts_become_better(job):
    """Each draft costs no more than the one before, holds the job, and fits."""
    tree, costs, _ = job
    assert all(can_pair(costs, level) for level in tree.levels)
    found = list(drafted_by_pairs(tree, costs, 1, Control(4.0, workers=1)))
    prices = [tree_cost(tree, costs, each) for each in found]
    assert prices == sorted(prices, reverse=True)
    assert all(fits(tree, each) for each in found)
    assert (found[-1].sum(axis=0) == 7).all()


def test_a_rough_draft_is_better_than_cells_in_line(job):
    """One round of pairs at each tier; the same seed gives the same."""
    tree, costs, _ = job
    found, again = (roughly_drafted(tree, costs, 1, Control(30.0, workers=1)) for _ in range(2))
    assert fits(tree, found)
    assert (found.sum(axis=0) == 7).all()
    assert np.array_equal(found, again)
    line = np.full((1, costs.stages), costs.replicas, np.int32)
    for place in (2, 1, 0):
        line = lined_inside(tree.levels[place], line, costs)
    assert tree_cost(tree, costs, found) < tree_cost(tree, costs, line)


def test_more_turns_are_more_work(job):
    """Work grows with turns and with the levels inside."""
    tree, _, _ = job
    assert 0 < work_inside(tree, 1, 10) < work_inside(tree, 2, 10) < work_inside(tree, 2, 20)
