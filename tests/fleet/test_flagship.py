"""The shipped fleets on the cluster of 220,032 GPUs."""

from __future__ import annotations

import pytest

from planner.fleet.check import check_fleet
from planner.fleet.load import load_fleet
from planner.fleet.plan import plan_fleet
from planner.topology.load import load_topology


@pytest.mark.slow
@pytest.mark.parametrize(("name", "gap"), [("two-jobs-220k", 0.02), ("rl-220k", 0.02)])
def test_a_large_fleet_is_near_its_bound(name, gap):
    """No uplink is shared, every claim holds, and at most so much can still be won."""
    cluster = load_topology("gb300-220k")
    placed = plan_fleet(cluster, load_fleet(name, cluster), time_limit_s=60.0)
    assert check_fleet(placed).ok
    assert placed.claims.shared_s == 0
    assert placed.claims.gap < gap


@pytest.mark.slow
def test_a_degraded_cluster_is_divided_too():
    """Two jobs that nearly fill it, on racks of several sizes: little is shared."""
    cluster = load_topology("gb300-220k-degraded")
    placed = plan_fleet(cluster, load_fleet("two-jobs-220k-degraded", cluster), time_limit_s=60.0)
    assert check_fleet(placed).ok
    assert placed.claims.shared_s < 0.02 * placed.claims.value_s
    assert placed.claims.gap < 0.06
