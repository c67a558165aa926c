"""Bounds on all tiers of a problem, and on its objective, against the exhaustive minima."""

from __future__ import annotations

import numpy as np
import pytest

from planner.errors import InfeasibleError
from planner.placement.crossing import objective_bound
from planner.placement.placement import Objective
from planner.solve.bound.tier_bounds import tier_bounds
from planner.solve.setup.control import Control
from planner.solve.setup.feasible import prove_infeasible
from planner.solve.setup.problem import Problem
from tests.builders import grid_cluster, grid_workload
from tests.solve.brute_force import optimum, tier_minima
from tests.solve.instances import random_instance


@pytest.mark.parametrize("seed", range(30))
def test_no_bound_exceeds_what_the_best_placement_costs(seed):
    """On random tiny jobs: every tier's least bytes, and the objective's least value."""
    cluster, workload, objective = random_instance(seed)
    problem = Problem(cluster, workload, Objective(objective), cluster.gpu_in_service)
    best = optimum(cluster, workload, objective, cluster.gpu_in_service)
    if best is None:
        with pytest.raises(InfeasibleError):
            prove_infeasible(problem)
        return
    found = tier_bounds(problem, Control(20.0, workers=1))
    minima = tier_minima(cluster, workload, cluster.gpu_in_service)
    assert found[-1] == 0
    assert (found[:-1] <= np.asarray(minima) * (1 + 1e-9)).all()
    assert objective_bound(cluster, problem.objective, found) <= best[0] * (1 + 1e-9)


def test_tiers_are_bounded_where_something_must_cross():
    """Four replicas on four nodes of one GPU: each beyond the first costs twice its bytes."""
    cluster = grid_cluster(4, 1, uplinks=(1.0,))
    job = grid_workload(dp=4, families=[("dp", "all_reduce", 5.0)])
    problem = Problem(cluster, job, Objective.WEIGHTED, cluster.gpu_in_service)
    assert tier_bounds(problem, Control(20.0)).tolist() == [30.0, 0.0]
