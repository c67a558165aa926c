"""The sizes that a job may have."""

from __future__ import annotations

import pytest

from planner.fleet.sizes import Sizes, possible_dp, speaks_between_copies, valid_dp
from planner.workload.load import build_workload, load_workload
from tests.fleet.fleets import described


def test_a_global_batch_that_stays_divides():
    """dp is one of its divisors, and keeps expert groups whole."""
    work = load_workload("llama-8b-32")
    assert possible_dp(work, 3, 40, "fixed") == [4, 8, 16, 32]
    assert possible_dp(work, 3, 6, "per_replica") == [3, 4, 5, 6]
    experts = load_workload("moe-6t-220k")
    assert possible_dp(experts, 100, 300, "per_replica") == [144, 216, 288]


def test_a_schedule_may_ask_for_more():
    """DualPipe wants an even number of microbatches: not every divisor will do."""
    work = build_workload(
        {
            "format_version": 1,
            "name": "dual",
            "model": "llama-3.1-8b",
            "parallelism": {"pp": 2, "dp": 2},
            "batch": {"global": 48, "sequence": 4096},
            "schedule": "dualpipe",
        }
    )
    counted = possible_dp(work, 1, 24, "fixed")
    assert counted == [1, 2, 3, 4, 6, 8, 12, 16, 24]
    assert valid_dp(work, counted, "fixed") == [1, 2, 3, 4, 6, 8, 12, 24]


@pytest.mark.parametrize(("batch", "samples"), [("fixed", 128), ("per_replica", 256)])
def test_what_becomes_of_the_batch(batch, samples):
    """It stays, or grows with the replicas."""
    sizes = Sizes(load_workload("llama-8b-32"), "dp", [4, 8], batch)
    assert sizes.workload(4) is sizes.base
    assert sizes.workload(8).mesh.dp == 8
    assert sizes.workload(8).description["batch"]["global"] == samples
    assert (sizes.ranks(8), sizes.elastic) == (64, True)


def test_copies():
    """Two of a workload that says nothing along dp are one of twice the dp; others talk."""
    assert speaks_between_copies(described(tp=2))
    quiet = build_workload(
        {
            "format_version": 1,
            "name": "quiet",
            "parallelism": {"tp": 2, "dp": 4, "ep": 4},
            "traffic": {"tp": {"kind": "all_reduce", "bytes": 8}, "ep": {"kind": "all_to_all", "bytes": 8}},
        }
    )
    assert not speaks_between_copies(quiet)
    copies = Sizes(quiet, "replicas", [1, 2, 3])
    assert (copies.ranks(3), copies.workload(3).mesh.dp, copies.workload(3).mesh.ep) == (24, 12, 4)
