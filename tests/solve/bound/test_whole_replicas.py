"""The bound of jobs whose pipelines stay in one domain, against every way to hold whole replicas."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from planner.placement.placement import Objective, Status
from planner.solve import solve
from planner.solve.bound.whole_replicas import replicas_that_fit, whole_replicas_bound
from planner.solve.setup.blocks import Blocks, candidate_blocks
from planner.solve.setup.problem import Problem
from tests.builders import grid_workload, ragged_cluster
from tests.solve.vectors import random_costs

FAMILIES = [("dp", "all_reduce", 3.0), ("pp", "path", 1.0)]


@pytest.mark.parametrize("seed", range(30))
def test_the_bound_is_the_least_sum(seed):
    """Over all ways to share out the replicas, the least sum of f is found."""
    rng = np.random.default_rng(seed)
    stages, replicas = int(rng.integers(1, 4)), int(rng.integers(1, 8))
    costs = random_costs(rng, stages, replicas, ring=bool(seed % 2))
    room = rng.integers(0, 5, int(rng.integers(1, 5)))
    shares = [h for h in product(*(range(int(most) + 1) for most in room)) if sum(h) == replicas]
    held = np.repeat(np.asarray(shares, np.int32).reshape(-1, len(room))[..., None], stages, axis=2)
    sums = [float(costs.domain_bytes(each).sum()) for each in held]
    found = whole_replicas_bound(costs, room.astype(np.int32))
    expected = max(0.0, min(sums, default=0.0))
    assert found == pytest.approx(expected)
    assert found <= expected


def test_more_replicas_than_are_looked_at_have_no_bound(monkeypatch):
    """Beyond the limit the bound is 0, which holds for every job."""
    costs = random_costs(np.random.default_rng(3), 2, 4)
    monkeypatch.setattr("planner.solve.bound.whole_replicas.MOST_REPLICAS", 3)
    assert whole_replicas_bound(costs, np.full(4, 4, np.int32)) == 0.0


def problem_of(keep, **degrees):
    """A job with rules on three racks of 2, 2 and 1 nodes of 4."""
    job = grid_workload(**degrees, keep=keep)
    cluster = ragged_cluster([[4, 4], [4, 4], [3]], uplinks=(1.0, 1.0))
    return Problem(cluster, job, Objective.WEIGHTED, cluster.gpu_in_service)


def test_replicas_that_fit_count_whole_pipelines_of_whole_cells():
    """A rack of two nodes of four holds four cells of two ranks, and so two pipelines of two stages."""
    problem = problem_of({"tp": "node", "pp": "rack"}, tp=2, dp=3, pp=2)
    blocks = candidate_blocks(problem.workload.mesh)[0]
    assert replicas_that_fit(problem, blocks, 0) is None
    assert replicas_that_fit(problem, blocks, 1).tolist() == [2, 2, 0]
    assert replicas_that_fit(problem, blocks, 2).tolist() == [4]


def test_cells_that_may_be_cut_are_counted_by_rank():
    """Without a rule on tensor groups only single ranks are whole: a rack of eight holds four pipelines."""
    problem = problem_of({"pp": "rack"}, tp=2, dp=3, pp=2)
    mesh = problem.workload.mesh
    assert replicas_that_fit(problem, Blocks(mesh, 2, 1), 1) is None
    assert replicas_that_fit(problem, Blocks(mesh, 1, 1), 1).tolist() == [4, 4, 1]


def test_no_rule_no_bound():
    """Without a rule on pipelines nothing can be said."""
    problem = problem_of({"tp": "node"}, tp=2, dp=3, pp=2)
    assert replicas_that_fit(problem, candidate_blocks(problem.workload.mesh)[0], 1) is None


def test_a_ruled_job_is_proven_optimal():
    """Racks of 9 and 8 hold two pipelines of four each: five replicas touch three racks, proven."""
    cluster = ragged_cluster([[9], [8], [9], [8]], uplinks=(None, 1.0))
    job = grid_workload(dp=5, pp=4, families=FAMILIES, keep={"pp": "rack"})
    result = solve(cluster, job, time_limit_s=2.0)
    assert result.status is Status.OPTIMAL
    assert result.placement.claims.tiers[1].crossing_bytes == 4 * 2 * 3.0 * 2
    assert result.placement.claims.tiers[1].lower_bound_bytes == 4 * 2 * 3.0 * 2
