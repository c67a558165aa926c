"""The same job with other numbers of replicas."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.errors import InputError
from planner.repair.resize import Resize, fewer_replicas, has_room, resized, room_made, unit_of_rank
from planner.workload.load import build_workload, load_workload
from planner.workload.mesh import Mesh
from tests.builders import grid_cluster, grid_workload


def test_units_hold_whole_expert_groups():
    """With ep 4 over cp 2, two data-parallel indices come and go together; without experts, one."""
    assert Mesh(cp=2, ep=4, dp=6).dp_unit == 2
    assert Mesh(dp=6).dp_unit == 1
    assert Mesh(ep=3, dp=6).dp_unit == 3
    assert Mesh(ep=3, dp=6, rank_order=("tp", "dp", "cp", "ep", "pp")).dp_unit == 3


def test_the_batch_goes_with_the_replicas():
    """Each replica keeps its microbatches; or the batch stays, where it divides."""
    job = load_workload("llama-70b-32")
    dp, batch = job.mesh.dp, job.description["batch"]["global"]
    half = resized(job, dp // 2)
    assert half.mesh.dp == dp // 2
    assert half.description["batch"]["global"] == batch // 2
    assert resized(job, dp // 2, keep_batch=True).description["batch"]["global"] == batch
    assert resized(job, dp) is job
    with pytest.raises(InputError):
        resized(job, 3, keep_batch=True)


def test_what_memory_stages_need_is_kept():
    """Of a served model the description does not say it."""
    traffic = {"dp": {"kind": "all_reduce", "bytes": "1 GB"}}
    described = {"format_version": 1, "name": "served", "parallelism": {"dp": 4}, "traffic": traffic}
    served = replace(build_workload(described, "served"), memory_bytes=(5e9,))
    assert resized(served, 3).memory_bytes == (5e9,)


def test_ranks_are_found_again():
    """Unit 2 takes the number of unit 0, the new unit has no rank before."""
    old, new = Mesh(tp=2, dp=3, pp=2), grid_workload(tp=2, dp=3, pp=2)
    found = Resize(new, np.array([2, 1, -1], np.int32)).old_rank(old)
    assert found.tolist() == [4, 5, 2, 3, -1, -1, 10, 11, 8, 9, -1, -1]
    assert unit_of_rank(old).tolist() == [0, 0, 1, 1, 2, 2] * 2


@pytest.mark.parametrize(
    ("axes", "keep", "dp"),
    [
        ({"tp": 2, "dp": 8}, {}, 7),
        ({"tp": 4, "dp": 4}, {"tp": "node"}, 3),
        ({"dp": 16, "ep": 4}, {"ep": "node"}, 12),
        ({"pp": 2, "dp": 8}, {"dp": "rack"}, 7),
    ],
)
def test_as_many_as_there_is_room_for(axes, keep, dp):
    """On sixteen GPUs of which one is out of service."""
    cluster = grid_cluster(2, 2, 4, down=[5])
    job = grid_workload(**axes, families=[("dp", "all_reduce", 1.0)], keep=keep)
    assert not has_room(job, cluster, cluster.gpu_in_service)
    smaller = fewer_replicas(job, cluster, cluster.gpu_in_service)
    assert smaller.mesh.dp == dp
    assert has_room(smaller, cluster, cluster.gpu_in_service)


def test_none():
    """A group larger than any node."""
    cluster = grid_cluster(2, 4)
    job = grid_workload(tp=8, families=[("tp", "all_reduce", 1.0)], keep={"tp": "node"})
    assert fewer_replicas(job, cluster, cluster.gpu_in_service) is None


@pytest.mark.parametrize("keep", [{}, {"tp": "node"}, {"dp": "rack"}], ids=["free", "tp", "dp"])
def test_room_that_returns(keep):
    """What is told is the largest job there is room for, where that was not so before and is not the job."""
    whole = grid_cluster(2, 3, 4)
    job = grid_workload(tp=2, dp=4, keep=keep)

    def without(*gpus):
        return replace(whole, gpu_in_service=~np.isin(np.arange(whole.gpus), gpus))

    def most(cluster):
        sizes = [replace(job, mesh=replace(job.mesh, dp=dp)) for dp in range(1, 13)]
        fitting = [each.mesh.dp for each in sizes if has_room(each, cluster, cluster.gpu_in_service)]
        return max(fitting, default=0)

    told = set()
    for before, after in [
        (without(0), whole),
        (without(*range(12)), without(0)),
        (without(*range(20)), without(*range(16))),
        (without(0, 1), without(0)),
        (whole, without(0)),
        (whole, whole),
    ]:
        grew = (after.gpu_in_service & ~before.gpu_in_service).any()
        room = most(after) if grew and most(after) > max(4, most(before)) else None
        assert room_made(job, before, after, after.gpu_in_service) == room
        told.add(room)
    assert len(told) > 1
