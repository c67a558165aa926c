"""Ways to hold spares, and what comes of them."""

from __future__ import annotations

import pytest
from scipy.stats import poisson

from planner.errors import InfeasibleError
from planner.repair.failures import DAY, HOUR, Failures
from planner.repair.spares import Aim, Shape, advise
from planner.topology.load import load_topology
from planner.workload.load import load_workload
from tests.builders import grid_cluster, grid_workload

NEVER = 1e9 * DAY


def aim(**changes):
    """Thirty days with 99 %."""
    return Aim(
        **{
            "time_s": 30 * DAY,
            "probability": 0.99,
            "checkpoint_s": 10.0,
            "restart_s": 60.0,
            "windows": 200,
            "seed": 0,
            **changes,
        }
    )


def failures(gpu=NEVER, repair=10 * HOUR):
    """Only GPUs fail."""
    kinds = ("gpu", "nic", "node", "rack", "software")
    return Failures({**dict.fromkeys(kinds, NEVER), "gpu": gpu}, dict.fromkeys(kinds, repair))


def test_shape_of_the_flagship():
    """Racks of 18 trays of four; sixteen of them hold the replicas that share experts."""
    cluster = load_topology("gb300-220k")
    shape = Shape.of(cluster, load_workload("moe-6t-220k"))
    assert (shape.tier, shape.cells, shape.nodes, shape.gpus) == (1, 3056, 18, 4)
    assert (shape.group, shape.step, shape.given_cells, shape.given_margin) == (72, 16, 3056, 0)
    shape = Shape.of(cluster, load_workload("moe-6t-220k-degraded"))
    assert (shape.group, shape.step, shape.given_cells, shape.given_margin) == (64, 16, 3040, 2)


def test_nothing_fails():
    """No spare is needed, and only checkpoints cost."""
    cluster = grid_cluster(4, 3, 4)
    found = advise(cluster, grid_workload(tp=4, dp=12, keep={"tp": "rack"}), failures(), aim(windows=3))
    best = found.policies[found.best]
    assert (best.spare_cells, best.margin, best.survives) == (0, 0, 1.0)
    assert best.goodput == pytest.approx(1.0, abs=1e-3)
    assert {each.needed_cells for each in found.policies} == {0}


def test_no_spares_are_one_policy():
    """Where none are wanted, to hold none in each unit or anywhere is to hold none."""
    cluster = grid_cluster(2, 20, 6, 4)
    workload = grid_workload(tp=4, dp=240, keep={"tp": "rack"})
    found = advise(cluster, workload, failures(), aim())
    assert [(each.margin, each.spare_cells) for each in found.policies if not each.spare_gpus] == [(0, 0)]
    assert [each for each in found.policies if each.where] == []


def test_spares_without_repair_are_poisson():
    """As many as may fail in the time: what is away for good has to be there from the beginning."""
    cluster = grid_cluster(1, 2000, 1)
    # A short repair against the time: what is away at any time is Poisson, and its most over many times
    # is far above the mean.
    given = failures(gpu=2000 * HOUR, repair=HOUR)
    found = advise(cluster, grid_workload(dp=1000), given, aim(time_s=HOUR / 100, windows=4000))
    anywhere = found.policies[-1]
    assert abs(anywhere.needed_cells - poisson.ppf(0.99, 1.0)) <= 1
    assert anywhere.survives == pytest.approx(poisson.cdf(anywhere.needed_cells, 1.0), abs=0.02)


def test_policies_of_racks_with_spare_nodes():
    """More spares in each rack need fewer racks; what the job uses and what is spare is everything."""
    cluster = grid_cluster(2, 20, 6, 4)
    workload = grid_workload(tp=4, dp=200, keep={"tp": "rack"})
    found = advise(cluster, workload, failures(gpu=500 * HOUR), aim())
    assert [each.where for each in found.policies if each.where] == ["unit"]
    by_margin = [each for each in found.policies[1:] if not each.where and not each.as_given]
    assert [each.margin for each in by_margin] == [0, 1, 2]
    needed = [each.needed_cells for each in by_margin]
    assert needed == sorted(needed, reverse=True)
    assert needed[0] > needed[2]
    for each in found.policies:
        assert each.job_gpus + each.spare_gpus == 960
        assert 0 <= each.goodput <= each.running_gpus / 960 <= each.job_gpus / 960 + 1e-9
    for each in by_margin:
        assert each.survives >= 0.99
        assert each.spare_cells >= each.needed_cells


def test_a_group_that_does_not_fit():
    """A policy for which the workload has to be cut otherwise is marked, and not the best."""
    cluster = grid_cluster(10, 6, 4)
    workload = grid_workload(ep=24, dp=24 * 8, keep={"ep": "rack"})
    found = advise(cluster, workload, failures(gpu=2000 * HOUR), aim(windows=50))
    assert {each.margin: each.group_fits for each in found.policies} == {0: True, 1: False, 2: False}
    assert found.policies[found.best].margin == 0


def test_the_job_as_given():
    """All that it leaves free is spare, also where it is not the largest of its kind."""
    cluster = grid_cluster(10, 6, 4)
    workload = grid_workload(ep=8, dp=16 * 7, keep={"ep": "rack"})
    found = advise(cluster, workload, failures(gpu=2000 * HOUR), aim(windows=50))
    [given] = [each for each in found.policies if each.as_given]
    assert (given.spare_cells, given.margin, given.job_gpus) == (5, 0, 120)


def test_what_is_away_for_good_is_spare():
    """A rack that is lacking from the beginning is one of those needed, and the job runs on the others."""
    cluster = grid_cluster(5, 3, 4, down=range(12))
    found = advise(cluster, grid_workload(tp=4, dp=12, keep={"tp": "rack"}), failures(), aim(windows=3))
    by_margin = [each for each in found.policies[1:] if not each.as_given]
    assert {(each.needed_cells, each.survives) for each in by_margin} == {(1, 1.0)}
    assert by_margin[0].job_gpus == by_margin[0].running_gpus == 48
    assert found.policies[0].survives == 0.0
    assert found.policies[0].running_gpus == 48


def test_a_replica_larger_than_the_cluster():
    """There is nothing to hold spares for."""
    with pytest.raises(InfeasibleError) as caught:
        advise(grid_cluster(2, 4), grid_workload(pp=16), failures(), aim(windows=1))
    assert caught.value.problems[0].code == "S007"
