"""Walks that end soon, for tests that a walk of a second at each of hundreds of tiny jobs adds nothing to."""

from __future__ import annotations

import pytest

from planner.solve import anneal


@pytest.fixture
def short_walks(monkeypatch):
    """Walks that begin with few moves and end soon, so that several follow on each other."""
    monkeypatch.setattr(anneal, "FIRST_MOVES_A_CELL", 2)
    monkeypatch.setattr(anneal, "MOST_MOVES_A_CELL", 500)
    monkeypatch.setattr(anneal, "MOST_WORK_A_CELL", 500)


@pytest.fixture(params=["short walks", pytest.param("long walks", marks=pytest.mark.slow)])
def walks(request):
    """Short walks, and among the slow tests the long ones that users get."""
    if request.param == "short walks":
        request.getfixturevalue("short_walks")
