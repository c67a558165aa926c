"""Which replicas stop, against every choice there is."""

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
from planner.repair.stay import most_stay
from planner.repair.task import Task
from tests.builders import grid_cluster, grid_workload

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
    chosen = drop(task, levels_of(task.cluster, task.workload), remaining, weights)
    every = [moves_of(task, each, job) for each in combinations(range(units), remaining)]
    assert moves_of(task, chosen.units, job) == min(every)
    assert chosen.least_moves <= min(every)
    if name != "pairs of pairs":
        assert chosen.least_moves == min(every)
