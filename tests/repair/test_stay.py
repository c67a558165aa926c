"""Who stays: against every placement there is."""

from __future__ import annotations

import numpy as np
import pytest

from planner.placement.crossing import crossing_weights
from planner.placement.groups import groups_along
from planner.repair.fill import fill
from planner.repair.resize import has_room
from planner.repair.rules import levels_of
from planner.repair.stay import most_stay
from tests.repair.brute_force import fewest_moves, moves_of
from tests.repair.jobs import tasks


def filled(task):
    """The placement of a task, and the proven fewest moves."""
    stay = most_stay(task, levels_of(task.cluster, task.workload))
    weights = crossing_weights(task.cluster, task.objective)
    return fill(task, stay, weights, lambda: False), task.ranks - stay.most


@pytest.mark.parametrize("seed", range(8))
def test_fewest_moves(seed):
    """The bound is the fewest moves of any placement, and is reached."""
    reached = 0
    for task in tasks(seed, 12):
        fewest = fewest_moves(task)
        assert has_room(task.workload, task.cluster, task.available) == (fewest is not None)
        if fewest is None:
            continue
        table, bound = filled(task)
        assert bound == fewest == moves_of(task, table[None])[0]
        assert task.available[table].all()
        assert len(set(table.tolist())) == task.ranks
        for axis, tier in task.workload.keep.items():
            domain = task.cluster.domain_of_gpu[task.cluster.tier_index(tier)][table]
            inside = domain[groups_along(task.workload.mesh, (axis,)).members]
            assert (inside == inside[:, :1]).all()
        reached += 1
    assert reached > 3


def test_a_part_leaves_whole():
    """A group of four in a domain that lost one of its four GPUs takes all four elsewhere."""
    from dataclasses import replace

    from planner.placement.placement import Objective
    from planner.repair.task import Task
    from tests.builders import grid_cluster, grid_workload

    cluster = grid_cluster(1, 3, 4)
    job = grid_workload(tp=4, dp=2, families=[("tp", "all_reduce", 1.0)], keep={"tp": "node"})
    alive = np.ones(12, np.bool_)
    alive[0] = False
    cluster = replace(cluster, gpu_in_service=alive)
    task = Task(cluster, job, Objective.WEIGHTED, alive, np.arange(8, dtype=np.int32))
    table, bound = filled(task)
    assert bound == 4
    assert table.tolist() == [8, 9, 10, 11, 4, 5, 6, 7]
