"""Small fleets for tests, without any file, and as files."""

from __future__ import annotations

import numpy as np

from planner.fleet.fleet import Fleet, Job
from planner.fleet.rules import PinRule, TierRule
from planner.fleet.sizes import Sizes
from planner.workload.load import build_workload
from tests.builders import grid_workload, ragged_cluster

NESTED = [
    [[2, 2], [2, 2]], [[3, 1], [2, 2]], [[2, 2], [2], [2, 2]], [4, 4], [2, 2, 2, 2], [[2, 1], [2, 2]],
    [[4], [2, 2]],
]  # fmt: skip
SHAPES = [(1, 2, 1), (1, 4, 1), (1, 2, 2), (2, 1, 1), (2, 1, 2), (2, 2, 1), (1, 1, 3), (1, 3, 1), (1, 1, 2)]


def job(name, workload, priority=1.0, running=None):
    """A job of one size."""
    return Job(name, priority, Sizes(workload, "dp", [workload.mesh.dp]), running)


def elastic(name, workload, values, priority=1.0):
    """A job of several sizes; its workload has a description to make others of."""
    return Job(name, priority, Sizes(workload, "dp", values))


def described(dp=1, tp=1, pp=1, name="described", **more):
    """A workload given by its traffic, as a file would give it."""
    traffic = {"tp": 40.0, "dp": 7.0, "pp": 3.0}
    kinds = {"tp": "all_reduce", "dp": "all_reduce", "pp": "p2p"}
    return build_workload(
        {
            "format_version": 1,
            "name": name,
            "parallelism": {"tp": tp, "dp": dp, "pp": pp},
            "traffic": {axis: {"kind": kinds[axis], "bytes": size} for axis, size in traffic.items()},
            **more,
        }
    )


def fleet(*jobs, rules=()):
    """A fleet of jobs."""
    return Fleet("fleet", tuple(jobs), tuple(rules))


def tier_rule(kind, jobs, tier):
    """A rule between jobs on a tier given by its index."""
    return TierRule(kind, tuple(jobs), tier, f"{kind}: {list(jobs)} by tier {tier}")


def pin(job_index, cluster, gpus):
    """A rule that keeps a job on some GPUs."""
    chosen = np.zeros(cluster.gpus, np.bool_)
    chosen[list(gpus)] = True
    return PinRule(job_index, ("chosen",), chosen)


def random_instance(seed, jobs=2):
    """A cluster of ten GPUs at most, (workload, priority) of each job, rules as `best_value` takes them."""
    rng = np.random.default_rng(seed)
    nested = NESTED[int(rng.integers(len(NESTED)))]
    flat = ragged_cluster(nested)
    uplinks = [float(rng.integers(1, 9)) for _ in flat.tiers[:-1]]
    down = [int(rng.integers(flat.gpus))] if rng.random() < 0.4 else []
    cluster = ragged_cluster(nested, uplinks=uplinks, down=down)
    made = [_random_job(rng) for _ in range(jobs)]
    tier = int(rng.integers(len(cluster.tiers) - 1))
    kind = str(rng.choice(["apart", "together"]))
    rules = [(kind, (0, 1), tier)] if rng.random() < 0.5 else []
    return cluster, made, rules


def _random_job(rng):
    tp, dp, pp = SHAPES[int(rng.integers(len(SHAPES)))]
    families = [
        ("tp", "all_reduce", float(rng.integers(1, 40))),
        ("dp", "all_reduce", float(rng.integers(1, 9))),
        ("pp", "path", float(rng.integers(1, 9))),
    ]
    keep = {"tp": "node"} if tp > 1 and rng.random() < 0.5 else {}
    return grid_workload(tp=tp, dp=dp, pp=pp, families=families, keep=keep), float(rng.integers(1, 4))


def fleet_of(made, rules):
    """The fleet of a random instance."""
    jobs = [job(f"j{index}", workload, priority) for index, (workload, priority) in enumerate(made)]
    return fleet(*jobs, rules=[tier_rule(*rule) for rule in rules])
