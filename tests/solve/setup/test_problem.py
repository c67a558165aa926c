"""What is solved, and the tightest layout of its cells."""

from __future__ import annotations

import numpy as np
import pytest

from planner.placement.crossing import FIRST_OBJECTIVE
from planner.placement.placement import Objective
from planner.solve.setup.blocks import Blocks
from planner.solve.setup.problem import Problem, lay_out, rule_tiers, whole_by_rule
from tests.builders import grid_cluster, grid_workload, ragged_cluster


def problem_of(cluster, objective=Objective.WEIGHTED, **job):
    """A problem on all GPUs in service."""
    return Problem(cluster, grid_workload(**job), objective, cluster.gpu_in_service)


def test_ranks_that_fit_leave_out_what_is_down():
    """Each domain's room counts its available GPUs, at every tier."""
    problem = problem_of(ragged_cluster([[4, 4], [2]], down=(1, 8, 9)), dp=2)
    assert [room.tolist() for room in problem.ranks_that_fit] == [[3, 4, 0], [7, 0], [7]]


def test_weights_are_seconds_a_byte():
    """A crossing byte weighs one over the summed uplinks of its tier."""
    problem = problem_of(grid_cluster(2, 2, 4, uplinks=(10.0, 25.0)), dp=2)
    assert problem.weights.tolist() == [1 / 40, 1 / 50, 0.0]


def test_free_tiers_only_break_ties():
    """Tiers without uplinks weigh next to nothing from the boundary out, nothing inside it."""
    weights = problem_of(grid_cluster(2, 2, 4, uplinks=(None, 25.0)), dp=2).weights
    assert 0 < weights[0] < 1e-5 * weights[1]
    inside = problem_of(grid_cluster(2, 2, 4, uplinks=(None, 25.0), boundary=1), dp=2).weights
    assert inside[0] == 0.0
    free = problem_of(grid_cluster(2, 4), dp=2).weights
    assert free[0] > 0 == free[1]


def test_cross_node_puts_the_boundary_first():
    """Bytes at the boundary outweigh everything else."""
    problem = problem_of(grid_cluster(2, 2, 4, uplinks=(10.0, 25.0)), Objective.CROSS_NODE, dp=2)
    assert problem.weights[0] == FIRST_OBJECTIVE / 40
    assert problem.weights[1] == 1 / 50


@pytest.mark.parametrize(
    ("nested", "job", "cut", "tiers"),
    [
        ([[4, 4], [4, 4]], {"tp": 4, "dp": 4}, (4, 1), (0, 0)),
        ([[4, 4], [4, 4]], {"tp": 8, "dp": 2}, (8, 1), (1, 1)),
        ([[4, 4], [4, 4]], {"tp": 2, "dp": 8, "ep": 4}, (2, 4), (0, 1)),
        ([[3, 3], [3, 3]], {"tp": 2, "dp": 4}, (2, 1), (0, 0)),
        ([[3, 3], [3, 3]], {"tp": 2, "dp": 6}, (2, 1), (1, 1)),
        ([[4, 4], [4, 4]], {"dp": 16}, (1, 1), (0, 0)),
    ],
)
def test_layouts_take_the_innermost_tiers_that_hold_the_job(nested, job, cut, tiers):
    """Tensor groups and cells go to the smallest domains with room for all of them."""
    problem = problem_of(ragged_cluster(nested), **job)
    layout = lay_out(problem, Blocks(problem.workload.mesh, *cut))
    assert (layout.inner_tier, layout.cell_tier) == tiers
    assert layout.room.sum() >= layout.cells
    assert (layout.room * layout.blocks.cell_ranks <= problem.ranks_that_fit[layout.cell_tier]).all()


def test_rules_cap_the_tiers():
    """A rule on tp, cp or ep names the outermost tier of what it binds; other axes bind no cell."""
    keep = {"tp": "node", "ep": "rack", "dp": "node"}
    problem = problem_of(grid_cluster(2, 2, 4), tp=2, dp=8, ep=4, keep=keep)
    assert rule_tiers(problem, Blocks(problem.workload.mesh, 2, 4)) == (0, 1)
    assert rule_tiers(problem, Blocks(problem.workload.mesh, 2, 1)) is None
    assert rule_tiers(problem, Blocks(problem.workload.mesh, 1, 1)) is None


def test_rules_that_a_cut_cannot_keep_have_no_layout():
    """Single ranks cannot promise whole tensor groups, and cells of a node no room beyond it."""
    problem = problem_of(grid_cluster(2, 4), tp=2, dp=4, keep={"tp": "node"})
    assert lay_out(problem, Blocks(problem.workload.mesh, 1, 1)) is None
    assert lay_out(problem, Blocks(problem.workload.mesh, 2, 1)) is not None
    ragged = problem_of(ragged_cluster([3, 3, 2]), tp=2, dp=4, keep={"tp": "node"})
    assert lay_out(ragged, Blocks(ragged.workload.mesh, 2, 1)) is None


def test_cells_are_whole_only_by_rule():
    """Room for whole cells counts where a rule keeps them whole, from the rule's tier outwards."""
    cluster = ragged_cluster([[3, 3], [4, 2]])
    free = problem_of(cluster, tp=2, dp=4)
    assert whole_by_rule(free, Blocks(free.workload.mesh, 2, 1), 0) is None
    ruled = problem_of(cluster, tp=2, dp=4, keep={"tp": "node"})
    cells = Blocks(ruled.workload.mesh, 2, 1)
    assert whole_by_rule(ruled, cells, 0).tolist() == [1, 1, 2, 1]
    assert whole_by_rule(ruled, cells, 1).tolist() == [2, 3]
    outer = problem_of(cluster, tp=2, dp=4, keep={"tp": "rack"})
    assert whole_by_rule(outer, cells, 0) is None
    assert whole_by_rule(outer, cells, 1).tolist() == [3, 3]


def test_expert_rules_make_cells_whole():
    """A rule on ep binds cells of just one expert group."""
    problem = problem_of(grid_cluster(2, 2, 4), dp=16, ep=4, keep={"ep": "rack"})
    assert whole_by_rule(problem, Blocks(problem.workload.mesh, 1, 4), 0) is None
    assert whole_by_rule(problem, Blocks(problem.workload.mesh, 1, 4), 1).tolist() == [2, 2]


def test_single_ranks_are_always_whole():
    """A cell of one rank cannot be cut."""
    problem = problem_of(ragged_cluster([3, 2]), dp=4)
    room = whole_by_rule(problem, Blocks(problem.workload.mesh, 1, 1), 0)
    assert np.array_equal(room, [3, 2])
