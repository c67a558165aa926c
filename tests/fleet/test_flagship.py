"""The shipped fleets on the cluster of 220,032 GPUs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.fleet.check import check_fleet
from planner.fleet.load import load_fleet
from planner.fleet.plan import plan_fleet
from planner.fleet.replan import replan_fleet
from planner.repair import Health, with_health
from planner.topology.load import load_topology


@pytest.mark.slow
@pytest.mark.parametrize(("name", "gap"), [("two-jobs-220k", 0.02), ("rl-220k", 0.02), ("serve-220k", 0.01)])
def test_a_large_fleet_is_near_its_bound(name, gap):
    """No uplink is shared, every claim holds, and at most so much can still be won."""
    cluster = load_topology("gb300-220k")
    placed = plan_fleet(cluster, load_fleet(name, cluster), time_limit_s=60.0)
    assert check_fleet(placed).ok
    assert placed.claims.shared_s == 0
    assert placed.claims.gap < gap


COPIES_OF_TWO_RACKS = """\
format_version: 1
name: rl-of-stages
jobs:
  - name: rl
    roles:
      - {name: trainer, workload: moe-6t-220k, dp: 6912, batch: per_replica}
      - name: rollout
        serving:
          model: moe-6t
          parallelism: {dp: 36, ep: 36, pp: 4}
          precision: fp8
          tokens: 331776
          keep: {ep: rack}
        replicas: 750
    flows:
      - {kind: weights, from: trainer, to: rollout}
"""


@pytest.mark.slow
def test_copies_of_stages_take_their_weights_stage_by_stage(tmp_path):
    """A rack holds one stage of two copies, not two stages of one: half as many weights come in."""
    (tmp_path / "fleet.yaml").write_text(COPIES_OF_TWO_RACKS)
    cluster = load_topology("gb300-220k")
    placed = plan_fleet(cluster, load_fleet(tmp_path / "fleet.yaml", cluster), time_limit_s=60.0)
    assert check_fleet(placed).ok
    flow = placed.claims.flows[0]
    assert flow.tier_bytes[1] < 0.26 * 1500 * flow.flow.total_bytes
    assert placed.claims.gap < 0.1


@pytest.mark.slow
def test_a_full_cluster_goes_on_when_a_tray_fails():
    """The elastic job of the lower priority gives one unit; of the other the ranks of a rack move."""
    cluster = load_topology("gb300-220k")
    fleet = load_fleet("two-jobs-220k", cluster)
    second = fleet.jobs[1]
    elastic = replace(second, sizes=replace(second.sizes, values=[3456, 6840], batch="per_replica"))
    first = replace(fleet.jobs[0], priority=2.0)
    placed = plan_fleet(cluster, replace(fleet, jobs=(first, elastic)), time_limit_s=30.0)
    host = placed.cluster.domain_path(0, int(cluster.gpu_node[placed.jobs[0].placement.gpu_of_rank[0]]))
    found = replan_fleet(placed, with_health(placed.cluster, Health(down=[host])))
    assert check_fleet(found.placed).ok
    assert [(each.moved, each.dp) for each in found.jobs] == [(72, 6912), (0, 6768)]


@pytest.mark.slow
def test_a_degraded_cluster_is_divided_too():
    """Two jobs that nearly fill it, on racks of several sizes: little is shared."""
    cluster = load_topology("gb300-220k-degraded")
    placed = plan_fleet(cluster, load_fleet("two-jobs-220k-degraded", cluster), time_limit_s=60.0)
    assert check_fleet(placed).ok
    assert placed.claims.shared_s < 0.02 * placed.claims.value_s
    assert placed.claims.gap < 0.06
