"""The benchmark of searches: that it runs, and what its rows say."""

from __future__ import annotations

import pytest

from planner.library import find
from tests.benchmarks.search import CASES, Case, Run, row, rows


def test_cases_are_there():
    """Every topology and model ships with the planner."""
    for case in CASES:
        find("topology", case.topology)
        find("model", case.model)


def test_a_row_has_medians():
    """Of the seconds of all repeats."""
    runs = [Run(10, 3, 1.0, None, wall, cpu) for wall, cpu in ((5.0, 1.0), (1.0, 9.0), (2.0, 3.0))]
    assert row(Case("a", "b", 8), runs)[3:] == ("10", "3", "1", "-", "2.0", "3.0")


@pytest.mark.slow
def test_runs():
    """The smallest case, in a process of its own."""
    (made,) = rows(CASES[:1], 1, 1)
    assert int(made[3].replace(",", "")) > int(made[4].replace(",", "")) > 0
    assert float(made[6]) > 0
