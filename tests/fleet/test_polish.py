"""Exchanges of places that make a fleet's value smaller."""

from __future__ import annotations

import numpy as np
import pytest

from planner.fleet.check import check_fleet
from planner.fleet.ground import Ground
from planner.fleet.placed import FleetClaims, PlacedFleet, PlacedJob
from planner.fleet.polish import Polisher
from planner.fleet.value import fleet_value
from planner.solve.setup.control import Control
from tests.builders import claimed, grid_cluster, grid_workload
from tests.fleet.brute_force import best_value
from tests.fleet.fleets import fleet, job, tier_rule

CLUSTER = grid_cluster(2, 2, 2, uplinks=(3.0, 2.0))


def joined(workloads, tables, rules=()):
    """Two jobs at given GPUs, with true claims and no bound."""
    placements = [claimed(CLUSTER, *each) for each in zip(workloads, tables, strict=True)]
    value = fleet_value(CLUSTER, placements, (1.0, 1.0))
    jobs = tuple(PlacedJob(name, 1.0, each) for name, each in zip("ab", placements, strict=True))
    claims = FleetClaims(value.total_s, 0.0, value.shared, value.shared_s)
    return PlacedFleet("fleet", CLUSTER, jobs, tuple(rules), claims)


def polished(workloads, tables, rules=(), limit_s=60.0):
    """The same after all exchanges."""
    planned = fleet(job("a", workloads[0]), job("b", workloads[1]), rules=rules)
    control = Control(limit_s, deterministic=limit_s > 0)

    def join(placements):
        return joined(workloads, [each.gpu_of_rank for _, each in sorted(placements.items())], rules)

    return Polisher(Ground(CLUSTER, planned), control, join, joined(workloads, tables, rules)).run()


@pytest.mark.parametrize("seed", range(4))
def test_scattered_pairs_come_together(seed):
    """From random places two jobs of pairs reach the best there is."""
    gpus = np.random.default_rng(seed).permutation(CLUSTER.gpus)
    work = [grid_workload(dp=2, families=[("dp", "all_reduce", size)]) for size in (5.0, 3.0)]
    found = polished(work, [gpus[:2].tolist(), gpus[2:4].tolist()])
    assert found.claims.value_s == pytest.approx(best_value(CLUSTER, [(each, 1.0) for each in work]))
    assert check_fleet(found).ok


def test_what_rules_keep_in_a_node_moves_as_one():
    """Tensor groups that lie in different racks are brought side by side, each whole."""
    one = grid_workload(
        tp=2, dp=2, families=[("tp", "all_reduce", 9.0), ("dp", "all_reduce", 4.0)], keep={"tp": "node"}
    )
    other = grid_workload(tp=2, families=[("tp", "all_reduce", 9.0)], keep={"tp": "node"})
    found = polished([one, other], [[0, 1, 4, 5], [2, 3]])
    assert found.claims.value_s < joined([one, other], [[0, 1, 4, 5], [2, 3]]).claims.value_s
    assert check_fleet(found).ok


def test_no_rule_is_broken():
    """Jobs that must keep apart by rack stay apart though one rack would be better for neither."""
    work = [grid_workload(dp=2, families=[("dp", "all_reduce", 5.0)]) for _ in range(2)]
    found = polished(work, [[0, 2], [4, 6]], rules=[tier_rule("apart", (0, 1), 1)])
    assert found.claims.value_s == 0
    assert check_fleet(found).ok


def test_without_time_all_stays():
    """An exchange takes time; without any the fleet is as it was."""
    work = [grid_workload(dp=2, families=[("dp", "all_reduce", 5.0)]) for _ in range(2)]
    found = polished(work, [[0, 2], [4, 6]], limit_s=0.0)
    assert [each.placement.gpu_of_rank.tolist() for each in found.jobs] == [[0, 2], [4, 6]]
