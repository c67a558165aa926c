"""Polish: a few domains at a time shared out again, never for the worse."""

from __future__ import annotations

import numpy as np
import pytest

from planner.solve.columns.columns import relax
from planner.solve.columns.polish import polish
from planner.solve.columns.residual import fill
from planner.solve.setup.control import Control
from tests.solve.hierarchy.test_cover import drawn


def filled(seed):
    """A greedy fill and what the relaxation says of it."""
    costs, classes, coverage = drawn(seed, 2)
    relaxation = relax(costs, classes, coverage)
    kinds, widths = fill(costs, classes, coverage, np.zeros(costs.stages))
    return costs, [classes[kind].capacity for kind in kinds], widths, relaxation


@pytest.mark.parametrize("seed", range(8))
def test_never_worse_and_still_a_cover(seed):
    """The sum of f never rises, cells stay covered and rooms kept, and the bound holds."""
    costs, rooms, widths, relaxation = filled(seed)
    before = costs.domain_bytes(widths).sum()
    after = polish(
        costs, rooms, widths.copy(), relaxation.duals, relaxation.bound, Control(20.0, workers=1), 0.2
    )
    assert after.sum(axis=0).tolist() == widths.sum(axis=0).tolist()
    assert (after.sum(axis=1) <= rooms).all()
    assert relaxation.bound - 1e-6 <= costs.domain_bytes(after).sum() <= before + 1e-9


def test_something_is_gained():
    """Over several greedy fills polish finds better vectors."""
    gains = []
    for seed in (1, 3, 4, 7, 9):
        costs, rooms, widths, relaxation = filled(seed)
        control = Control(20.0, workers=1)
        after = polish(costs, rooms, widths.copy(), relaxation.duals, relaxation.bound, control, 0.3)
        gains.append(costs.domain_bytes(widths).sum() - costs.domain_bytes(after).sum())
    assert max(gains) > 0


def test_a_met_bound_is_left_alone():
    """Where the bound is reached nothing is searched."""
    costs, rooms, widths, relaxation = filled(3)
    reached = float(costs.domain_bytes(widths).sum())
    after = polish(costs, rooms, widths.copy(), relaxation.duals, reached, Control(20.0), 1.0)
    assert np.array_equal(after, widths)


def test_a_stopped_run_is_left_alone():
    """With the stop event set the vectors come back as they were."""
    costs, rooms, widths, relaxation = filled(3)
    control = Control(20.0)
    control.stop.set()
    after = polish(costs, rooms, widths.copy(), relaxation.duals, relaxation.bound, control, 1.0)
    assert np.array_equal(after, widths)
