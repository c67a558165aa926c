"""Widths for every domain of a tree: exact covers, rooms kept, rules kept."""

from __future__ import annotations

import numpy as np
import pytest

from planner.placement.placement import Objective
from planner.solve.hierarchy.hierarchy import candidates, ruled_widths
from planner.solve.reduction.reduction import reduce_costs
from planner.solve.reduction.tree import Tree, tree_cost
from planner.solve.setup.blocks import candidate_blocks
from planner.solve.setup.control import Control
from planner.solve.setup.problem import Problem
from planner.solve.walks.exchange import swap_children
from tests.builders import grid_workload, ragged_cluster
from tests.solve.grids import nested_lists, whole_cells, widths_of, widths_upwards


def grid(seed, tiers=3):
    """The tree of a random ragged cluster and the costs of a grid of stages and replicas on it."""
    rng = np.random.default_rng(seed)
    stages, replicas = int(rng.integers(2, 6)), int(rng.integers(2, 9))
    families = [("dp", "all_reduce", float(rng.integers(1, 9))), ("pp", "path", float(rng.integers(1, 9)))]
    job = grid_workload(dp=replicas, pp=stages, families=families)
    nested = nested_lists(rng, tiers, 1, stages * replicas)
    cluster = ragged_cluster(nested, uplinks=[8.0, 20.0, 40.0][:tiers])
    problem = Problem(cluster, job, Objective.WEIGHTED, cluster.gpu_in_service)
    blocks = candidate_blocks(job.mesh)[0]
    return rng, Tree.of(problem, whole_cells(problem, blocks)), reduce_costs(job.families, blocks)


def ignore(index, bound):
    """Learn nothing."""


def no_floors(tree):
    """Nothing known of any level."""
    return [-np.inf] * len(tree.levels)


def holds(tree, costs, widths):
    """Whether every cell is placed and no domain of any level is over its room."""
    assert (widths >= 0).all()
    assert widths.sum(axis=0).tolist() == [costs.replicas] * costs.stages
    for level, each in zip(tree.levels, widths_upwards(tree, widths), strict=True):
        assert (each.sum(axis=1) <= level.room).all()


@pytest.mark.parametrize("seed", range(6))
def test_constructions_are_placements(seed):
    """One construction for each level that leads, each covering exactly within every room."""
    rng, tree, costs = grid(seed)
    found = list(candidates(tree, costs, {}, no_floors(tree), Control(20.0, workers=1), ignore))
    # The innermost tier's start is complete as it is; it comes last, and only where it is better.
    assert len(tree.levels) - 2 <= len(found) <= len(tree.levels) - 1
    best = min(tree_cost(tree, costs, widths) for widths in found)
    for widths in found:
        holds(tree, costs, widths)
    for _ in range(50):
        other = widths_of(rng, tree.levels[0].room, costs.stages, costs.replicas)
        assert best <= tree_cost(tree, costs, other) + 1e-9


def test_what_cannot_beat_a_known_placement_is_not_given():
    """Where tiers inside cost more than what is known, and where time is over, nothing is cut further."""
    _, tree, costs = grid(1)
    control = Control(20.0, workers=1)
    found = [tree_cost(tree, costs, w) for w in candidates(tree, costs, {}, no_floors(tree), control, ignore)]
    dear = [1e9] * len(tree.levels)
    assert not list(candidates(tree, costs, {}, dear, control, ignore, min(found)))
    over = Control(0.0, workers=1)
    assert not list(candidates(tree, costs, {}, no_floors(tree), over, ignore, max(found) * 2))


def test_cost_of_a_tree_adds_up():
    """The cost is the sum over levels of weight times f, the root left out."""
    rng, tree, costs = grid(2)
    widths = widths_of(rng, tree.levels[0].room, costs.stages, costs.replicas)
    expected = sum(
        level.weight * costs.domain_bytes(each).sum()
        for level, each in zip(tree.levels[:-1], widths_upwards(tree, widths), strict=False)
    )
    assert tree_cost(tree, costs, widths) == pytest.approx(expected)


