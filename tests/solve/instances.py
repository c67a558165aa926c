"""Random tiny jobs: every kind of family, ragged clusters, GPUs down, rules, all objectives."""

from __future__ import annotations

import numpy as np

from planner.workload.mesh import Mesh
from tests.builders import grid_workload, ragged_cluster

SHAPES = [
    (1, 1, 1, 2, 2), (1, 1, 1, 4, 2), (1, 1, 1, 2, 4), (1, 1, 1, 3, 2), (1, 1, 2, 4, 1), (1, 1, 2, 4, 2),
    (2, 1, 1, 2, 2), (2, 1, 1, 1, 4), (2, 2, 1, 2, 1), (1, 2, 1, 2, 2), (1, 2, 2, 2, 2), (1, 2, 4, 2, 2),
    (2, 1, 2, 2, 2), (1, 1, 1, 7, 1), (1, 1, 1, 1, 7), (1, 1, 1, 2, 3), (1, 3, 3, 1, 2), (4, 1, 1, 1, 2),
    (1, 1, 4, 4, 2), (2, 1, 1, 3, 1),
]  # fmt: skip
CLUSTERS = [
    [4, 4], [2, 2, 2, 2], [[2, 2], [2, 2]], [3, 3, 2], [[1, 1], [2, 2], [2]], [8], [5, 3], [[4], [2, 2]],
    [[[1, 1], [1, 1]], [[1, 1], [1, 1]]], [[2, 1], [3, 2]], [1, 7], [[3, 2], [3]],
]  # fmt: skip
KINDS = ["all_reduce", "all_gather", "reduce_scatter", "broadcast", "all_to_all", "path", "ring"]
OBJECTIVES = ["weighted", "cross_node", "bottleneck"]


def random_instance(seed):
    """A random (cluster, workload, objective) of at most 8 GPUs."""
    rng = np.random.default_rng(seed)
    cluster = _random_cluster(rng)
    room = int(cluster.gpu_in_service.sum())
    shapes = [s for s in SHAPES if s[0] * s[1] * s[3] * s[4] <= room]
    tp, cp, ep, dp, pp = shapes[int(rng.integers(len(shapes)))]
    mesh = Mesh(tp, cp, ep, dp, pp)
    families = _random_families(rng, mesh)
    keep = {}
    if rng.random() < 0.25:
        axis = str(rng.choice([a for a in ("tp", "cp", "ep", "dp", "pp") if mesh.degree(a) > 1] or ["tp"]))
        keep[axis] = str(rng.choice([t.name for t in cluster.tiers[:-1]] or ["cluster"]))
    job = grid_workload(tp=tp, cp=cp, ep=ep, dp=dp, pp=pp, families=families, keep=keep)
    return cluster, job, str(rng.choice(OBJECTIVES))


def _random_cluster(rng):
    nested = CLUSTERS[int(rng.integers(len(CLUSTERS)))]
    flat = ragged_cluster(nested)
    uplinks = [
        None
        if rng.random() < 0.2
        else rng.integers(1, 9, tier.domains).astype(float)
        if rng.random() < 0.5
        else float(rng.integers(1, 9))
        for tier in flat.tiers[:-1]
    ]
    down = sorted(rng.choice(flat.gpus, int(rng.integers(0, 3)), replace=False).tolist())
    return ragged_cluster(nested, uplinks=uplinks, down=down)


def _random_families(rng, mesh):
    axes = [("tp",), ("cp",), ("dp",), ("pp",), ("cp", "dp")]
    axes += [("ep",), ("edp",)] if mesh.ep > 1 else []
    families = []
    for each in axes:
        size = int(np.prod([mesh.degree(axis) for axis in each]))
        if size == 1 or rng.random() < 0.35:
            continue
        kind = str(rng.choice(KINDS))
        count = {"path": mesh.pp - 1, "ring": mesh.pp}.get(kind, 1) if each == ("pp",) else mesh.pp
        scale = 1.0 if rng.random() < 0.7 else 0.37
        families.append((each, kind, tuple((rng.integers(0, 9, count) * scale).tolist())))
    return families
