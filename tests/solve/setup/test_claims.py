"""Claims of a run: bounds never above what they bound, and optimal only where that was proven."""

from __future__ import annotations

import numpy as np
import pytest

from planner.errors import InternalError
from planner.placement.crossing import measure
from planner.placement.placement import Objective, Status
from planner.solve.setup.claims import claimed
from planner.solve.setup.problem import Problem
from tests.builders import grid_cluster, grid_workload


def measured():
    """A problem, and a placement of it that moves 6 bytes between two nodes."""
    cluster = grid_cluster(2, 4, uplinks=(3.0,))
    job = grid_workload(dp=8, families=[("dp", "all_reduce", 3.0)])
    problem = Problem(cluster, job, Objective.WEIGHTED, cluster.gpu_in_service)
    return problem, measure(cluster, job, np.arange(8, dtype=np.int32))


def test_what_was_measured_is_claimed():
    """Value and bytes are those measured, and bounds those given."""
    problem, best = measured()
    claims = claimed(problem, best, 0.5, np.asarray([2.0, 0.0]), optimal=False)
    assert (claims.value, claims.lower_bound, claims.status) == (best.weighted_s, 0.5, Status.FEASIBLE)
    assert [(tier.crossing_bytes, tier.lower_bound_bytes) for tier in claims.tiers] == [
        (6.0, 2.0),
        (0.0, 0.0),
    ]


def test_an_optimal_value_is_its_bound():
    """Where the value is proven the bound is the value itself, rounding aside."""
    problem, best = measured()
    claims = claimed(problem, best, best.weighted_s * (1 - 1e-12), np.zeros(2), optimal=True)
    assert (claims.lower_bound, claims.status) == (claims.value, Status.OPTIMAL)


@pytest.mark.parametrize(("bound", "tier_bound"), [(1.01, 0.0), (0.0, 6.1)])
def test_a_bound_above_what_was_reached_is_an_error(bound, tier_bound):
    """Of the objective or of a tier: something is wrong then, and nothing is claimed."""
    problem, best = measured()
    with pytest.raises(InternalError, match="lies above"):
        claimed(problem, best, bound * best.weighted_s, np.asarray([tier_bound, 0.0]), optimal=False)


def test_rounding_is_cut_off():
    """A bound that is above its value by rounding alone is claimed as the value."""
    problem, best = measured()
    claims = claimed(problem, best, best.weighted_s * (1 + 1e-12), np.zeros(2), optimal=False)
    assert claims.lower_bound == best.weighted_s
