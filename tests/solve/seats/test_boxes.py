"""Boxes of stages by replicas: they cover all cells, keep rooms, and send what is predicted."""

from __future__ import annotations

import numpy as np
import pytest

from planner.placement.crossing import measure
from planner.placement.placement import Objective
from planner.solve.reduction.reduction import reduce_costs
from planner.solve.seats.boxes import box_sizes, boxed_homes
from planner.solve.seats.realize import seat_ranks, widths_of
from planner.solve.setup.blocks import candidate_blocks
from planner.solve.setup.feasible import rules_hold
from planner.solve.setup.problem import Problem, lay_out
from tests.builders import grid_workload, ragged_cluster

FAMILIES = [("pp", "path", 1.0), ("dp", "all_reduce", 1.0)]


def boxed(nested, uplinks, **degrees):
    """Problem, layout, costs and homes of a job."""
    cluster = ragged_cluster(nested, uplinks=uplinks)
    job = grid_workload(**degrees, families=FAMILIES)
    problem = Problem(cluster, job, Objective.BOTTLENECK, cluster.gpu_in_service)
    blocks = candidate_blocks(job.mesh)[0]
    layout, costs = lay_out(problem, blocks), reduce_costs(job.families, blocks)
    return problem, layout, costs, list(boxed_homes(problem, layout, costs))


@pytest.mark.parametrize(
    ("nested", "uplinks", "degrees"),
    [
        ([8] * 30, (1.0,), {"pp": 6, "dp": 12}),
        ([[4] * 9] * 12, (None, 1.0), {"pp": 6, "dp": 20}),
        ([[4, 3, 4], [4, 4], [2, 4, 4]] * 4, (1.0, 1.0), {"pp": 5, "dp": 7}),
        ([8, 6, 8, 5] * 6, (1.0,), {"tp": 2, "pp": 3, "dp": 8}),
    ],
)
def test_all_cells_have_seats(nested, uplinks, degrees):
    """No domain holds more than it has room for, every rank has a GPU of its own, and rules hold."""
    problem, layout, _, homes = boxed(nested, uplinks, **degrees)
    assert len(homes) >= 4
    for home in homes:
        assert (widths_of(home, len(layout.room)).sum(axis=1) <= layout.room).all()
        gpus = seat_ranks(problem, layout, home)
        assert len(set(gpus.tolist())) == problem.workload.mesh.world_size
        assert rules_hold(problem, gpus)


def test_domains_send_what_is_predicted():
    """Boxes of one tier of equal nodes: the busiest uplink is as busy as the best size says."""
    problem, layout, costs, homes = boxed([8] * 40, (1.0,), pp=6, dp=12)
    best = min(each.sent for each in box_sizes(costs, layout.room))
    found = [
        measure(problem.cluster, problem.workload, seat_ranks(problem, layout, home)).bottleneck_s
        for home in homes
    ]
    assert min(found) == pytest.approx(best)


def test_no_boxes_where_nothing_is_limited():
    """Without an uplink that limits there is nothing to keep free."""
    *_, homes = boxed([[4] * 4] * 4, (None, None), pp=2, dp=8)
    assert homes == []


def test_sizes_fit():
    """Every size has domains enough with room for its boxes, and the fewest replicas a box that do."""
    *_, costs, _ = boxed([8] * 40, (1.0,), pp=6, dp=12)
    room = np.asarray([8] * 20 + [5] * 10)
    for size in box_sizes(costs, room):
        tallest = -(-6 // size.bands)
        assert size.columns == -(-12 // size.replicas)
        assert (room >= tallest * size.replicas).sum() >= size.bands * size.columns
        fewer = size.replicas - 1
        if fewer:
            assert (room >= tallest * fewer).sum() < size.bands * -(-12 // fewer)
