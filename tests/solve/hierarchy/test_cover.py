"""Covers in whole numbers: every cell placed once, no domain over its room, never dearer than greedy."""

from __future__ import annotations

import numpy as np
import pytest

from planner.solve.columns.columns import relax
from planner.solve.columns.master import CapacityClass
from planner.solve.columns.residual import fill, fill_in_line, pieces_bytes
from planner.solve.hierarchy.cover import cover
from planner.solve.setup.control import Control
from tests.solve.vectors import random_costs


def quick():
    """One worker, little time."""
    return Control(20.0, workers=1)


def drawn(seed, slack):
    """Random terms and ragged classes with `slack` cells more room than there are cells."""
    rng = np.random.default_rng(seed)
    stages, replicas = int(rng.integers(1, 7)), int(rng.integers(1, 13))
    shape = [{}, {"ring": True}, {"folded": True}][seed % 3] if stages > 3 else {}
    costs = random_costs(rng, stages, replicas, **shape)
    need, classes = stages * replicas + slack, []
    while need > 0:
        capacity, count = int(rng.integers(1, 10)), int(rng.integers(1, 6))
        if capacity * count > need:
            capacity, count = need, 1
        classes.append(CapacityClass(capacity, count))
        need -= capacity * count
    return costs, classes, np.full(stages, replicas, np.int32)


def holds(pieces, classes, coverage, every_domain=True):
    """Whether the pieces cover exactly and fit; counts equal the classes' where every domain is listed."""
    total = sum(p.count * p.widths.astype(np.int64) for p in pieces)
    assert total.tolist() == coverage.tolist()
    for kind, k in enumerate(classes):
        mine = [p for p in pieces if p.kind == kind]
        used = sum(p.count for p in mine)
        assert used == k.count if every_domain else used <= k.count
        assert all((p.widths >= 0).all() and p.widths.sum() <= k.capacity for p in mine)


def greedy(costs, classes, coverage):
    """f of the greedy fill by the relaxation's duals."""
    return costs.domain_bytes(fill(costs, classes, coverage, relax(costs, classes, coverage).duals)[1]).sum()


@pytest.mark.parametrize("slack", [0, 1, 7], ids=["full", "one free", "slack"])
@pytest.mark.parametrize("first", [0, 4])
def test_covers_exactly_within_rooms(slack, first):
    """Full clusters and ones with slack: exact cover, rooms kept, at least the bound, at most greedy."""
    for seed in range(first, first + 4):
        costs, classes, coverage = drawn(seed, slack)
        pieces = cover(costs, classes, coverage, quick()).pieces
        holds(pieces, classes, coverage)
        reached = pieces_bytes(costs, pieces)
        assert reached <= greedy(costs, classes, coverage) + 1e-6
        assert reached <= pieces_bytes(costs, fill_in_line(costs, classes, coverage)) + 1e-6
        assert reached >= relax(costs, classes, coverage).bound - 1e-6


def test_uneven_coverage():
    """Stages may have different numbers of cells left, some none."""
    costs = random_costs(np.random.default_rng(4), 4, 6)
    classes = [CapacityClass(4, 3), CapacityClass(3, 2)]
    coverage = np.asarray([6, 0, 5, 4], np.int32)
    holds(cover(costs, classes, coverage, quick()).pieces, classes, coverage)


def test_boxes_that_divide_are_optimal():
    """The 16 x 64 instance with S = V = 1 on 128 nodes of 8 reaches its bound with 2 x 4 boxes."""
    costs = random_costs(np.random.default_rng(0), 16, 64, forms=())
    costs.v[:] = 1.0
    object.__setattr__(costs, "terms", (("touched", 64, np.full(16, 2.0)),))
    coverage = np.full(16, 64, np.int32)
    pieces = cover(costs, [CapacityClass(8, 128)], coverage, quick()).pieces
    assert pieces_bytes(costs, pieces) - 2 * 16 + 15 * 64 == 928


def test_one_child_takes_all():
    """A single usable child holds everything; those without room or of count 0 stay empty."""
    costs = random_costs(np.random.default_rng(0), 3, 2)
    classes = [CapacityClass(0, 4), CapacityClass(6, 1), CapacityClass(5, 0)]
    coverage = np.full(3, 2, np.int32)
    holds(cover(costs, classes, coverage, quick()).pieces, classes, coverage)


def test_no_cells_leave_every_child_empty():
    """A domain that holds no cell gives its children empty vectors of all stages, or none at all."""
    costs = random_costs(np.random.default_rng(0), 3, 2)
    classes = [CapacityClass(2, 2)]
    assert not any(p.widths.any() for p in cover(costs, classes, np.zeros(3, np.int32), quick()).pieces)


def test_a_stopped_run_still_covers():
    """With the stop event set no search runs, and the cover is exact all the same."""
    for seed in range(6):
        costs, classes, coverage = drawn(seed, 2)
        control = quick()
        control.stop.set()
        holds(cover(costs, classes, coverage, control).pieces, classes, coverage)


def test_large_domains_are_covered():
    """Domains of several hundred cells, where columns are real vectors, are covered in whole numbers."""
    rng = np.random.default_rng(7)
    costs = random_costs(rng, 5, 300, forms=("touched",))
    classes = [CapacityClass(301, 3), CapacityClass(250, 3)]
    coverage = np.full(5, 300, np.int32)
    pieces = cover(costs, classes, coverage, quick()).pieces
    holds(pieces, classes, coverage)
    assert pieces_bytes(costs, pieces) <= greedy(costs, classes, coverage) + 1e-6
