"""The free GPU nearest to each rank."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.placement.spares import free_gpus, nearest_spares
from planner.repair import Health, replan, with_health
from tests.builders import GPU, claimed, grid_cluster, grid_workload, ragged_cluster


def distance(cluster, one, other):
    """The innermost tier that holds both."""
    return next(tier for tier, domain in enumerate(cluster.domain_of_gpu) if domain[one] == domain[other])


def nearest_by_looking(placement, rank, first, last):
    """What `nearest_spares` promises of one rank, by looking at every free GPU."""
    cluster, own = placement.cluster, int(placement.gpu_of_rank[rank])
    best = None
    for gpu in np.flatnonzero(free_gpus(cluster, placement.gpu_of_rank)).tolist():
        tier = distance(cluster, own, gpu)
        if not first <= tier <= last:
            continue
        other_index = cluster.gpu_local[gpu] != cluster.gpu_local[own]
        wait = (gpu - own) % cluster.gpus
        key = (tier, other_index, wait, gpu)
        best = key if best is None else min(best, key)
    return -1 if best is None else best[3]


@st.composite
def jobs(draw):
    """A few ranks anywhere on a small cluster of uneven nodes, some GPUs out of service."""
    nested = draw(st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=3), min_size=1, max_size=3))
    gpus = sum(map(sum, nested))
    order = draw(st.permutations(range(gpus)))
    world = draw(st.integers(1, gpus))
    down = order[world : world + draw(st.integers(0, gpus - world))]
    keep = draw(st.sampled_from([None, {"dp": "rack"}, {"dp": "node"}]))
    cluster = ragged_cluster(nested, down=down)
    return claimed(cluster, grid_workload(dp=world, keep=keep), order[:world])


@given(jobs())
@settings(max_examples=150, deadline=None)
def test_nearest_is_found(placement):
    """As by looking at every free GPU, within the tier that a rule keeps the rank in."""
    found = nearest_spares(placement)
    world = len(placement.gpu_of_rank)
    confined = placement.workload.keep.get("dp") if world > 1 else None
    last = 2 if confined is None else placement.cluster.tier_index(confined)
    for rank in range(world):
        assert found.gpu[rank] == nearest_by_looking(placement, rank, 0, last)
        assert found.off_host[rank] == nearest_by_looking(placement, rank, 1, last)


def test_ranks_of_a_lost_host_get_different_ones():
    """Each that with its own index on a free host of the rack."""
    placement = claimed(grid_cluster(2, 3, 4), grid_workload(dp=4), range(4))
    found = nearest_spares(placement)
    assert found.off_host.tolist() == [4, 5, 6, 7]
    assert found.gpu.tolist() == [4, 5, 6, 7]


def test_a_spare_that_is_used_up_changes_little():
    """Only those who had it get another."""
    cluster = grid_cluster(4, 4)
    before = nearest_spares(claimed(cluster, grid_workload(dp=8), [0, 1, 4, 5, 8, 9, 12, 13])).gpu
    after = nearest_spares(claimed(cluster, grid_workload(dp=8), [2, 1, 4, 5, 8, 9, 12, 13])).gpu
    assert before.tolist() == [2, 2, 6, 6, 10, 10, 14, 14]
    assert after.tolist() == [3, 3, 6, 6, 10, 10, 14, 14]


def test_none_where_none_is_free():
    """A full cluster has no spare, nor one whose only free GPUs are of another model."""
    cluster = grid_cluster(2, 2)
    assert nearest_spares(claimed(cluster, grid_workload(dp=4), range(4))).gpu.tolist() == [-1] * 4
    mixed = replace(cluster, gpu_kinds=(GPU, replace(GPU, name="other")), gpu_kind=np.array([0, 1, 0, 1]))
    assert nearest_spares(claimed(mixed, grid_workload(dp=2), [0, 1])).gpu.tolist() == [2, 3]
    assert nearest_spares(claimed(mixed, grid_workload(dp=3), [0, 1, 2])).gpu.tolist() == [-1, 3, -1]


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
    assert repair.placement.gpu_of_rank[rank] == nearest_spares(placement).gpu[rank]
