"""What is said of an import."""

from __future__ import annotations

from planner.errors import Position, Problem
from planner.report.imported import MOST_SHOWN, MOST_SHOWN_OF_A_KIND, warnings_text


def findings(code, number):
    """So many findings of a kind."""
    return [Problem(code, f"{code} {n}", Position("x", n + 1, 1, 1, "line")) for n in range(number)]


def test_few_warnings_in_full():
    """With place, code and caret."""
    text = warnings_text(findings("I015", 2))
    assert text.startswith("x:1:1: warning[I015]: I015 0\n 1 | line\n   | ^")
    assert "more" not in text


def test_many_of_a_kind():
    """The first of each kind, so that one does not hide the others, and how many are left."""
    text = warnings_text(findings("I015", 12) + findings("I016", 2))
    assert text.count("warning[I015]") == MOST_SHOWN_OF_A_KIND
    assert text.count("warning[I016]") == 2
    assert text.endswith("and 7 more (7 I015)")


def test_many_kinds():
    """No more than a screen or two."""
    many = [problem for kind in range(9) for problem in findings(f"I0{kind}0", 5)]
    text = warnings_text(many)
    assert text.count("warning[") == MOST_SHOWN
    assert "and 25 more" in text
