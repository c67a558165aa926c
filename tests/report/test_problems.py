"""Mistakes in a file as plain data."""

from __future__ import annotations

from planner.errors import Position, Problem
from planner.report.problems import problems_document, valid_text
from tests.builders import grid_cluster


def test_problems():
    """Everything that the text shows, field by field."""
    problem = Problem("V001", "unknown key", Position("a.yaml", 2, 3), "name", "'name'")
    assert problems_document([problem, Problem("T001", "bad")]) == {
        "ok": False,
        "problems": [
            {
                "code": "V001",
                "message": "unknown key",
                "file": "a.yaml",
                "line": 2,
                "column": 3,
                "expected": "name",
                "suggestion": "'name'",
            },
            {
                "code": "T001",
                "message": "bad",
                "file": None,
                "line": None,
                "column": None,
                "expected": None,
                "suggestion": None,
            },
        ],
        "more": 0,
    }


def test_no_more_than_a_thousand():
    """A list without end is cut, and says by how much."""
    document = problems_document([Problem("T006", str(index)) for index in range(1500)])
    assert (len(document["problems"]), document["more"]) == (1000, 500)


def test_none():
    """Nothing wrong is ok."""
    assert problems_document([]) == {"ok": True, "problems": [], "more": 0}
    assert valid_text(grid_cluster(1, 4)) == "test: valid, 1 node, 4 GPUs"
