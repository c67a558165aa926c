"""A simulated step as tables and data."""

from __future__ import annotations

import json

from planner.cost.simulate import simulate
from planner.report.simulate import simulation_document, simulation_view
from planner.report.trace_events import trace_events
from tests.cost.jobs import placed
from tests.report.jobs import text_of

CONTRACT = (
    "step_s",
    "tflops_per_gpu",
    "mfu",
    "tokens_per_s_per_gpu",
    "memory_bytes",
    "exposed_s",
    "bubble_s",
)


def test_document_has_what_scripts_rely_on():
    """And one entry a stage, one a link."""
    document = simulation_document(simulate(placed()))
    assert set(CONTRACT) <= set(document)
    assert [stage["stage"] for stage in document["stages"]] == [0, 1]
    assert {entry["link"] for entry in document["links"]} == {"scale_up", "node"}
    json.dumps(document, allow_nan=False)


def test_view_names_every_part():
    """The parts' seconds, each stage's memory, each family's links."""
    placement = placed()
    shown = text_of(simulation_view(placement, simulate(placement)))
    for word in (
        "causal count",
        "compute",
        "exposed tp",
        "bubble",
        "optimizer",
        "activations",
        "tp_all_gather",
    ):
        assert word in shown


def test_trace_holds_every_pass():
    """Two stages, sixteen passes each way of eight microbatches, and a track a family and link."""
    found = simulate(placed())
    events = json.loads(trace_events(found))["traceEvents"]
    passes = [e for e in events if e["ph"] == "X" and e["pid"] == 1 and e["name"].endswith((".0", ".7"))]
    assert len(passes) == 8
    named = {e["args"]["name"] for e in events if e["ph"] == "M"}
    assert {"stages", "links", "stage 0", "stage 1", "tp_all_gather over scale_up"} <= named
    assert all(e["dur"] >= 0 and e["ts"] >= 0 for e in events if e["ph"] == "X")
    last = max(e["ts"] + e["dur"] for e in events if e["ph"] == "X" and e["pid"] == 1)
    assert last / 1e6 <= found.time.step_s * 1.001
