"""Each assertion passes where it should, and fails with a message that names ranks and domains."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from planner.errors import InputError
from planner.placement.placement import Status
from planner.testing import (
    PlacementAssertionError,
    assert_distinct_gpus,
    assert_gap_below,
    assert_in_service,
    assert_no_rank_on,
    assert_optimal,
    assert_same_rail,
    assert_spares_at_least,
    assert_stage_in,
    assert_uses_at_most,
    assert_within,
)
from tests.builders import claimed, grid_cluster, grid_workload

TP4_PP2 = {
    "tp": 4,
    "pp": 2,
    "dp": 2,
    "families": [("tp", "all_reduce", 8.0), ("dp", "all_reduce", 4.0), ("pp", "path", 2.0)],
}


def placed(gpus=None, *, cluster=None, bound=1.0, **workload):
    """Ranks of tp 4, dp 2, pp 2 (unless given) in GPU order on two racks of two nodes of four."""
    job = grid_workload(**(workload or TP4_PP2))
    where = range(job.mesh.world_size) if gpus is None else gpus
    return claimed(cluster or grid_cluster(2, 2, 4, uplinks=(50e9, 100e9), nics=4), job, where, bound=bound)


def swapped(first, second):
    """GPU order with two ranks swapped."""
    gpus = list(range(16))
    gpus[first], gpus[second] = gpus[second], gpus[first]
    return gpus


def failure(assertion, *arguments, **keywords):
    """The error that an assertion raises."""
    with pytest.raises(PlacementAssertionError) as caught:
        assertion(*arguments, **keywords)
    return caught.value


def test_within_holds_in_order():
    """Tensor groups of consecutive ranks stay in their node, whole replicas do not stay in a rack."""
    assert_within(placed(), axis="tp", tier="node")
    assert_within(placed(), axis="tp-dp", tier="rack")


def test_within_names_groups_ranks_and_domains():
    """A swap over two racks splits two tensor groups, both named with their ranks and nodes."""
    error = failure(assert_within, placed(swapped(1, 14)), axis="tp", tier="node")
    assert str(error).splitlines() == [
        "2 of 4 tp groups leave their node",
        "  tp group dp=0 pp=0: ranks 0, 2-3 in node r00/n00, ranks 1 in node r01/n01",
        "  tp group dp=1 pp=1: ranks 14 in node r00/n00, ranks 12-13, 15 in node r01/n01",
    ]


def test_within_counts_what_it_does_not_show():
    """Of many broken groups the first five are shown and the others counted."""
    cluster = grid_cluster(2, 8)
    scattered = claimed(cluster, grid_workload(dp=8, tp=2), [i // 2 + 8 * (i % 2) for i in range(16)])
    error = failure(assert_within, scattered, axis="tp", tier="node")
    assert len(error.offenders) == 5
    assert error.count == 8
    assert str(error).endswith("... and 3 more")


@pytest.mark.parametrize("axis", ["ep", "edp"])
def test_within_knows_folded_axes(axis):
    """Expert groups are runs of data-parallel ranks; ranks with the same experts are far apart."""
    placement = claimed(grid_cluster(2, 4), grid_workload(dp=8, ep=4), range(8))
    if axis == "ep":
        assert_within(placement, axis="ep", tier="node")
    else:
        assert failure(assert_within, placement, axis="edp", tier="node").count == 4


@pytest.mark.parametrize(
    ("axis", "tier", "code", "suggestion"),
    [
        ("tpp", "node", "R010", "'tp'"),
        ("ep-dp", "node", "R011", "one of the two"),
        ("tp", "nod", "R012", "'node'"),
    ],
)
def test_wrong_names_are_no_failed_assertion(axis, tier, code, suggestion):
    """A name that does not exist is an error of the test, with a suggestion."""
    with pytest.raises(InputError) as caught:
        assert_within(placed(), axis=axis, tier=tier)
    assert caught.value.problems[0].code == code
    assert suggestion in caught.value.problems[0].suggestion


def test_in_service():
    """A rank on a GPU that is down is named with its coordinates and GPU."""
    assert_in_service(placed())
    broken = grid_cluster(2, 2, 4, down=[5])
    error = failure(assert_in_service, placed(cluster=broken))
    assert str(error).splitlines() == [
        "1 rank on hardware out of service, expected none: 5",
        "  rank 5 (tp=1 pp=0 dp=1) on r00/n01/gpu1",
    ]


def test_no_rank_on():
    """Ranks on the hardware a selector names are listed."""
    eight = {"tp": 4, "dp": 2}
    assert_no_rank_on(placed(**eight), "r01/*")
    error = failure(assert_no_rank_on, placed(**eight), "r00/n01")
    assert error.count == 4
    assert "4 ranks on r00/n01, expected none: 4-7" in str(error)


def test_no_rank_on_unknown_hardware():
    """A selector that selects nothing is an error, not an assertion that always holds."""
    with pytest.raises(InputError) as caught:
        assert_no_rank_on(placed(), "r07")
    assert caught.value.problems[0].code == "T006"


def test_distinct_gpus():
    """A GPU with two ranks is named with both."""
    assert_distinct_gpus(placed())
    error = failure(assert_distinct_gpus, placed([0, 0, *range(2, 16)]))
    assert "1 GPU with more than one rank" in str(error)
    assert "r00/n00/gpu0 holds ranks 0-1" in str(error)


def test_stage_in():
    """Ranks of a stage outside its rack are named with the node where they are."""
    assert_stage_in(placed(), stage=0, domain="r00")
    assert_stage_in(placed(), stage=1, domain="r01/*")
    error = failure(assert_stage_in, placed(swapped(3, 9)), stage=0, domain="r00")
    assert str(error).splitlines() == [
        "1 of 8 ranks of stage 0 outside r00",
        "  node r01/n00 holds 1 rank: 3",
    ]


@pytest.mark.parametrize("stage", [-1, 2])
def test_stage_in_unknown_stage(stage):
    """A stage that the workload does not have is an error."""
    with pytest.raises(InputError) as caught:
        assert_stage_in(placed(), stage=stage, domain="r00")
    assert caught.value.problems[0].code == "R013"


def test_same_rail():
    """Data-parallel peers at the same index share a rail; a swap inside a node breaks that."""
    assert_same_rail(placed(), axis="dp")
    error = failure(assert_same_rail, placed(swapped(0, 1)), axis="dp")
    assert error.count == 2
    assert "rails 0-1" in str(error)


def test_uses_at_most():
    """The least used domains are named where too many are used."""
    assert_uses_at_most(placed(), tier="rack", domains=2)
    lopsided = placed([0, 1, 2, 4, 5, 6, 8, 9], tp=4, dp=2)
    error = failure(assert_uses_at_most, lopsided, tier="node", domains=2)
    assert "3 node domains used, expected at most 2" in str(error)
    assert "node r01/n00 holds 2 ranks: 6-7" in str(error)


def test_spares_at_least():
    """Spares are counted over the cluster, or in each domain that holds ranks."""
    job = {"tp": 4, "dp": 2}
    assert_spares_at_least(placed(**job), gpus=8)
    assert_spares_at_least(placed([0, 1, 2, 4, 5, 6, 8, 9], **job), gpus=1, tier="node")
    error = failure(assert_spares_at_least, placed(**job), gpus=9)
    assert "8 spare GPUs, expected at least 9" in str(error)
    error = failure(assert_spares_at_least, placed(**job), gpus=1, tier="node")
    assert "2 of 2 used node domains with fewer than 1 spare GPUs" in str(error)
    assert "node r00/n01: 0 spare GPUs, ranks 4-7" in str(error)


def test_spares_do_not_count_what_is_down():
    """A GPU out of service is no spare."""
    cluster = grid_cluster(2, 2, 4, down=[15])
    assert_spares_at_least(placed(cluster=cluster, tp=4, dp=2), gpus=7)
    failure(assert_spares_at_least, placed(cluster=cluster, tp=4, dp=2), gpus=8)


def test_gap_below():
    """The gap is compared strictly, and the tiers that leave it are named."""
    assert_gap_below(placed(bound=1.0), 0.001)
    assert_gap_below(placed(bound=0.8), 0.26)
    error = failure(assert_gap_below, placed(bound=0.8), 0.24)
    assert "gap 0.25, expected below 0.24" in str(error)
    assert any(offender.startswith("node: ") for offender in error.offenders)


def test_optimal():
    """Only a placement with that status is optimal."""
    placement = placed()
    assert_optimal(placement)
    feasible = replace(placement, claims=replace(placement.claims, status=Status.FEASIBLE))
    assert "status feasible, expected optimal" in str(failure(assert_optimal, feasible))


def test_ranks_in_random_order_never_upset_an_assertion():
    """Whatever the order, groups are found by coordinates: shuffled GPUs of one node keep within."""
    order = np.concatenate([np.random.default_rng(node).permutation(4) + 4 * node for node in range(4)])
    assert_within(placed(order), axis="tp", tier="node")


def test_importing_leaves_the_solver_alone():
    """Assertions load without ortools."""
    names = "import sys, planner.testing as t; [getattr(t, name) for name in t.__all__]"
    code = f"{names}; sys.exit('ortools' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
