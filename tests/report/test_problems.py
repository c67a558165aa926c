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
    }


def test_none():
    """Nothing wrong is ok."""
    assert problems_document([]) == {"ok": True, "problems": []}
    assert valid_text(grid_cluster(1, 4)) == "test: valid, 1 node, 4 GPUs"
