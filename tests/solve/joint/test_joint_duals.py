"""Duals between those of the best bound and others."""

from __future__ import annotations

import numpy as np
import pytest

from planner.solve.columns.master import Rounding
from planner.solve.joint.joint_duals import Centre
from planner.solve.joint.rounded_rows import ALL


def test_duals_between_two_are_nearer_to_the_first():
    """Worth, shares and rents, and with them what the job is worth, are mixed in one proportion."""
    first = Centre({0: np.zeros((2, 3))}, np.zeros(1), [np.zeros(4)])
    other = Centre({0: np.full((2, 3), 10.0)}, np.ones(1), [np.full(4, 10.0)])
    between = first.towards(other)
    part = float(between.shares[0])
    assert 0 < part < 0.5
    assert between.worth[0] == pytest.approx(np.full((2, 3), 10 * part))
    assert between.rents[0] == pytest.approx(np.full(4, 10 * part))
    assert between.value == pytest.approx(part * other.value)


def test_numbers_of_cells_are_worth_what_their_rows_say():
    """Each row its dual for every part that a number rounds up to; the job is worth that of all its cells."""
    quarter, third = Rounding(ALL, 1, 4), Rounding(ALL, 1, 3)
    first = Centre({0: np.zeros((2, 5))}, np.zeros(1), [], {0: {quarter: 3.0, third: 1.0}})
    assert first.of_size(0, np.arange(6)).tolist() == [0, 4, 4, 4, 5, 8]
    assert first.of_size(1, np.arange(2)).tolist() == [0, 0]
    assert first.value == 3 * 2 + 1 * 3
    other = Centre({0: np.zeros((2, 5))}, np.ones(1), [], {0: {third: 2.0}})
    between = first.towards(other)
    part = float(between.shares[0])
    assert between.sizes[0][quarter] == pytest.approx(3 * (1 - part))
    assert between.sizes[0][third] == pytest.approx(1 + part)
