"""The fleet's check finds what does not hold between jobs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.fleet.check import check_fleet
from planner.fleet.placed import FleetClaims, PlacedFleet, PlacedJob, table_digest
from planner.fleet.value import fleet_value
from tests.builders import claimed, grid_cluster, grid_workload
from tests.fleet.fleets import pin, tier_rule

CLUSTER = grid_cluster(2, 2, 4, uplinks=(10.0, 20.0))
WORK = grid_workload(dp=3, families=[("dp", "all_reduce", 5.0)])


def placed(*tables, rules=(), priorities=(2.0, 1.0)):
    """Two jobs at given GPUs, with true claims."""
    placements = [claimed(CLUSTER, WORK, table) for table in tables]
    value = fleet_value(CLUSTER, placements, priorities)
    jobs = [
        PlacedJob(f"j{index}", priority, placement)
        for index, (priority, placement) in enumerate(zip(priorities, placements, strict=True))
    ]
    claims = FleetClaims(value.total_s, 0.0, value.shared, value.shared_s)
    return PlacedFleet("fleet", CLUSTER, tuple(jobs), tuple(rules), claims)


SOUND = placed([0, 1, 4], [2, 3, 8])


def codes(fleet):
    """Codes of what the check finds between jobs."""
    return [finding.code for finding in check_fleet(fleet).findings]


def test_what_is_true_passes():
    """With what is shared counted by hand: both jobs leave the first node, only one the first rack."""
    assert check_fleet(SOUND).ok
    node, rack, _ = SOUND.claims.shared
    # An all-reduce of 5 bytes over two domains sends 5 out of each.
    assert (node.shared_bytes, node.domains) == (5.0, 1)
    assert (rack.shared_bytes, rack.domains) == (0.0, 0)
    # Each crosses nodes with 10 bytes (of 40 B/s), the second racks too (of 40 B/s).
    assert SOUND.claims.value_s == pytest.approx(2 * 10 / 40 + 1 * (10 / 40 + 10 / 40) + 5 / 40)


def test_a_gpu_of_two_jobs():
    """Named with both jobs."""
    report = check_fleet(placed([0, 1, 4], [1, 3, 8]))
    assert [each.message for each in report.findings] == ["j0 and j1 are both on GPU 1"]


def test_many_gpus_of_two_jobs():
    """Three are named, the rest counted."""
    wide = grid_workload(dp=5, families=[("dp", "all_reduce", 5.0)])
    both = [PlacedJob(name, 1.0, claimed(CLUSTER, wide, range(5))) for name in "ab"]
    report = check_fleet(replace(SOUND, jobs=tuple(both)))
    assert [each.message for each in report.findings if each.code == "J021"][-1].startswith("2 more GPUs")


def test_a_job_that_was_moved():
    """Its table is not the one with which it ran."""
    stays = replace(SOUND.jobs[0], table_before=table_digest(SOUND.jobs[0].placement))
    assert not codes(replace(SOUND, jobs=(stays, SOUND.jobs[1])))
    moved = replace(stays, placement=claimed(CLUSTER, WORK, [0, 1, 5]))
    assert codes(replace(SOUND, jobs=(moved, SOUND.jobs[1]))) == ["J022"]


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        (tier_rule("apart", [0, 1], 0), False),
        (tier_rule("together", [0], 1), True),
        (tier_rule("together", [0, 1], 1), False),
        (pin(0, CLUSTER, range(8)), True),
        (pin(0, CLUSTER, range(4)), False),
    ],
)
def test_rules(rule, holds):
    """Each is looked at on the rank tables."""
    assert codes(replace(SOUND, rules=(rule,))) == ([] if holds else ["J023"])


def test_claims_that_are_not_true():
    """Shared bytes, shared domains, seconds, value and bound are recomputed."""
    claims = SOUND.claims
    node, *others = claims.shared
    wrong = {
        "J024": [
            replace(claims, shared=(replace(node, shared_bytes=4.0), *others)),
            replace(claims, shared=(replace(node, domains=2), *others)),
            replace(claims, shared=tuple(others)),
        ],
        "J025": [replace(claims, shared_s=0.0), replace(claims, value_s=claims.value_s * 1.01)],
        "J026": [replace(claims, lower_bound_s=claims.value_s * 1.01)],
    }
    for code, each in wrong.items():
        for changed in each:
            assert codes(replace(SOUND, claims=changed)) == [code]


def test_what_a_job_claims_of_itself():
    """Each job's own placement is checked too, and a table that names no GPU ends in no traceback."""
    broken = claimed(CLUSTER, WORK, [0, 1, 4])
    broken = replace(broken, gpu_of_rank=np.array([0, 1, 99], np.int32))
    report = check_fleet(replace(SOUND, jobs=(replace(SOUND.jobs[0], placement=broken), SOUND.jobs[1])))
    assert not report.ok
    assert [finding.code for finding in report.jobs[0].findings] == ["K003"]
