"""How many spares to hold, as people and scripts read it."""

from __future__ import annotations

import json

from planner.repair.failures import DAY, Failures
from planner.repair.spares import Aim, advise
from planner.report.spares import format_time, spares_document, spares_view
from tests.builders import grid_cluster, grid_workload
from tests.report.jobs import text_of


def looked_at(probability=0.9, **mtbf):
    """A small job with expert groups that fill a rack."""
    cluster = grid_cluster(2, 8, 6, 4)
    workload = grid_workload(ep=24, dp=24 * 16, keep={"ep": "rack"})
    failures = Failures({**Failures().mtbf_s, **mtbf})
    aim = Aim(10 * DAY, probability, 10.0, 60.0, 40, 0)
    return cluster, workload, advise(cluster, workload, failures, aim), aim


def test_view():
    """What fails, each policy with its price, what is best and what the mark means."""
    text = text_of(spares_view(*looked_at(gpu=400 * DAY)), width=120)
    assert "test on test: spares for 10 d" in text
    for part in (
        "gpu",
        "400 d",
        "24 h",
        "none",
        "20 and 4",
        "in each unit",
        "anywhere",
        "best of those that",
    ):
        assert part in text
    assert "* the workload keeps 24 ranks in a rack" in text
    assert "simulated 400 days" in text


def test_no_policy_is_enough():
    """It is said so."""
    cluster, workload, advice, aim = looked_at(gpu=DAY)
    assert advice.best is None
    assert "no policy would last 10 d with 90 %" in text_of(spares_view(cluster, workload, advice, aim))


def test_document():
    """Every policy with its name and numbers, and rates by kind."""
    cluster, _, advice, aim = looked_at(gpu=400 * DAY)
    document = json.loads(json.dumps(spares_document(cluster, advice, aim)))
    assert document["cell"] == "rack"
    assert [each["kind"] for each in document["failures"]] == ["gpu", "nic", "node", "rack", "software"]
    assert document["failures"][0]["per_day"] == 384 / 400
    assert document["policies"][0]["name"] == "none"
    assert {"survives", "goodput", "job_gpus", "needed_cells"} <= set(document["policies"][0])


def test_long_times_are_in_days():
    """Short ones as elsewhere."""
    assert [format_time(each) for each in (10.0, 86400.0, 30 * 86400.0)] == ["10 s", "24 h", "30 d"]
