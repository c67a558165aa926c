"""Tables of worths: what they prove lies below every cover, and rises."""

from __future__ import annotations

import numpy as np
import pytest

from planner.solve.columns.columns import relax
from planner.solve.columns.master import CapacityClass
from planner.solve.setup.control import Control
from planner.solve.splits.worths import Worths, raised
from tests.solve.splits.test_alike import least_cost, random_job
from tests.solve.vectors import random_costs


def start_of(costs, room):
    """A table of nothing, which proves little."""
    return Worths(-np.inf, np.zeros((costs.stages, min(int(room.max()), costs.replicas) + 1)))


@pytest.mark.parametrize("seed", range(40))
def test_what_a_table_proves_is_at_most_the_least(seed):
    """The bound of the best table is below the least cost of all covers, whether that is known or not."""
    costs, room, _ = random_job(seed)
    least = least_cost(costs, room)
    start = Worths(least - 20.0, start_of(costs, room).table)
    for known in (least, np.inf):
        found = raised(costs, room, start, Control(60.0), known)
        assert least - 20.0 < found.bound <= least + 1e-6


def test_a_table_rises_above_the_linear_programme():
    """Where replicas are few, worths of widths prove more than worths of cells do."""
    costs = random_costs(np.random.default_rng(2), 8, 7, forms=("touched",))
    room = np.full(8, 8, np.int32)
    coverage = np.full(8, 7, np.int32)
    plain = relax(costs, [CapacityClass(8, 8)], coverage)
    start = Worths(plain.bound, plain.duals[:, None] * np.arange(8.0))
    assert raised(costs, room, start, Control(60.0)).bound > plain.bound + 1.0


def test_without_time_the_start_stands():
    """A run that is over has the table that it began with."""
    costs, room, _ = random_job(3)
    start = start_of(costs, room)
    assert raised(costs, room, start, Control(0.0)) is start
