"""Walks that end soon, for tests that a walk of a second at each of hundreds of tiny jobs adds nothing to."""

from __future__ import annotations

import numpy as np
import pytest

from planner.placement.placement import Objective
from planner.solve.reduction.reduction import reduce_costs
from planner.solve.reduction.tree import Tree
from planner.solve.setup.blocks import candidate_blocks
from planner.solve.setup.control import Control
from planner.solve.setup.problem import Problem, lay_out
from planner.solve.splits.few_domains import splits_compiled
from planner.solve.walks import anneal, restarts
from tests.builders import grid_cluster, grid_workload


@pytest.fixture(scope="session")
def compiled():
    """Walks and splits compiled, which takes longer on a busy machine than a run has time."""
    cluster = grid_cluster(2, 2, 1, uplinks=(1.0, 1.0))
    job = grid_workload(dp=4, families=[("dp", "all_reduce", 1.0)])
    problem = Problem(cluster, job, Objective.WEIGHTED, cluster.gpu_in_service)
    blocks = candidate_blocks(job.mesh)[0]
    tree, costs = Tree.of(problem, lay_out(problem, blocks)), reduce_costs(job.families, blocks)
    state = anneal.state_of(tree, costs, np.ones((cluster.nodes, 1), np.int32))
    assert anneal.ready(state, Control(1.0, deterministic=True))
    assert splits_compiled(Control(1.0, deterministic=True))


@pytest.fixture
def short_walks(monkeypatch, compiled):
    """Walks that begin with few moves and end soon, so that several follow on each other."""
    monkeypatch.setattr(anneal, "FIRST_MOVES_A_CELL", 2)
    monkeypatch.setattr(anneal, "MOST_MOVES_A_CELL", 500)
    monkeypatch.setattr(anneal, "MOST_WORK_A_CELL", 500)
    monkeypatch.setattr(restarts, "FIRST_MOVES_A_CELL", 2)
    monkeypatch.setattr(restarts, "MOST_WORK_A_CELL", 100)


@pytest.fixture(params=["short walks", pytest.param("long walks", marks=pytest.mark.slow)])
def walks(request, compiled):
    """Short walks, and among the slow tests the long ones that users get."""
    if request.param == "short walks":
        request.getfixturevalue("short_walks")
