"""Walks that end soon, for tests that a walk of a second at each of hundreds of tiny jobs adds nothing to."""

from __future__ import annotations

import pytest

from planner.solve.setup.control import Control
from planner.solve.splits.few_domains import splits_compiled
from planner.solve.walks import anneal, restarts
from planner.solve.walks.loops import walks_compiled


@pytest.fixture(scope="session")
def compiled():
    """Walks and splits compiled, which takes longer on a busy machine than a run has time."""
    assert walks_compiled(Control(1.0, deterministic=True))
    assert splits_compiled(Control(1.0, deterministic=True))


@pytest.fixture
def short_walks(monkeypatch, compiled):
    """Walks that begin with few moves and end soon, so that several follow on each other."""
    monkeypatch.setattr(anneal, "FIRST_MOVES_A_CELL", 2)
    monkeypatch.setattr(anneal, "MOST_MOVES_A_CELL", 500)
    monkeypatch.setattr(anneal, "MOST_WORK_A_CELL", 500)
    monkeypatch.setattr(restarts, "FIRST_MOVES_A_CELL", 2)
    monkeypatch.setattr(restarts, "MOST_WORK_A_CELL", 100)


@pytest.fixture(params=["short walks", pytest.param("long walks", marks=pytest.mark.slow)])
def walks(request, compiled):
    """Short walks, and among the slow tests the long ones that users get."""
    if request.param == "short walks":
        request.getfixturevalue("short_walks")