def test_floors_only_drop_what_cannot_win():
    """With true floors the best construction is as good as without any."""
    for seed in range(4):
        _, tree, costs = grid(seed)
        control = Control(20.0, workers=1)
        free = [
            tree_cost(tree, costs, w) for w in candidates(tree, costs, {}, no_floors(tree), control, ignore)
        ]
        # A stage's N cells can keep no more than N edges home.
        floors = [level.weight * -float(costs.v.sum()) * costs.replicas for level in tree.levels]
        bound = [tree_cost(tree, costs, w) for w in candidates(tree, costs, {}, floors, control, ignore)]
        assert min(bound) == pytest.approx(min(free))
        assert len(bound) <= len(free)


def test_replicas_kept_in_racks():
    """A rule on pp gives each rack whole replicas, one after the other; None where they do not fit."""
    job = grid_workload(dp=5, pp=3)
    for nested, fits in (([[4, 4], [4, 4]], False), ([[4, 4], [5, 5]], True)):
        cluster = ragged_cluster(nested)
        problem = Problem(cluster, job, Objective.WEIGHTED, cluster.gpu_in_service)
        blocks = candidate_blocks(job.mesh)[0]
        tree, costs = Tree.of(problem, whole_cells(problem, blocks)), reduce_costs(job.families, blocks)
        found = ruled_widths(tree, costs, {"pp": 1})
        assert (found is not None) == fits
        if found is not None:
            assert found[0] == 1
            assert found[1].tolist() == [[2, 2, 2], [3, 3, 3]]
            (widths,) = candidates(tree, costs, {"pp": 1}, no_floors(tree), Control(20.0, workers=1), ignore)
            holds(tree, costs, widths)
            assert widths_upwards(tree, widths)[1].tolist() == found[1].tolist()


def test_stages_kept_in_nodes():
    """A rule on dp gives each node whole stages, largest nodes first; None where they do not fit."""
    job = grid_workload(dp=3, pp=3)
    for sizes, expected in (([4, 6], [[0, 0, 3], [3, 3, 0]]), ([5, 5], None)):
        cluster = ragged_cluster(sizes)
        problem = Problem(cluster, job, Objective.WEIGHTED, cluster.gpu_in_service)
        blocks = candidate_blocks(job.mesh)[0]
        tree, costs = Tree.of(problem, whole_cells(problem, blocks)), reduce_costs(job.families, blocks)
        found = ruled_widths(tree, costs, {"dp": 0})
        assert (None if found is None else found[1].tolist()) == expected


@pytest.mark.parametrize("seed", range(8))
def test_exchanges_never_cost_anything(seed):
    """Swapping equal children keeps every vector and room, and never raises the cost."""
    rng, tree, costs = grid(seed)
    widths = widths_of(rng, tree.levels[0].room, costs.stages, costs.replicas)
    before = tree_cost(tree, costs, widths)
    after = swap_children(tree, 0, costs, widths.copy(), Control(20.0))
    holds(tree, costs, after)
    assert sorted(after.tolist()) == sorted(widths.tolist())
    assert tree_cost(tree, costs, after) <= before + 1e-9


def test_exchanges_find_the_swap_that_pays():
    """Two racks that each hold half of two stages swap nodes until each holds a stage of its own."""
    job = grid_workload(dp=4, pp=2, families=[("dp", "all_reduce", 5.0), ("pp", "path", 1.0)])
    cluster = ragged_cluster([[2, 2], [2, 2]], uplinks=(None, 1.0))
    problem = Problem(cluster, job, Objective.WEIGHTED, cluster.gpu_in_service)
    blocks = candidate_blocks(job.mesh)[0]
    tree, costs = Tree.of(problem, whole_cells(problem, blocks)), reduce_costs(job.families, blocks)
    mixed = np.asarray([[2, 0], [0, 2], [2, 0], [0, 2]], np.int32)
    after = swap_children(tree, 0, costs, mixed, Control(20.0))
    assert widths_upwards(tree, after)[1].tolist() in ([[4, 0], [0, 4]], [[0, 4], [4, 0]])
