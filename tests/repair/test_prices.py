"""Bounds by guessed prices: against exhaustive optima, the relaxation, and plain maximisation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.repair.prices import best_level, priced_bound
from planner.solve.columns.columns import relax
from planner.solve.columns.master import CapacityClass
from planner.solve.reduction.reduction import reduce_costs
from planner.solve.setup.blocks import candidate_blocks
from tests.builders import grid_workload
from tests.solve.vectors import least_cover, ragged_classes, random_costs


@pytest.mark.parametrize("shape", [{}, {"ring": True}, {"folded": True}], ids=["path", "ring", "folded"])
def test_nothing_costs_less(shape):
    """No integer cover is below the bound, and nor is the linear relaxation."""
    for seed in range(25):
        rng = np.random.default_rng(seed)
        stages, replicas = int(rng.integers(4, 5) if shape else rng.integers(2, 4)), int(rng.integers(1, 4))
        costs = random_costs(rng, stages, replicas, **shape)
        cells = stages * replicas
        ragged = ragged_classes(rng, cells, 6)
        classes = [CapacityClass(min(each.capacity, cells), each.count) for each in ragged]
        coverage = np.full(stages, replicas, np.int32)
        bound = priced_bound(costs, classes)
        slack = 1e-9 * max(1.0, abs(bound))
        assert bound <= least_cover(costs, classes, coverage) + slack
        assert bound <= relax(costs, classes, coverage).bound + slack


def test_met_by_boxes():
    """Where equal boxes are the best there is, guessed prices prove it: 2 x 4 boxes of 16 x 64 cells."""
    job = grid_workload(dp=64, pp=16, families=[("dp", "all_reduce", 1.0), ("pp", "path", 1.0)])
    costs = reduce_costs(job.families, candidate_blocks(job.mesh)[0])
    assert priced_bound(costs, [CapacityClass(8, 128)]) + costs.constant == pytest.approx(928)


def test_near_the_relaxation_with_room_to_spare():
    """A tenth more domains than needed, some of them smaller: within 1 % of the relaxation."""
    job = grid_workload(dp=191, pp=16, families=[("dp", "all_reduce", 8.0), ("pp", "path", 2.0)])
    costs = reduce_costs(job.families, candidate_blocks(job.mesh)[0])
    classes = [CapacityClass(7, 40), CapacityClass(8, 390)]
    best = relax(costs, classes, np.full(16, 191, np.int32)).bound
    assert best * 0.99 <= priced_bound(costs, classes) <= best * (1 + 1e-9)


@settings(deadline=None)
@given(st.data())
def test_best_level_is_the_highest(data):
    """No level of a fine grid is above it, and it is reached at one of the slopes between two sizes."""
    room = data.draw(st.integers(1, 6))
    numbers = st.integers(-20, 20).map(float)
    best = np.array([0.0, *data.draw(st.lists(numbers, min_size=room, max_size=room))])
    counts = data.draw(st.lists(st.integers(0, 3), min_size=room, max_size=room))
    classes = [CapacityClass(size, count) for size, count in enumerate(counts, 1)]
    classes.append(CapacityClass(room, 1))
    cells = data.draw(st.integers(1, sum(each.capacity * each.count for each in classes)))

    def value(level):
        reduced = best - level * np.arange(room + 1)
        return level * cells + sum(each.count * reduced[: each.capacity + 1].min() for each in classes)

    slopes = {
        float(best[large] - best[small]) / (large - small)
        for large in range(1, room + 1)
        for small in range(large)
    }
    found = best_level(best, classes, cells)
    assert found == pytest.approx(max(value(level) for level in slopes), abs=1e-6)
    assert all(value(level) <= found + 1e-6 for level in np.linspace(-60, 60, 241))
