"""Seats inside nodes that keep bytes on their rail."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest

from planner.placement.placement import Objective
from planner.placement.rails import rail_changes
from planner.placement.recount import recount
from planner.solve import solve
from planner.solve.seats import rail_seats
from planner.solve.seats.rail_seats import keep_rails, time_for_rails
from planner.solve.setup.control import Control
from planner.solve.setup.problem import Problem
from tests.builders import claimed, grid_cluster, grid_workload, ragged_cluster


def reseated(cluster, workload, gpus):
    """Bytes that change rail before and after, and the seats after."""
    problem = Problem(cluster, workload, Objective.WEIGHTED, cluster.gpu_in_service)
    after = keep_rails(problem, np.asarray(gpus, np.int32), Control(60.0))
    changed = [
        rail_changes(claimed(cluster, workload, seats), proof=False).changed_bytes for seats in (gpus, after)
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
def test_no_tier_notices_and_nothing_gets_worse(seed):
    """On random rails, failures, seats and payloads."""
    random = np.random.default_rng(seed)
    cluster = ragged_cluster([[4, 6, 5], [6, 3, 6]], down=(2, 11), boundary=seed % 2)
    cluster = replace(cluster, gpu_rail=random.integers(0, 4, cluster.gpus).astype(np.int32))
    families = [("pp", "ring" if seed % 3 else "path", 3), ("dp", "all_reduce", 2), ("tp", "all_to_all", 1)]
    workload = grid_workload(tp=2, dp=3, pp=4, families=families)
    gpus = random.permutation(np.flatnonzero(cluster.gpu_in_service))[:24].astype(np.int32)
    before, after, seats = reseated(cluster, replace(workload, families=workload.families[:2]), gpus)
    assert after <= before
    counts = [
        recount(workload.mesh, workload.families, [domain[each] for domain in cluster.domain_of_gpu])
        for each in (gpus, seats)
    ]
    for one, other in zip(*counts, strict=True):
        assert one.egress_bytes == pytest.approx(other.egress_bytes)
    assert len(set(seats.tolist())) == len(seats)
    assert cluster.gpu_in_service[seats].all()


@pytest.mark.parametrize("way", ["walk", "easy", "whole", "few"])
def test_a_lost_nic_pairs_lanes_anew(way, monkeypatch):
    """Two of a node's GPUs share a rail: seats of three nodes have to change together, which no swap does.

    Each of the other ways does it alone.
    """
    limits = {"easy": "EASY_SECONDS", "whole": "WHOLE_SECONDS", "few": "FREED_SECONDS"}
    for each, limit in limits.items():
        if each != way:
            monkeypatch.setattr(rail_seats, limit, 0.0)
    if way != "walk":
        monkeypatch.setattr(rail_seats, "walked_seats", lambda _problem, seats, *_: seats)
    families = [("pp", "path", 60), ("dp", "all_reduce", 50)]
    workload = grid_workload(tp=4, pp=2, dp=3, order=("tp", "pp", "dp", "cp", "ep"), families=families)
    cluster = grid_cluster(3, 8, nics=8)
    cluster.gpu_rail[16] = 1
    lanes, third = np.arange(4), np.arange(16, 24)
    gpus = np.concatenate((lanes, lanes + 8, lanes + 4, lanes + 12, third))
    before, after, _ = reseated(cluster, workload, gpus)
    assert (before, after) == (100, 0)


@pytest.mark.parametrize("seed", range(20))
def test_small_jobs_change_rail_no_more_than_any_seats(seed):
    """Against every way to seat a job of up to 11 ranks inside its nodes, counted by the checker's code.

    Replicas may exchange stages: in the nodes that they end in no seats are better.
    """
    random = np.random.default_rng(seed)
    cluster = ragged_cluster([3, 4, 4] if seed % 2 else [2, 3, 3, 3])
    cluster = replace(cluster, gpu_rail=random.integers(0, 3, cluster.gpus).astype(np.int32))
    families = [("pp", "ring" if seed % 3 else "path", int(random.integers(1, 9))), ("dp", "all_reduce", 2)]
    pp, dp = [(2, 5), (5, 2), (3, 3)][seed % 3]
    workload = grid_workload(dp=dp, pp=pp, families=families)
    gpus = random.permutation(cluster.gpus)[: pp * dp].astype(np.int32)
    _, after, seats = reseated(cluster, workload, gpus)
    assert after == pytest.approx(least_changed(cluster, workload, seats))


@pytest.mark.parametrize("seed", range(20))
def test_groups_of_several_ranks_a_node_are_linked_through_any_of_them(seed):
    """Against every way to seat, where nodes that have no rail in common are linked by a third."""
    random = np.random.default_rng(seed)
    cluster = ragged_cluster([2, 2, 2, 3])
    cluster = replace(cluster, gpu_rail=random.integers(0, 4, cluster.gpus).astype(np.int32))
    tp, dp = [(4, 2), (2, 4), (1, 8)][seed % 3]
    workload = grid_workload(tp=tp, dp=dp, families=[("dp", "all_reduce", 3), ("tp", "all_gather", 2)])
    gpus = random.permutation(cluster.gpus)[:8].astype(np.int32)
    _, after, _ = reseated(cluster, workload, gpus)
    assert after == pytest.approx(least_changed(cluster, workload, gpus))


def least_changed(cluster, workload, gpus):
    """The fewest bytes that change rail, over all seats of the same nodes; GPUs on one rail are alike."""
    nodes = [np.flatnonzero(cluster.gpu_node[gpus] == node) for node in range(cluster.gpu_node.max() + 1)]
    ways = []
    for node, ranks in enumerate(nodes):
        seats = permutations(np.flatnonzero(cluster.gpu_node == node).tolist(), len(ranks))
        ways.append(list({tuple(cluster.gpu_rail[list(way)]): way for way in seats}.values()))
    least, seated = np.inf, gpus.copy()
    for chosen in product(*ways):
        for ranks, way in zip(nodes, chosen, strict=True):
            seated[ranks] = way
        found = rail_changes(claimed(cluster, workload, seated), proof=False)
        least = min(least, found.changed_bytes)
    return least


def test_a_solved_placement_keeps_its_rails(monkeypatch):
    """The solver changes seats last: fewer bytes change rail than without, and no tier's bytes differ."""
    families = [("tp", "all_reduce", 40), ("pp", "path", 4), ("dp", "all_reduce", 1)]
    workload = grid_workload(tp=6, dp=5, pp=4, families=families)
    cluster = grid_cluster(17, 8, nics=8, uplinks=(1.0,))
    changed, claims = [], []
    for seats in (keep_rails, lambda _problem, gpu_of_rank, _control: gpu_of_rank):
        monkeypatch.setattr("planner.solve.run.keep_rails", seats)
        placement = solve(cluster, workload, time_limit_s=1.0, deterministic=True, workers=1).placement
        changed.append(rail_changes(placement, proof=False).changed_bytes)
        claims.append(placement.claims)
    assert changed[0] < changed[1] / 2
    assert claims[0] == claims[1]


def test_time_is_kept_where_rails_need_it():
    """None without rails and for the largest jobs; little where all nodes are alike, most for small jobs."""
    kept = []
    for cluster, dp in (
        (grid_cluster(160, 4), 640),
        (grid_cluster(160, 4, nics=4), 640),
        (grid_cluster(160, 4, nics=4, down=[5]), 639),
        (grid_cluster(160, 4, nics=4), 512),
        (grid_cluster(13_000, 4, nics=4), 50_004),
    ):
        workload = grid_workload(dp=dp, families=[("dp", "all_reduce", 1)])
        kept.append(time_for_rails(Problem(cluster, workload, Objective.WEIGHTED, cluster.gpu_in_service)))
    assert kept[0] == kept[4] == 0
    assert 0 < kept[1] < kept[2] < kept[3] < 0.5
