"""Proofs that a job cannot be placed: the rule and the shortfall."""

from __future__ import annotations

import numpy as np
import pytest

from planner.errors import InfeasibleError
from planner.placement.placement import Objective
from planner.solve.setup.feasible import prove_infeasible, rules_hold
from planner.solve.setup.problem import Problem
from tests.builders import grid_cluster, grid_workload, ragged_cluster


def mistakes(cluster, **job):
    """The problems that are raised, none where the job is not proven infeasible."""
    problem = Problem(cluster, grid_workload(**job), Objective.WEIGHTED, cluster.gpu_in_service)
    try:
        prove_infeasible(problem)
    except InfeasibleError as error:
        return error.problems
    return ()


def test_too_few_gpus():
    """The message has the ranks, the shortfall and what is down; the remedy is a dp that fits."""
    (mistake,) = mistakes(grid_cluster(3, 4, down=(0, 5)), tp=2, dp=4, pp=2)
    assert mistake.code == "S001"
    assert "16 ranks, 6 more than the 10 GPUs in service (2 of 12 are out of service)" in mistake.message
    assert mistake.suggestion == "dp: 2, and a global batch that it divides"


def test_remedy_keeps_expert_groups_and_rules():
    """The dp that is suggested keeps expert groups whole and obeys the rules by count."""
    cluster = ragged_cluster([4, 4, 4, 3])
    (mistake,) = mistakes(cluster, ep=4, dp=8, pp=2, keep={"ep": "node"})
    assert mistake.code == "S001"
    assert mistake.suggestion == "dp: 4, and a global batch that it divides"
    assert mistakes(cluster, ep=4, dp=4, pp=2, keep={"ep": "node"}) == ()


def test_too_few_gpus_for_one_replica():
    """Where not even one replica fits, a smaller dp is no remedy."""
    (mistake,) = mistakes(grid_cluster(1, 4), tp=8, dp=2)
    assert mistake.suggestion == "smaller degrees of parallelism"


def test_a_rule_that_does_not_fit():
    """The message names the rule, the groups needed, those that fit and the largest domain."""
    (mistake,) = mistakes(ragged_cluster([3, 3, 2]), tp=2, dp=4, keep={"tp": "node"})
    assert mistake.code == "S002"
    assert "keep: {tp: node}" in mistake.message
    assert "4 groups of 2 ranks" in mistake.message
    assert "3 fit, 1 too few" in mistake.message
    assert "the largest node has 3 GPUs in service" in mistake.message
    assert mistake.suggestion.startswith("dp: 3, and a global batch that it divides; a smaller tp;")


def test_every_rule_that_fails_is_told():
    """Two rules that fail on their own give two problems."""
    both = mistakes(ragged_cluster([3, 3, 3]), tp=4, dp=2, keep={"tp": "node", "dp": "node"})
    assert [mistake.suggestion for mistake in both] == [
        "a smaller tp; a tier further out in the rule",
        "a smaller dp; a tier further out in the rule",
    ]


def test_rules_nest():
    """Replicas kept in a rack need room for whole tensor groups where those keep to nodes."""
    cluster = ragged_cluster([[3, 3, 3], [3, 3, 3]])
    job = {"tp": 2, "pp": 4, "dp": 2}
    assert mistakes(cluster, **job, keep={"pp": "rack"}) == ()
    assert mistakes(cluster, **job, keep={"tp": "node"})[0].code == "S002"
    assert len(mistakes(cluster, **job, keep={"tp": "node", "pp": "rack"})) == 2


@pytest.mark.parametrize("keep", [{}, {"tp": "node"}, {"dp": "rack"}, {"tp": "cluster", "pp": "cluster"}])
def test_jobs_that_fit_are_not_refused(keep):
    """Nothing is raised where the counting finds room."""
    assert mistakes(grid_cluster(2, 2, 4), tp=2, dp=4, pp=2, keep=keep) == ()


def test_rules_hold_group_by_group():
    """A single group over two domains breaks its rule, and only its rule."""
    cluster = grid_cluster(2, 4)
    jobs = [grid_workload(tp=2, dp=2, pp=2, keep={axis: "node"}) for axis in ("tp", "dp", "pp")]
    problems = [Problem(cluster, job, Objective.WEIGHTED, cluster.gpu_in_service) for job in jobs]
    in_order = np.arange(8, dtype=np.int32)
    assert [rules_hold(problem, in_order) for problem in problems] == [True, True, False]
    crossed = np.asarray([0, 4, 2, 3, 1, 5, 6, 7], np.int32)
    assert [rules_hold(problem, crossed) for problem in problems] == [False, False, False]
