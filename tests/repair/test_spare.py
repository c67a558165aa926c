"""The spare of every rank."""

from __future__ import annotations

import numpy as np
import pytest

from planner.repair.run import replan
from planner.repair.service import Health, with_health
from planner.repair.spare import spare_of_ranks
from tests.builders import claimed, grid_cluster, grid_workload


def test_nearest_first():
    """In the node where there is one, else in the rack, else anywhere."""
    cluster = grid_cluster(2, 2, 4, nics=4)
    job = grid_workload(dp=11, families=[("dp", "all_reduce", 1.0)])
    gpus = [0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11]
    spare = spare_of_ranks(claimed(cluster, job, gpus))
    assert spare[:3].tolist() == [3, 3, 3]
    assert spare[3:7].tolist() == [3, 3, 3, 3]
    assert spare[7:].tolist() == [12, 13, 14, 15]


def test_bound_ranks_go_together():
    """Where a rule keeps a rank in a full node, its spare is a seat in one with room for all."""
    cluster = grid_cluster(2, 2, 4)
    job = grid_workload(tp=4, dp=2, families=[("tp", "all_reduce", 1.0)], keep={"tp": "node"})
    spare = spare_of_ranks(claimed(cluster, job, [0, 1, 2, 3, 8, 9, 10, 11]))
    assert spare.tolist() == [4, 5, 6, 7, 12, 13, 14, 15]


def test_none():
    """A full cluster has none."""
    cluster = grid_cluster(2, 4)
    job = grid_workload(dp=8, families=[("dp", "all_reduce", 1.0)])
    assert (spare_of_ranks(claimed(cluster, job, np.arange(8))) == -1).all()


@pytest.mark.parametrize("rank", [0, 5, 9])
def test_it_is_where_replan_goes(rank):
    """With one spare a node, a rank that fails goes to its spare."""
    cluster = grid_cluster(2, 2, 4, nics=4, uplinks=(200e9, 100e9))
    job = grid_workload(dp=12, families=[("dp", "all_reduce", 1.0)])
    gpus = [g for g in range(16) if g % 4 != 3]
    placement = claimed(cluster, job, gpus)
    node, local = divmod(gpus[rank], 4)
    failed = with_health(cluster, Health(down=[f"r0{node // 2}/n0{node % 2}/gpu{local}"]))
    repair = replan(placement, failed)
    assert repair.moved.tolist() == [rank]
    assert repair.placement.gpu_of_rank[rank] == spare_of_ranks(placement)[rank]
