"""Who stays: against every placement there is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.placement.crossing import crossing_weights
from planner.placement.groups import groups_along
from planner.placement.placement import Objective
from planner.repair import stay
from planner.repair.fill import fill
from planner.repair.resize import has_room
from planner.repair.rules import levels_of
from planner.repair.stay import most_stay
from planner.repair.task import Task
from tests.builders import grid_cluster, grid_workload
from tests.repair.brute_force import fewest_moves, moves_of
from tests.repair.jobs import tasks


def filled(task):
    """The placement of a task, and the proven fewest moves."""
    found = most_stay(task, levels_of(task.cluster, task.workload))
    weights = crossing_weights(task.cluster, task.objective)
    return fill(task, found, weights, lambda: False), task.ranks - found.most


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
    cluster = grid_cluster(1, 3, 4)
    job = grid_workload(tp=4, dp=2, families=[("tp", "all_reduce", 1.0)], keep={"tp": "node"})
    alive = np.ones(12, np.bool_)
    alive[0] = False
    cluster = replace(cluster, gpu_in_service=alive)
    task = Task(cluster, job, Objective.WEIGHTED, alive, np.arange(8, dtype=np.int32))
    table, bound = filled(task)
    assert bound == 4
    assert table.tolist() == [8, 9, 10, 11, 4, 5, 6, 7]


def three_levels(seed):
    """Pairs in nodes, fours in racks, sixteen in a cluster of 32 of which up to 13 fail; random places."""
    cluster = grid_cluster(1, 2, 4, 4)
    rack, row = (tier.name for tier in cluster.tiers[1:3])
    job = grid_workload(tp=2, cp=2, pp=4, dp=2, keep={"tp": "node", "cp": rack, "pp": row})
    pairs, fours, _ = levels_of(cluster, job)
    random = np.random.default_rng(seed)
    alive = np.ones(32, np.bool_)
    alive[random.choice(32, random.integers(4, 14), replace=False)] = False
    before = np.zeros(32, np.int32)
    for number, four in enumerate(random.permutation(8)):
        if number % 4 == 0:
            held = []
        held += np.unique(pairs.part[fours.part == four]).tolist()
        for pair, seat in zip(held, random.permutation(8), strict=True) if number % 4 == 3 else ():
            before[pairs.part == pair] = 16 * (number // 4) + 2 * seat + np.arange(2)
    return Task(replace(cluster, gpu_in_service=alive), job, Objective.WEIGHTED, alive, before)


@pytest.mark.parametrize("seed", [*range(40), 789])
def test_choices_that_are_not_all_tried(seed, monkeypatch):
    """The bound on who stays is no less than what trying all of them finds, at any level."""
    task = three_levels(seed)
    levels = levels_of(task.cluster, task.workload)
    monkeypatch.setattr(stay, "MOST_CHOICES", 10**9)
    every = most_stay(task, levels)
    assert every.most == every.kept.sum()
    monkeypatch.setattr(stay, "MOST_CHOICES", 3)
    assert most_stay(task, levels).most >= every.most
