"""`planner simulate`."""

from __future__ import annotations

import json

import pytest

from tests.cli.commands import planner

WORKLOAD = """\
format_version: 1
name: small
model: llama-3.1-8b
parallelism: {tp: 2, pp: 2, dp: 4}
batch: {global: 32, micro: 1, sequence: 4096}
"""


@pytest.fixture
def modelled(topology, tmp_path):
    """A placement of a job that has a model."""
    workload = tmp_path / "modelled.yaml"
    workload.write_text(WORKLOAD)
    path = tmp_path / "modelled.json"
    assert planner("plan", topology, workload, "-o", path).code == 0
    return path


def test_json(modelled):
    """One document with the contract's keys."""
    document = planner("simulate", modelled, "--json").document
    assert document["step_s"] > 0
    assert 0 < document["mfu"] < 1
    assert set(document["exposed_s"]) == {"tp", "cp", "ep", "pp", "dp"}


def test_count_of_operations_changes_the_rate_alone(modelled):
    """More operations in the same time."""
    causal, full = (
        planner("simulate", modelled, "--flops", c, "--json").document for c in ("causal", "full")
    )
    assert causal["step_s"] == full["step_s"]
    assert causal["mfu"] < full["mfu"]


def test_trace(modelled, tmp_path):
    """Written beside what is shown."""
    trace = tmp_path / "trace.json"
    outcome = planner("simulate", modelled, "--trace", trace)
    assert outcome.code == 0
    assert "one step, simulated" in outcome.out
    assert json.loads(trace.read_text())["traceEvents"]


def test_traffic_given_outright_is_refused(placement):
    """With a code and what is missing."""
    outcome = planner("simulate", placement)
    assert outcome.code == 2
    assert "U007" in outcome.err
