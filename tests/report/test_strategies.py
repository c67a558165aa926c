"""Strategies side by side, as people and programs read them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from planner.cost.flops import FlopCount
from planner.report.strategies import contest_document, contest_view, largest
from planner.strategy.contest import Contest, contender
from planner.workload.job import Recompute
from planner.workload.load import job_of
from tests.cost.jobs import placed
from tests.report.jobs import text_of

STORED = placed()


@pytest.fixture(scope="module")
def contest():
    """The placement's own strategy, the same with everything recomputed, and one that does not fit."""
    cluster, job, gpus = STORED.cluster, job_of(STORED.workload), STORED.gpu_of_rank
    full = replace(job, recompute=Recompute.FULL)
    rows = (
        contender("planner", cluster, job, gpus),
        contender("slower", cluster, full, gpus, ["all is computed again"]),
    )
    tight = replace(rows[0], name="tight", gpu=replace(rows[0].gpu, memory_bytes=1e9))
    tiers = tuple(tier.name for tier in cluster.tiers)
    return Contest(16, tiers, (*rows, tight), (("jax-mesh", "nothing fits"),))


def test_tables(contest):
    """Everyone stands there with speed, memory and reasons; notes come last."""
    text = text_of(contest_view(STORED, contest, FlopCount.CAUSAL))
    assert "MFU (causal)" in text
    assert "too much" in text
    assert "s recompute" in text
    assert text.rstrip().endswith("jax-mesh: nothing fits")
    assert "slower: all is computed again" in text


def test_document_is_json_and_says_the_same(contest):
    """Ratio, parts and bytes of each; only numbers that JSON knows."""
    document = json.loads(json.dumps(contest_document(contest, FlopCount.FULL), allow_nan=False))
    assert document["reference"] == "planner"
    assert document["flop_count"] == "full"
    own, slower, tight = document["strategies"]
    assert own["ratio"] == 1 < slower["ratio"]
    assert slower["ratio"] == pytest.approx(slower["step_s"] / own["step_s"])
    assert sum(slower["parts_s"].values()) == pytest.approx(slower["step_s"])
    assert (own["fits"], tight["fits"]) == (True, False)
    assert [each["tier"] for each in own["tiers"]] == list(contest.tiers)
    assert own["tokens_per_s_per_gpu"] == pytest.approx(own["tokens_per_s"] / 16)


def test_largest_parts_only():
    """The largest first, at most three, none that hardly counts."""
    more = {"compute": 1.0, "dp": -5.0, "tp": 0.01, "pp": 2.0, "ep": 0.9}
    assert [name for name, _ in largest(more)] == ["dp", "pp", "compute"]
    assert largest({"dp": 0.0}) == []
