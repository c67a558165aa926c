"""What a search found, as tables and data."""

from __future__ import annotations

import json

from planner.report.search import degrees, search_document, search_view
from planner.strategy.search import search
from tests.report.jobs import text_of
from tests.strategy.test_search import OUTLINE, QUESTION


def test_document_and_view():
    """The fastest with their degrees, and how many were looked at."""
    answer = search(QUESTION, OUTLINE, keep=2)
    document = search_document(answer, ())
    assert len(document["best"]) == 2
    assert {"tp", "pp", "dp", "schedule", "step_s", "memory_bytes", "tokens_per_s"} <= set(
        document["best"][0]
    )
    json.dumps(document, allow_nan=False)
    shown = text_of(search_view(QUESTION, OUTLINE, answer, ()))
    assert f"{answer.considered:,} strategies" in shown
    assert f"on {answer.best[0].job.mesh.world_size} of 16 GPUs" in shown
    assert degrees(answer.best[0].job) in shown
