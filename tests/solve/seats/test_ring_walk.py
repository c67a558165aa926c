"""Walks over the cells of rings: rooms kept, priced as measured, closing where widths alone do not."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from planner import solve
from planner.placement.crossing import measure
from planner.placement.placement import Objective, Status
from planner.solve.reduction.reduction import reduce_costs
from planner.solve.reduction.tree import Tree
from planner.solve.seats.realize import seat_ranks, widths_of
from planner.solve.seats.ring_walk import paid_by_rings, quickly_walked, walked_rings, walks_on_rings
from planner.solve.setup.blocks import candidate_blocks
from planner.solve.setup.control import Control
from planner.solve.setup.problem import Problem, lay_out
from tests.benchmarks.instances import FAMILIES, instance

RINGS = next(family for family in FAMILIES if family.name == "ring of stages")


def job(number):
    """Problem, layout, tree and costs of an instance with a ring of stages."""
    grid = instance(RINGS, number)
    problem = Problem(grid.cluster, grid.workload, Objective.WEIGHTED, grid.cluster.gpu_in_service)
    blocks = candidate_blocks(grid.workload.mesh)[0]
    layout = lay_out(problem, blocks)
    return problem, layout, Tree.of(problem, layout), reduce_costs(grid.workload.families, blocks)


def at_random(layout, costs, seed=0):
    """Every cell in some domain with room for it, shape (P, N)."""
    seats = np.repeat(np.arange(len(layout.room)), layout.room)
    drawn = np.random.default_rng(seed).permutation(seats)[: costs.stages * costs.replicas]
    return drawn.reshape(costs.stages, costs.replicas).astype(np.int32)


def walked(number, seed=0):
    """Homes from walks that begin at random, and what they come from."""
    problem, layout, tree, costs = job(number)
    start = at_random(layout, costs, seed)
    control = Control(60.0, seed, workers=1, deterministic=True)
    return problem, layout, costs, start, list(walked_rings(tree, costs, start, control))


@pytest.mark.parametrize("number", [0, 1, 2])
def test_homes_are_better_and_better_and_keep_rooms(number):
    """No domain holds more than fits, every home costs less than the one before, and some is found."""
    _, layout, costs, start, found = walked(number)
    assert found
    for before, after in pairwise([start, *found]):
        assert (widths_of(after, len(layout.room)).sum(axis=1) <= layout.room).all()
        assert paid_by_rings(costs, after, len(layout.room)) < paid_by_rings(costs, before, len(layout.room))


@pytest.mark.parametrize("number", [0, 2])
def test_what_is_paid_is_what_is_measured(number):
    """Crossing bytes of the seated ranks, for a start at random and for the last home."""
    problem, layout, costs, start, found = walked(number)
    for home in (start, found[-1]):
        placed = measure(problem.cluster, problem.workload, seat_ranks(problem, layout, home))
        assert placed.tier_bytes[0] == pytest.approx(paid_by_rings(costs, home, len(layout.room)))


@pytest.mark.parametrize("number", [2, 5, 6])
def test_a_quick_walk_is_most_of_the_way(number):
    """From cells at random it keeps rooms, and what it leaves to longer walks is less than a tenth."""
    _, layout, tree, costs = job(number)
    control = Control(60.0, workers=2)
    home = quickly_walked(tree, costs, at_random(layout, costs), control)
    assert (widths_of(home, len(layout.room)).sum(axis=1) <= layout.room).all()
    longer = list(walked_rings(tree, costs, home, Control(60.0, workers=1, deterministic=True)))
    best = paid_by_rings(costs, longer[-1] if longer else home, len(layout.room))
    assert best <= paid_by_rings(costs, home, len(layout.room)) < 1.1 * best


def test_the_same_walks_twice():
    """Same start and seed, same homes."""
    once, again = walked(1, seed=3)[-1], walked(1, seed=3)[-1]
    assert [home.tolist() for home in once] == [home.tolist() for home in again]


def test_only_rings_on_one_tier():
    """A path has nothing to close, and several tiers have walks of their own."""
    *_, tree, costs = job(0)
    assert walks_on_rings(tree, costs)
    path = instance(FAMILIES[0], 0)
    assert not walks_on_rings(
        tree, reduce_costs(path.workload.families, candidate_blocks(path.workload.mesh)[0])
    )
    assert not walks_on_rings(Tree((tree.levels[0], *tree.levels)), costs)


def test_a_ring_meets_its_bound():
    """Widths that are best by f do not close on this one as they come; walks find some that do."""
    grid = instance(RINGS, 6)
    assert solve(grid.cluster, grid.workload, workers=1, deterministic=True).status is Status.OPTIMAL
