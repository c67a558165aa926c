"""Seats inside nodes that keep bytes on their rail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.placement.placement import Objective
from planner.placement.rails import rail_changes
from planner.solve import solve
from planner.solve.control import Control
from planner.solve.problem import Problem
from planner.solve.rail_seats import keep_rails
from tests.builders import claimed, grid_cluster, grid_workload, ragged_cluster


def reseated(cluster, workload, gpus):
    """Bytes that change rail before and after, and the seats after."""
    problem = Problem(cluster, workload, Objective.WEIGHTED, cluster.gpu_in_service)
    after = keep_rails(problem, np.asarray(gpus, np.int32), Control(60.0))
    changed = [
        sum(each.changed_bytes for each in rail_changes(claimed(cluster, workload, seats), proof=False))
        for seats in (gpus, after)
    ]
    return *changed, after


def test_pairs_of_stages_are_turned_round():
    """Nodes of stages 0 and 1, 2 and 3, 4 and 5: every second node swaps its halves, and all is kept."""
    families = [("pp", "path", 4), ("dp", "all_reduce", 1)]
    workload = grid_workload(tp=4, dp=5, pp=6, order=("tp", "cp", "ep", "pp", "dp"), families=families)
    before, after, _ = reseated(grid_cluster(15, 8, nics=8), workload, np.arange(120))
    assert before == 5 * 2 * 4 * 4
    assert after == 0


def test_seats_that_change_nothing_stay():
    """Where no byte changes rail the placement is returned as it is."""
    workload = grid_workload(tp=4, pp=2, families=[("pp", "path", 10)])
    gpus = np.arange(8, dtype=np.int32)
    assert reseated(grid_cluster(2, 4, nics=4), workload, gpus)[2] is gpus


def test_a_free_gpu_on_the_right_rail_is_taken():
    """Of a node with room to spare another GPU is used."""
    workload = grid_workload(dp=2, families=[("dp", "all_reduce", 10)])
    before, after, _ = reseated(grid_cluster(2, 4, nics=4), workload, [0, 7])
    assert (before, after) == (20, 0)


@pytest.mark.parametrize("seed", range(12))
def test_nobody_leaves_a_node_and_nothing_gets_worse(seed):
    """On random rails, failures, seats and payloads."""
    random = np.random.default_rng(seed)
    cluster = ragged_cluster([[4, 6, 5], [6, 3, 6]], down=(2, 11), boundary=seed % 2)
    cluster = replace(cluster, gpu_rail=random.integers(0, 4, cluster.gpus).astype(np.int32))
    families = [("pp", "ring" if seed % 3 else "path", 3), ("dp", "all_reduce", 2), ("tp", "all_to_all", 1)]
    workload = grid_workload(tp=2, dp=3, pp=4, families=families)
    gpus = random.permutation(np.flatnonzero(cluster.gpu_in_service))[:24].astype(np.int32)
    before, after, seats = reseated(cluster, replace(workload, families=workload.families[:2]), gpus)
    assert after <= before
    assert (cluster.gpu_node[seats] == cluster.gpu_node[gpus]).all()
    assert len(set(seats.tolist())) == len(seats)
    assert cluster.gpu_in_service[seats].all()


def test_a_solved_placement_keeps_its_rails(monkeypatch):
    """The solver changes seats last: fewer bytes change rail than without, and no tier's bytes differ."""
    families = [("tp", "all_reduce", 40), ("pp", "path", 4), ("dp", "all_reduce", 1)]
    workload = grid_workload(tp=6, dp=5, pp=4, families=families)
    cluster = grid_cluster(17, 8, nics=8, uplinks=(1.0,))
    changed, claims = [], []
    for seats in (keep_rails, lambda _problem, gpu_of_rank, _control: gpu_of_rank):
        monkeypatch.setattr("planner.solve.run.keep_rails", seats)
        placement = solve(cluster, workload, time_limit_s=1.0, deterministic=True, workers=1).placement
        changed.append(sum(each.changed_bytes for each in rail_changes(placement, proof=False)))
        claims.append(placement.claims)
    assert changed[0] < changed[1] / 2
    assert claims[0] == claims[1]
