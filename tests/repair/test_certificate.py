"""Bounds of repaired placements."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.placement.placement import Objective
from planner.repair import certificate, prices
from planner.repair.certificate import bound_anew, bound_before
from planner.repair.service import Health, with_health
from planner.repair.task import Task
from planner.solve import solve
from tests.builders import claimed, grid_cluster, grid_workload
from tests.repair.brute_force import least_value

FAMILIES = [("tp", "all_reduce", 8.0), ("pp", "path", 3.0), ("dp", "all_reduce", 2.0)]


def job():
    """Eight ranks."""
    return grid_workload(tp=2, pp=2, dp=2, families=FAMILIES)


def task_of(cluster, placement):
    """The task of going on with a placement on a cluster."""
    usable = cluster.gpu_in_service & ~cluster.gpu_spare
    return Task(cluster, placement.workload, placement.claims.objective, usable, placement.gpu_of_rank)


def whole():
    """Two racks of three nodes of two GPUs."""
    return grid_cluster(2, 3, 2, uplinks=(10e9, 15e9))


def test_holds_on_less_hardware():
    """Bytes stay bounded, and seconds grow with the uplinks that are gone."""
    before = claimed(whole(), job(), np.arange(8), bound=0.5)
    cluster = with_health(before.cluster, Health(down=["r01/n02"]))
    tiers, bound = bound_before(before, task_of(cluster, before))
    assert tiers.tolist() == [each.lower_bound_bytes for each in before.claims.tiers]
    assert bound > before.claims.lower_bound


def test_does_not_hold_on_more():
    """Neither with a node more, nor a faster uplink, nor spares that could not be used before."""
    cluster = whole()
    smaller = claimed(with_health(cluster, Health(down=["r01/n02"])), job(), np.arange(8), bound=0.5)
    assert bound_before(smaller, task_of(cluster, smaller)) is None
    slow = replace(cluster.tiers[0], uplink_bytes_per_s=cluster.tiers[0].uplink_bytes_per_s / 2)
    slower = claimed(replace(cluster, tiers=(slow, *cluster.tiers[1:])), job(), np.arange(8), bound=0.5)
    assert bound_before(slower, task_of(cluster, slower)) is None
    sparing = whole()
    spare = np.zeros(12, np.bool_)
    spare[11] = True
    spared = claimed(replace(sparing, gpu_spare=spare), job(), np.arange(8), bound=0.5)
    assert bound_before(spared, task_of(sparing, spared)) is None


def test_does_not_hold_of_another_job():
    """Nor of another objective."""
    before = claimed(whole(), job(), np.arange(8), bound=0.5)
    task = task_of(before.cluster, before)
    assert bound_before(before, replace(task, workload=grid_workload(dp=8))) is None
    assert bound_before(before, replace(task, objective=Objective.CROSS_NODE)) is None


@pytest.mark.parametrize("objective", list(Objective))
def test_no_placement_is_better(objective):
    """The bound anew is below the best of all placements, and above that of nothing."""
    cluster = with_health(grid_cluster(2, 2, 2, uplinks=(10e9, 15e9)), Health(down=["r01/n01/gpu1"]))
    small = grid_workload(tp=2, dp=3, families=[FAMILIES[0], FAMILIES[2]])
    task = Task(cluster, small, objective, cluster.gpu_in_service, np.arange(6, dtype=np.int32))
    _, bound = bound_anew(task)
    assert 0 < bound <= least_value(task, 6) * (1 + 1e-9)


@pytest.mark.slow
def test_as_good_as_the_solvers():
    """For a small job it is what planning afresh starts from."""
    planned = solve(whole(), job()).placement
    _, bound = bound_anew(task_of(planned.cluster, planned))
    assert bound <= planned.claims.lower_bound * (1 + 1e-9)
    assert bound >= 0.5 * planned.claims.lower_bound


@pytest.mark.parametrize("objective", list(Objective))
def test_no_placement_is_better_than_prices_say(objective, monkeypatch):
    """The same of bounds by guessed prices, which large jobs get whose rules keep cells whole."""
    monkeypatch.setattr(certificate, "SMALL_RANKS", 0)
    cluster = with_health(grid_cluster(2, 2, 2, uplinks=(10e9, 15e9)), Health(down=["r01/n01"]))
    kept = replace(grid_workload(tp=2, pp=3, families=FAMILIES[:2]), keep={"tp": "node"})
    task = Task(cluster, kept, objective, cluster.gpu_in_service, np.arange(2, 8, dtype=np.int32))
    tiers, bound = bound_anew(task)
    assert 0 < bound <= least_value(task, 6) * (1 + 1e-9)
    assert bound_anew(task, bound)[0].tolist() == tiers.tolist()


def test_relaxed_where_prices_prove_little(monkeypatch):
    """A placement that lies far above gets the bound of the linear relaxation."""
    monkeypatch.setattr(certificate, "SMALL_RANKS", 0)
    monkeypatch.setattr(prices, "priced_bound", lambda costs, _: 0.5 - costs.constant)
    cluster = grid_cluster(2, 2, 2, uplinks=(10e9, 15e9))
    kept = replace(grid_workload(tp=2, pp=3, families=FAMILIES[:2]), keep={"tp": "node"})
    task = Task(cluster, kept, Objective.WEIGHTED, cluster.gpu_in_service, np.arange(6, dtype=np.int32))
    little, better = bound_anew(task)[1], bound_anew(task, 1.0)[1]
    assert little < better <= least_value(task, 6) * (1 + 1e-9)
