"""What is said of fleets that do not fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.errors import InfeasibleError
from planner.fleet.plan import plan_fleet
from planner.fleet.rules import TierRule
from tests.builders import GPU, claimed, grid_cluster, grid_workload
from tests.fleet.fleets import described, elastic, fleet, job, pin, tier_rule

CLUSTER = grid_cluster(2, 2, 4, uplinks=(10.0, 10.0))


def work(dp, **options):
    """A job of `dp` ranks."""
    return grid_workload(dp=dp, families=[("dp", "all_reduce", 5.0)], **options)


def refused(planned, cluster=CLUSTER):
    """The problems for which a fleet is refused."""
    with pytest.raises(InfeasibleError) as caught:
        plan_fleet(cluster, planned, time_limit_s=5.0)
    assert caught.value.exit_code == 4
    return [(each.code, each.message) for each in caught.value.problems]


def test_a_job_of_more_ranks_than_gpus():
    """By how much, and what holds the GPUs that are not free."""
    cluster = grid_cluster(2, 2, 4, uplinks=(10.0, 10.0), down=[0], spare=[1, 2])
    running = claimed(cluster, work(2), [4, 5])
    jobs = [job("r", work(2), running=running), job("big", work(12))]
    [(code, message)] = refused(fleet(*jobs), cluster)
    assert code == "J010"
    assert message == (
        "big has 12 ranks, 1 more than the 11 GPUs free "
        "(of 16, 1 are out of service, 2 are spares, 2 hold jobs that run)"
    )


def test_elastic_jobs_are_asked_for_their_least():
    """A job that could shrink is told that its least is too much."""
    [(code, message)] = refused(fleet(elastic("e", described(1), range(20, 30))))
    assert (code, "20 ranks at the least, 4 more" in message) == ("J010", True)


def test_jobs_that_are_too_many_together():
    """Each fits alone, all together are some ranks too many."""
    [(code, message)] = refused(fleet(job("a", work(10)), job("b", work(9))))
    assert (code, message[:66]) == (
        "J013",
        "a, b have 19 ranks together, 3 more than the 16 free GPUs (of 16, ",
    )


def test_a_pin_that_is_too_small():
    """The rule is named with what it leaves."""
    pins = [pin(0, CLUSTER, range(6))]
    [(code, message)] = refused(fleet(job("a", work(8)), rules=pins))
    assert (code, message[:74]) == (
        "J010",
        "a has 8 ranks, 2 more than the 6 GPUs free where pin: to [chosen] allows (",
    )


def test_two_jobs_pinned_to_the_same():
    """Neither is too large for the hardware, both together are."""
    pins = [pin(index, CLUSTER, range(6)) for index in range(2)]
    [(code, message)] = refused(fleet(job("a", work(4), 2.0), job("b", work(4)), rules=pins))
    assert (code, message) == (
        "J013",
        "the jobs fit one by one and not together: 2 of the 4 ranks of b find no place",
    )


def test_a_rule_to_keep_apart():
    """The rule is named, with the ranks that find no place, those of more priority placed first."""
    rules = [tier_rule("apart", [0, 1, 2], 1)]
    jobs = [job("a", work(2)), job("b", work(3), 2.0), job("c", work(1), 3.0)]
    assert refused(fleet(*jobs, rules=rules)) == [
        ("J011", "rule apart: [0, 1, 2] by tier 1 fails: 2 of the 2 ranks of a find no place")
    ]


def test_a_rule_to_keep_together():
    """Jobs that are larger than any domain."""
    rules = [TierRule("together", (0, 1), 1, "together: [a, b] by rack")]
    assert refused(fleet(job("a", work(4)), job("b", work(6)), rules=rules)) == [
        (
            "J011",
            (
                "rule together: [a, b] by rack fails: its new jobs have 10 ranks, 2 more than the 8 free "
                "GPUs of the rack that has most"
            ),
        )
    ]


def test_rules_that_only_fail_together():
    """Both are named: without either of them the jobs would fit."""
    rules = [tier_rule("apart", [0, 1], 1), tier_rule("together", [0, 1], 1)]
    found = refused(fleet(job("a", work(4)), job("b", work(4)), rules=rules))
    assert [(code, message.split(" fails")[0]) for code, message in found] == [
        ("J011", "rule apart: [0, 1] by tier 1"),
        ("J011", "rule together: [0, 1] by tier 1"),
    ]


def test_a_keep_rule_of_one_job():
    """Said as for the job alone, with its name before it."""
    wide = grid_workload(tp=8, dp=1, families=[("tp", "all_reduce", 5.0)], keep={"tp": "node"})
    [(code, message)] = refused(fleet(job("wide", wide)))
    assert (code, message[:48]) == ("S002", "wide: rule keep: {tp: node} fails: 1 groups of 8")


def test_whole_groups_that_fragments_do_not_hold():
    """Two jobs of pairs and triples on nodes of four: GPUs would be enough, whole groups are not."""
    pairs = grid_workload(tp=2, dp=3, families=[("dp", "all_reduce", 5.0)], keep={"tp": "node"})
    triples = grid_workload(tp=3, dp=3, families=[("dp", "all_reduce", 5.0)], keep={"tp": "node"})
    cluster = grid_cluster(4, 4, uplinks=(10.0,))
    [(code, message)] = refused(fleet(job("p", pairs), job("t", triples)), cluster)
    assert (code, message.split(":")[0]) == ("J013", "the jobs fit one by one and not together")


def test_a_stage_that_no_memory_holds():
    """Memory is looked at for each job."""
    large = replace(work(2), memory_bytes=(2 * GPU.memory_bytes,))
    found = refused(fleet(job("a", work(2)), job("large", large)))
    assert [(code, message[:7]) for code, message in found] == [("W050", "large: ")]


def test_jobs_that_run_where_they_cannot():
    """On each other's GPUs, on what is out of service, outside of their pin, or against a rule."""
    cluster = grid_cluster(2, 2, 4, uplinks=(10.0, 10.0), down=[3])
    one, two = claimed(cluster, work(3), [1, 2, 3]), claimed(cluster, work(3), [2, 4, 8])
    rules = [tier_rule("apart", [0, 1], 1), tier_rule("together", [0, 1], 1), pin(1, cluster, [2, 4])]
    found = refused(
        fleet(job("a", work(3), running=one), job("b", work(3), running=two), rules=rules), cluster
    )
    assert found == [
        ("J012", "a runs on 1 GPU that is out of service"),
        ("J012", "b and a run on the same 1 GPU"),
        ("J011", "b runs with 1 rank outside of pin: to [chosen]"),
        ("J011", "jobs that run share 1 rack: apart: [0, 1] by tier 1"),
        ("J011", "jobs that run lie in 2 racks, not one: together: [0, 1] by tier 1"),
    ]


def test_a_new_job_that_must_keep_apart_from_one_that_runs():
    """The rack that is left is too small for it."""
    running = claimed(CLUSTER, work(2), [0, 1])
    rules = [tier_rule("apart", [0, 1], 1)]
    jobs = [job("r", work(2), running=running), job("new", work(9))]
    [(code, message)] = refused(fleet(*jobs, rules=rules))
    assert (code, message) == (
        "J011",
        "rule apart: [0, 1] by tier 1 fails: 1 of the 9 ranks of new find no place",
    )
    assert np.array_equal(running.gpu_of_rank, [0, 1])
