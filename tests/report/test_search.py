"""What a search found, as tables and data."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

from planner.report.search import degrees, search_document, search_view
from planner.strategy.ranking import Ranked
from planner.strategy.search import search
from tests.report.jobs import text_of
from tests.strategy.questions import OUTLINE, QUESTION


def found():
    """An answer, and its ranking: the second placed, the first not, the third impossible."""
    answer = search(QUESTION, OUTLINE, keep=3)
    placed = SimpleNamespace(
        simulation=SimpleNamespace(time=SimpleNamespace(step_s=9.0)), without=("r01", "r02/n3")
    )
    first, second, third = answer.best
    return answer, [Ranked(second, placed), Ranked(first), Ranked(third, why_not="no room")]


def test_document():
    """The fastest with their degrees, which of them were placed, and how many were looked at."""
    document = search_document(*found())
    assert [each["placed_step_s"] for each in document["best"]] == [9.0, None, None]
    assert document["best"][2]["why_not_placed"] == "no room"
    wanted = {"tp", "pp", "dp", "schedule", "step_s", "memory_bytes", "tokens_per_s"}
    assert wanted <= set(document["best"][0])
    assert document["complete"]
    json.dumps(document, allow_nan=False)


def test_what_was_left_out():
    """Named where the first was placed, and in the document; many names are cut short."""
    answer, ranking = found()
    assert search_document(answer, ranking)["best"][0]["placed_without"] == ["r01", "r02/n3"]
    assert "enough: r01, r02/n3;" in text_of(search_view(QUESTION, OUTLINE, answer, ranking))
    ranking[0].placed.without = tuple(f"r{number}" for number in range(1000))
    assert "r11 and 988 more;" in text_of(search_view(QUESTION, OUTLINE, answer, ranking))
    ranking[0].placed.without = ()
    assert "enough" not in text_of(search_view(QUESTION, OUTLINE, answer, ranking))


def test_view():
    """The first is what was placed; what is predicted and what is not is told apart."""
    answer, ranking = found()
    shown = text_of(search_view(QUESTION, OUTLINE, answer, ranking))
    assert f"{answer.considered:,} strategies" in shown
    assert f"the fastest, as placed: {32 * 2048 / 9.0:,.0f} tokens/s" in shown
    assert f"{degrees(answer.best[2].job)} cannot be placed: no room" in shown
    assert "none of the others, cut evenly, is predicted to be faster" in shown
    assert "9 s" in shown


def test_view_of_a_search_that_was_stopped():
    """Nobody is told that nothing is faster."""
    answer, ranking = found()
    shown = text_of(search_view(QUESTION, OUTLINE, replace(answer, complete=False), ranking[1:]))
    assert "others may be faster" in shown
    assert "none of the others" not in shown
    assert "as predicted" in shown
