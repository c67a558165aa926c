"""Small random jobs whose hardware fails."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from planner.placement.placement import Objective
from planner.repair.task import Task
from tests.builders import grid_workload, ragged_cluster
from tests.repair.brute_force import placements

CLUSTERS = [
    ([[2, 2], [2, 2]], (10e9, 20e9)),
    ([[4, 4]], (10e9,)),
    ([[2, 1], [2, 3]], (8e9, 5e9)),
    ([[3, 3], [2]], (None, 7e9)),
]
FAMILIES = {
    "tp": ("tp", "all_reduce", 8.0),
    "pp": ("pp", "path", 3.0),
    "dp": ("dp", "all_reduce", 2.0),
    "ep": ("ep", "all_to_all", 1.0),
}
MESHES = [
    ({"tp": 2, "pp": 3}, {"tp": "node"}),
    ({"tp": 2, "dp": 3}, {"tp": "rack"}),
    ({"pp": 2, "dp": 3}, {}),
    ({"dp": 6, "ep": 3}, {"ep": "rack"}),
    ({"pp": 2, "dp": 2}, {"pp": "node"}),
    ({"tp": 2, "dp": 2}, {"tp": "node", "dp": "rack"}),
    ({"pp": 3, "dp": 2}, {"dp": "node"}),
    ({"dp": 5}, {}),
]


def tasks(seed, count, failing=2):
    """Random tasks: a job on some rule-abiding placement of which up to `failing` GPUs fail."""
    random = np.random.default_rng(seed)
    found = []
    while len(found) < count:
        nested, uplinks = CLUSTERS[random.integers(len(CLUSTERS))]
        cluster = ragged_cluster(nested, uplinks=uplinks)
        axes, keep = MESHES[random.integers(len(MESHES))]
        families = [FAMILIES[axis] for axis in FAMILIES if axis in axes]
        job = grid_workload(**axes, families=families, keep=keep)
        if job.mesh.world_size > cluster.gpus - 1:
            continue
        task = Task(cluster, job, Objective.WEIGHTED, cluster.gpu_in_service, np.zeros(0, np.int32))
        task = replace(task, before=np.full(job.mesh.world_size, -1, np.int32))
        tables = placements(task)
        if not len(tables):
            continue
        before = tables[random.integers(len(tables))]
        alive = cluster.gpu_in_service.copy()
        alive[random.choice(cluster.gpus, random.integers(1, failing + 1), replace=False)] = False
        failed = replace(cluster, gpu_in_service=alive)
        found.append(Task(failed, job, Objective.WEIGHTED, alive, before.astype(np.int32)))
    return found
