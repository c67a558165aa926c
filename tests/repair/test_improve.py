"""Fewer bytes for more moves, on jobs too large to prove."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from planner.placement.crossing import crossing_weights, measure
from planner.placement.placement import Objective
from planner.repair.exact import Limit
from planner.repair.exchange import Exchanges
from planner.repair.front import front
from planner.repair.improve import _Search, blocks_of, improvements
from planner.repair.ledger import Ledger
from planner.repair.rules import levels_of
from planner.repair.run import Wishes, replan
from planner.repair.service import Health, with_health
from planner.repair.task import Task
from tests.builders import claimed, grid_cluster, grid_workload, ragged_cluster

FAMILIES = [("tp", "all_reduce", 50.0), ("pp", "path", 9.0), ("dp", "all_reduce", 2.0)]


def job():
    """Eight tensor groups of four: four replicas of two stages, each in a node."""
    return grid_workload(tp=4, pp=2, dp=4, families=FAMILIES, keep={"tp": "node"})


def cluster_of(nodes):
    """Two racks of so many nodes of four GPUs."""
    return grid_cluster(2, nodes, 4, uplinks=(100e9, 20e9), nics=4)


def task_of(cluster, table):
    """The task of a job that is where it is."""
    return Task(cluster, job(), Objective.WEIGHTED, cluster.gpu_in_service, np.asarray(table, np.int32))


def shuffled(nodes, seed):
    """A table that puts the tensor groups into random nodes."""
    groups = np.random.default_rng(seed).permutation(2 * nodes)[:8]
    return (4 * groups[:, None] + np.arange(4)).ravel().astype(np.int32)


def improved(task, limits=()):
    """All steps from where the job is."""
    weights = crossing_weights(task.cluster, task.objective)
    levels = levels_of(task.cluster, task.workload)
    blocks = blocks_of(task, levels, weights)
    return list(improvements(task, task.before, blocks, weights, limits, lambda: False))


def value(task, table):
    """The objective."""
    return measure(task.cluster, task.workload, table).weighted_s


@pytest.mark.parametrize("nodes", [4, 5])
@pytest.mark.parametrize("seed", range(4))
def test_every_step_saves(nodes, seed):
    """With free nodes and without: each placement is cheaper than the one before, and obeys the rule."""
    task = task_of(cluster_of(nodes), shuffled(nodes, seed))
    tables = [task.before, *improved(task)]
    values = [value(task, table) for table in tables]
    assert all(later < earlier for earlier, later in pairwise(values))
    for table in tables:
        assert len(set(table.tolist())) == task.ranks
        assert (table.reshape(8, 4) // 4 == table.reshape(8, 4)[:, :1] // 4).all()


def test_a_full_cluster_is_improved_by_exchanges():
    """Stages of a replica that lie in different racks find together although nothing is free."""
    apart = np.array([0, 1, 4, 5, 6, 7, 2, 3])
    task = task_of(cluster_of(4), (4 * apart[:, None] + np.arange(4)).ravel())
    assert value(task, improved(task)[-1]) < value(task, task.before)


def test_limits_hold():
    """No step moves more than it may."""
    task = task_of(cluster_of(5), shuffled(5, 1))
    for table in improved(task, [Limit(np.ones(task.ranks), 4)]):
        assert len(task.moved(table)) <= 4
    assert not improved(task, [Limit(np.ones(task.ranks), 3)])


def test_what_an_exchange_saves_is_exact():
    """The ledger's figure is the difference of two measured placements."""
    task = task_of(cluster_of(4), shuffled(4, 2))
    weights = crossing_weights(task.cluster, task.objective)
    domains = [domain[task.before] for domain in task.cluster.domain_of_gpu]
    ledger = Ledger(task.cluster, task.workload, weights, domains, np.ones(32, np.bool_))
    parties = [ledger.party(np.arange(4 * g, 4 * g + 4, dtype=np.int32)) for g in range(8)]
    at = task.before[::4] // 4
    pairs = Exchanges(ledger, task.cluster, parties, range(2))
    for one, other in ((0, 5), (2, 7), (1, 3)):
        table = task.before.copy()
        table[parties[one].ranks] = task.before[parties[other].ranks]
        table[parties[other].ranks] = task.before[parties[one].ranks]
        saved = value(task, task.before) - value(task, table)
        assert pairs.saves(one, other, at) == pytest.approx(saved, abs=1e-15)


def test_front_is_a_front():
    """Moves rise, the objective falls, and the first point has the fewest moves."""
    cluster = cluster_of(5)
    before = claimed(cluster, job(), shuffled(5, 4))
    points = front(before, with_health(cluster, Health(down=["r00/n00", "r01/n01"])))
    moves, values = [p.moves for p in points], [p.value for p in points]
    assert moves == sorted(set(moves))
    assert values == sorted(set(values), reverse=True)


def test_rules_inside_a_block_are_kept():
    """Expert groups that change racks keep their tensor groups in nodes; racks of odd nodes stay free."""
    families = [("pp", "path", 9.0), ("dp", "all_reduce", 2.0)]
    work = grid_workload(tp=2, ep=2, pp=2, dp=4, families=families, keep={"tp": "node", "ep": "rack"})
    # Two units of five racks. Two racks have room for a group in number, but none for two whole pairs.
    pairs, odd = [2, 2], [3, 1]
    cluster = ragged_cluster([[pairs, pairs, odd, pairs, pairs]] * 2, uplinks=(None, 100e9, 20e9), boundary=1)
    levels = levels_of(cluster, work)
    racks = cluster.domain_of_gpu[1]
    homes = [np.flatnonzero(racks == rack) for rack in (0, 6, 5, 1)]
    table = np.full(16, -1, np.int32)
    for part, home in enumerate(homes):
        table[levels[1].part == part] = home
    task = Task(cluster, work, Objective.WEIGHTED, cluster.gpu_in_service, table)
    weights = crossing_weights(cluster, task.objective)
    blocks = blocks_of(task, levels, weights)
    found = list(improvements(task, table, blocks, weights, (), lambda: False))
    assert found
    for each in found:
        for level in levels:
            place = cluster.domain_of_gpu[level.tier][each]
            assert all(len(set(place[level.part == part])) == 1 for part in range(level.parts))


@pytest.mark.parametrize("seed", range(4))
def test_groups_that_go_together_change_nothing(seed, monkeypatch):
    """With groups of whole blocks kept as one the same steps are taken as with each on its own."""
    task = task_of(cluster_of(5), shuffled(5, seed))
    together = improved(task)
    monkeypatch.setattr(_Search, "_unit", lambda *_: None)
    apart = improved(task)
    assert len(together) == len(apart) > 0
    assert all(np.array_equal(one, other) for one, other in zip(together, apart, strict=True))


def test_no_plan_afresh(monkeypatch):
    """Where it is not to be tried, none is made: it takes as long as planning."""
    monkeypatch.setattr("planner.repair.run.best_within", lambda *_: None)
    monkeypatch.setattr("planner.repair.run.afresh", lambda *_: pytest.fail("a plan was made afresh"))
    before = claimed(cluster_of(5), job(), shuffled(5, 0))
    after = replan(before, before.cluster, Wishes(max_moves=32, try_afresh=False)).placement
    assert after.claims.value < before.claims.value
