"""The exact model in width vectors."""

from __future__ import annotations

import numpy as np
import pytest

from planner.placement.check import check
from planner.placement.placement import Objective, Status
from planner.solve import solve
from planner.solve.exact.exact import solve_exactly
from planner.solve.exact.exact_widths import WidthModel, fits_width_model, least_widths, uncut_layout
from planner.solve.reduction.reduction import reduce_costs
from planner.solve.setup.blocks import candidate_blocks
from planner.solve.setup.control import Control
from planner.solve.setup.problem import Problem
from tests.builders import grid_workload, ragged_cluster

UPLINKS = (50e9, [100e9, 120e9, 60e9])
FAMILIES = [("tp", "all_gather", 1e9), ("dp", "all_reduce", 100e6), ("pp", "path", 128e6)]


def ragged(**options):
    """Three racks of unequal nodes with a GPU down and unequal uplinks."""
    nested = [[4, 4, 4, 4, 4, 3], [4, 4, 4, 4, 4], [4, 4, 4, 4, 4, 4]]
    return ragged_cluster(nested, uplinks=UPLINKS, down=(3,), **options)


@pytest.mark.usefixtures("short_walks")
@pytest.mark.parametrize("objective", list(Objective))
def test_proves_what_is_too_large_rank_by_rank(objective):
    """Sixty ranks that rules keep in whole tensor groups are proven optimal for every objective."""
    job = grid_workload(tp=4, pp=3, dp=5, keep={"tp": "node"}, families=FAMILIES)
    result = solve(ragged(), job, objective=objective, time_limit_s=60)
    assert result.status is Status.OPTIMAL
    assert check(result.placement).ok


@pytest.mark.parametrize("seed", range(12))
def test_agrees_with_the_model_of_ranks(seed):
    """On small grids both exact models reach the same optimum, for every objective."""
    rng = np.random.default_rng(seed)
    rooms = [[int(rng.integers(1, 4)) for _ in range(2)] for _ in range(2)]
    cluster = ragged_cluster(rooms, uplinks=(float(rng.integers(1, 5)), float(rng.integers(1, 5))))
    stages = int(rng.integers(1, 4))
    if (replicas := cluster.gpus // stages) == 0:
        stages, replicas = 1, cluster.gpus
    payloads = rng.integers(1, 9, 2).tolist()
    job = grid_workload(
        pp=stages, dp=replicas, families=[("dp", "all_reduce", payloads[0]), ("pp", "path", payloads[1])]
    )
    for objective in Objective:
        problem = Problem(cluster, job, objective, cluster.gpu_in_service)
        blocks = candidate_blocks(job.mesh)[-1]
        layout, costs = uncut_layout(problem, blocks), reduce_costs(job.families, blocks)
        assert fits_width_model(problem, layout, costs)
        widths = WidthModel(problem, layout, costs).solve(Control(30), 30)
        ranks = solve_exactly(problem, Control(30), 30)
        assert widths.proven
        assert ranks.proven
        assert widths.bound == pytest.approx(ranks.bound, rel=1e-9, abs=1e-12)


def test_no_layout_where_cells_may_be_cut():
    """A placement may cut tensor groups that no rule keeps, so widths of whole ones prove nothing."""
    job = grid_workload(tp=4, pp=3, dp=5, families=FAMILIES)
    cluster = ragged()
    problem = Problem(cluster, job, Objective.WEIGHTED, cluster.gpu_in_service)
    whole, single = candidate_blocks(job.mesh)
    assert uncut_layout(problem, whole) is None
    assert uncut_layout(problem, single) is not None


def test_single_ranks_with_tensor_groups_only_bound():
    """Cells of one rank leave the tensor groups' traffic a lower bound: no proof is claimed from them."""
    job = grid_workload(tp=4, pp=3, dp=5, families=FAMILIES)
    costs = reduce_costs(job.families, candidate_blocks(job.mesh)[-1])
    assert not costs.exact


def in_line(layout, costs):
    """Width vectors that fill the domains one after the other, stage by stage."""
    stage = np.repeat(np.arange(costs.stages), costs.replicas)
    domain = np.repeat(np.arange(len(layout.room)), layout.room)[: len(stage)]
    rows = [np.bincount(domain[stage == p], minlength=len(layout.room)) for p in range(costs.stages)]
    return np.stack(rows, axis=1).astype(np.int32)


def searched(payload, start=None, objective=Objective.WEIGHTED, limit_s=60.0):
    """The problem, the least widths found, and the start that was used."""
    cluster = ragged_cluster([[3, 2], [2, 3]], uplinks=(3.0, 1.0))
    job = grid_workload(dp=3, pp=3, families=[("dp", "all_reduce", 1.0), ("pp", "path", payload)])
    problem = Problem(cluster, job, objective, cluster.gpu_in_service)
    blocks = candidate_blocks(job.mesh)[-1]
    layout, costs = uncut_layout(problem, blocks), reduce_costs(job.families, blocks)
    start = None if start is None else start(layout, costs)
    control = Control(limit_s, workers=1)
    found = least_widths(problem, layout, costs, start, np.zeros(len(cluster.tiers)), control, limit_s)
    return problem, found


@pytest.mark.parametrize("objective", list(Objective))
@pytest.mark.parametrize("payload", [9.0, 9.25])
@pytest.mark.parametrize("start", [None, in_line])
def test_least_widths_by_either_model(payload, start, objective):
    """Whole payloads or not, with a start or without: what is proven is what the model of ranks proves."""
    problem, found = searched(payload, start, objective)
    ranks = solve_exactly(problem, Control(60.0, workers=1), 60.0)
    assert found.proven
    assert found.complete
    assert ranks.proven
    assert found.bound == pytest.approx(ranks.bound, rel=1e-6)


def test_least_widths_are_none_where_no_model_fits(monkeypatch):
    """A job too large for both models is left alone."""
    monkeypatch.setattr("planner.solve.exact.exact_widths.MOST_WIDTHS", 1)
    assert searched(9.25, in_line)[1] is None
