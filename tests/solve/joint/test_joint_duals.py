"""Duals between those of the best bound and others."""

from __future__ import annotations

import numpy as np
import pytest

from planner.solve.joint.joint_duals import Centre


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
