"""Plans made afresh as a way to go on."""

from __future__ import annotations

import numpy as np

from planner.placement.check import check
from planner.placement.placement import Objective
from planner.repair.afresh import afresh, renumbered
from planner.repair.run import Wishes, replan
from planner.repair.task import Task
from tests.builders import claimed, grid_cluster, grid_workload

FAMILIES = [("tp", "all_reduce", 50.0), ("pp", "path", 9.0), ("dp", "all_reduce", 2.0)]


def task_of(nodes, replicas, seed):
    """Tensor groups of four in two stages, each in a random node of two racks."""
    cluster = grid_cluster(2, nodes, 4, uplinks=(100e9, 20e9), nics=4)
    job = grid_workload(tp=4, pp=2, dp=replicas, families=FAMILIES, keep={"tp": "node"})
    groups = np.random.default_rng(seed).permutation(2 * nodes)[: 2 * replicas]
    table = (4 * groups[:, None] + np.arange(4)).ravel().astype(np.int32)
    return Task(cluster, job, Objective.WEIGHTED, cluster.gpu_in_service, table)


def test_replicas_in_another_order_move_nobody():
    """The same placement with its replicas in another order is numbered back."""
    task = task_of(4, 4, 3)
    mixed = task.before.reshape(2, 4, 4)[:, [2, 0, 3, 1]].ravel()
    assert (renumbered(task, mixed) == task.before).all()


def test_only_gpus_that_may_hold_a_rank():
    """Those that the task leaves out are left out."""
    task = task_of(6, 4, 5)
    available = task.available.copy()
    available[:8] = False
    planned = afresh(Task(task.cluster, task.workload, task.objective, available, task.before))
    assert available[planned].all()


def test_enough_moves_are_as_good_as_a_plan_made_afresh():
    """A job too large to prove, shuffled, that fills its cluster: with that plan's moves it gets no less."""
    task = task_of(20, 20, 3)
    before = claimed(task.cluster, task.workload, task.before)
    planned = afresh(task)
    value = claimed(task.cluster, task.workload, planned).claims.value
    repair = replan(before, task.cluster, Wishes(max_moves=len(task.moved(planned))))
    assert len(repair.moved) <= len(task.moved(planned))
    assert repair.placement.claims.value <= value * (1 + 1e-9)
    assert check(repair.placement).ok
