"""What a run returns and reports."""

from __future__ import annotations

import pytest

from planner.placement.placement import Status
from planner.solve.setup.result import Progress, Result
from tests.builders import claimed, grid_cluster, grid_workload


@pytest.mark.parametrize(
    ("value", "bound", "gap"), [(3.0, 2.0, 0.5), (2.0, 2.0, 0.0), (0.0, 0.0, 0.0), (1.0, 0.0, float("inf"))]
)
def test_gap_of_progress(value, bound, gap):
    """(value - bound) / bound, 0 where the bound is met and endless where there is none."""
    assert Progress(0.1, value, bound, "construct").gap == gap


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_a_result_tells_its_claims(share):
    """Objective, bound, gap and status are those of the placement."""
    cluster = grid_cluster(2, 2, uplinks=(1.0,))
    job = grid_workload(dp=4, families=[("dp", "all_reduce", 3.0)])
    result = Result(claimed(cluster, job, [0, 1, 2, 3], bound=share), (), 0.1)
    assert result.objective == 3.0
    assert result.lower_bound == 3.0 * share
    assert result.gap == 1 / share - 1
    assert result.status is (Status.OPTIMAL if share == 1 else Status.FEASIBLE)
    assert not result.interrupted
