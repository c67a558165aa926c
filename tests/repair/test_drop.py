"""Which replicas stop, against every choice there is and every placement."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from planner.placement.crossing import crossing_weights
from planner.placement.placement import Objective
from planner.repair.drop import drop
from planner.repair.resize import Resize, fewer_replicas
from planner.repair.rules import levels_of
from planner.repair.run import replan
from planner.repair.stay import most_stay
from planner.repair.task import Task
from tests.builders import claimed, grid_cluster, grid_workload, ragged_cluster
from tests.repair.brute_force import fewest_moves, least_value, placements
from tests.repair.jobs import CLUSTERS
from tests.repair.jobs import FAMILIES as TRAFFIC

JOBS = {
    "free": ({"pp": 2, "dp": 6}, {}),
    "pairs in nodes": ({"tp": 2, "dp": 6}, {"tp": "node"}),
    "experts in nodes": ({"dp": 12, "ep": 4}, {"ep": "node"}),
    "pairs of pairs": ({"tp": 2, "dp": 6, "ep": 2}, {"tp": "node", "ep": "rack"}),
}
FAMILIES = [("pp", "path", 3.0), ("dp", "all_reduce", 2.0)]


def broken(name, seed):
    """A full cluster of twelve GPUs of which a few fail, and the job on it."""
    axes, keep = JOBS[name]
    families = [each for each in FAMILIES if each[0] in axes]
    job = grid_workload(**axes, families=families, keep=keep)
    cluster = grid_cluster(1, 3, 4, uplinks=(10e9,)) if name != "pairs of pairs" else grid_cluster(3, 1, 4)
    random = np.random.default_rng(seed)
    alive = np.ones(12, np.bool_)
    alive[random.choice(12, random.integers(1, 4), replace=False)] = False
    cluster = replace(cluster, gpu_in_service=alive)
    before = np.arange(12, dtype=np.int32)
    if not keep:
        before = random.permutation(12).astype(np.int32)
    return Task(cluster, job, Objective.WEIGHTED, alive, before)


def moves_of(task, units, job):
    """The fewest moves with these units going on."""
    old_rank = Resize(job, np.asarray(units, np.int32)).old_rank(task.workload.mesh)
    smaller = replace(task, workload=job, before=task.before[old_rank])
    stay = most_stay(smaller, levels_of(task.cluster, job))
    return smaller.ranks - stay.most


@pytest.mark.parametrize("name", JOBS)
@pytest.mark.parametrize("seed", range(5))
def test_fewest_moves_of_any_choice(name, seed):
    """The units that go on move as few ranks as any, and the bound says so."""
    task = broken(name, seed)
    job = fewer_replicas(task.workload, task.cluster, task.available)
    assert job is not None
    mesh = task.workload.mesh
    units, remaining = (each.mesh.dp // mesh.dp_unit for each in (task.workload, job))
    weights = crossing_weights(task.cluster, task.objective)
    levels, then = (levels_of(task.cluster, each) for each in (task.workload, job))
    chosen = drop(task, levels, then, remaining, weights)
    every = [moves_of(task, each, job) for each in combinations(range(units), remaining)]
    assert moves_of(task, chosen.units, job) == min(every)
    assert chosen.least_moves <= min(every)
    if name != "pairs of pairs":
        assert chosen.least_moves == min(every)


SMALL_JOBS = [
    ({"tp": 2, "dp": 3}, {"dp": "rack"}),
    ({"pp": 3, "dp": 2}, {"pp": "cluster", "dp": "cluster"}),
    ({"dp": 4, "ep": 2}, {"ep": "node", "dp": "rack"}),
    ({"dp": 7}, {"dp": "cluster"}),
    ({"tp": 2, "dp": 3}, {"tp": "node"}),
    ({"pp": 3, "dp": 2}, {"dp": "node"}),
]


def shrunk(seed):
    """A random job with fewer replicas than before: its repair, and a task for each choice of them."""
    random = np.random.default_rng(seed)
    while True:
        nested, uplinks = CLUSTERS[random.integers(len(CLUSTERS))]
        cluster = ragged_cluster(nested, uplinks=uplinks)
        axes, keep = SMALL_JOBS[random.integers(len(SMALL_JOBS))]
        job = grid_workload(**axes, families=[TRAFFIC[axis] for axis in TRAFFIC if axis in axes], keep=keep)
        unplaced = np.full(job.mesh.world_size, -1, np.int32)
        tables = placements(Task(cluster, job, Objective.WEIGHTED, cluster.gpu_in_service, unplaced))
        if not len(tables):
            continue
        before = claimed(cluster, job, tables[random.integers(len(tables))])
        alive = cluster.gpu_in_service.copy()
        alive[random.choice(cluster.gpus, 3, replace=False)] = False
        failed = replace(cluster, gpu_in_service=alive)
        for units in range(job.mesh.dp // job.mesh.dp_unit, 0, -1):
            tasks = list(choices(before, failed, units))
            if len(placements(tasks[0])):
                break
        else:
            continue
        if units < job.mesh.dp // job.mesh.dp_unit:
            return replan(before, failed), tasks


def choices(before, cluster, units):
    """A task for each choice of so many units of those that there were."""
    mesh = before.workload.mesh
    smaller = replace(before.workload, mesh=replace(mesh, dp=units * mesh.dp_unit))
    for chosen in combinations(range(mesh.dp // mesh.dp_unit), units):
        old = Resize(smaller, np.array(chosen, np.int32)).old_rank(mesh)
        gpus = before.gpu_of_rank[old]
        yield Task(cluster, smaller, before.claims.objective, cluster.gpu_in_service, gpus)


@pytest.mark.parametrize("seed", range(25))
def test_against_every_placement(seed):
    """As many go on as can; none moves fewer than the bound says, and what is said to be cheapest is so."""
    repair, tasks = shrunk(seed)
    assert repair.placement.workload.mesh == tasks[0].workload.mesh
    fewest = min(fewest_moves(task) for task in tasks)
    assert repair.moved_lower_bound <= fewest <= len(repair.moved)
    if repair.cheapest:
        most = len(repair.moved)
        least = min(least_value(task, most) for task in tasks if fewest_moves(task) <= most)
        assert repair.placement.claims.value <= least * (1 + 1e-9)
