"""The last cells: greedy fills and the integer programme in the widths themselves."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from planner.solve.columns.master import CapacityClass
from planner.solve.columns.residual import (
    SCALE_LIMIT,
    fill,
    fill_in_line,
    pieces_bytes,
    place_rest,
    share_out,
    whole_numbers,
)
from planner.solve.setup.control import Control
from tests.solve.hierarchy.test_cover import drawn, holds
from tests.solve.vectors import every_vector, random_costs


@pytest.mark.parametrize("slack", [0, 3])
def test_fill_places_every_cell(slack):
    """The greedy fill covers exactly within the rooms, whatever the duals."""
    for seed in range(40):
        costs, classes, coverage = drawn(seed, slack)
        duals = np.random.default_rng(seed).normal(0.0, 20.0, costs.stages)
        kinds, widths = fill(costs, classes, coverage, duals)
        rooms = np.asarray([classes[kind].capacity for kind in kinds])
        assert widths.sum(axis=0).tolist() == coverage.tolist()
        assert (widths.sum(axis=1) <= rooms).all()
        assert (widths >= 0).all()
        assert np.bincount(kinds, minlength=len(classes)).tolist() == [k.count for k in classes]


@pytest.mark.parametrize("slack", [0, 3])
def test_lines_place_every_cell(slack):
    """Cells lined up and cut by the rooms cover exactly, with slack left in the last domains."""
    for seed in range(40):
        costs, classes, coverage = drawn(seed, slack)
        best = fill_in_line(costs, classes, coverage)
        holds(best, classes, coverage, every_domain=False)
        hurried = fill_in_line(costs, classes, coverage, hurried=True)
        holds(hurried, classes, coverage, every_domain=False)
        assert pieces_bytes(costs, best) <= pieces_bytes(costs, hurried)


def test_cells_that_do_not_fit_are_a_mistake_of_ours():
    """Domains smaller than what they are given raise with the number of cells too many."""
    costs = random_costs(np.random.default_rng(0), 2, 3)
    with pytest.raises(RuntimeError, match="2 cells do not fit"):
        fill(costs, [CapacityClass(2, 2)], np.full(2, 3, np.int32), np.zeros(2))


def cheapest_share(costs, rooms, left):
    """The least sum of f over every way to share out the cells."""
    choices = [every_vector(costs.stages, int(left.max()), room) for room in rooms]
    best = np.inf
    for picks in product(*(range(len(c)) for c in choices[:-1])):
        taken = sum(c[i] for c, i in zip(choices, picks, strict=False))
        rest = left - taken
        if (rest >= 0).all() and rest.sum() <= rooms[-1]:
            rows = [c[i] for c, i in zip(choices, picks, strict=False)]
            best = min(best, float(costs.domain_bytes(np.stack([*rows, rest])).sum()))
    return best


@pytest.mark.parametrize("shape", [{}, {"ring": True}, {"folded": True}], ids=["path", "ring", "folded"])
def test_sharing_out_is_exact(shape):
    """Three domains' cells are shared out at the least cost of any way, with all forms of h."""
    for seed in range(6):
        rng = np.random.default_rng(seed)
        stages = 4 if shape else 3
        costs = random_costs(rng, stages, 2, **shape)
        rooms = [3, 4, 3] if shape else [2, 3, 2]
        start = np.zeros((3, stages), np.int32)
        cells = rng.permutation(np.repeat(np.arange(stages), 2))[: sum(rooms)]
        np.add.at(start, (np.repeat(np.arange(3), rooms)[: len(cells)], cells), 1)
        after = share_out(costs, rooms, start, Control(20.0, workers=1), 5.0)
        assert after.sum(axis=0).tolist() == start.sum(axis=0).tolist()
        assert (after.sum(axis=1) <= rooms).all()
        least = cheapest_share(costs, rooms, start.sum(axis=0))
        assert costs.domain_bytes(after).sum() == pytest.approx(least, abs=1e-6)


def test_a_stopped_search_keeps_the_start():
    """Without time the start comes back, or something no dearer."""
    costs, classes, coverage = drawn(4, 0)
    kinds, start = fill(costs, classes, coverage, np.zeros(costs.stages))
    control = Control(20.0, workers=1)
    control.stop.set()
    after = share_out(costs, [classes[k].capacity for k in kinds], start, control, 1.0)
    assert costs.domain_bytes(after).sum() <= costs.domain_bytes(start).sum()
    assert after.sum(axis=0).tolist() == coverage.tolist()


def test_nothing_left_needs_no_domain():
    """No cells, no pieces."""
    costs = random_costs(np.random.default_rng(0), 2, 3)
    none = np.zeros(2, np.int32)
    assert place_rest(costs, [CapacityClass(2, 2)], none, np.zeros(2), Control(1.0), 1.0) == []


def test_whole_weights_stay_as_they_are():
    """Whole numbers far from overflow are kept; others are scaled, in order and within the limit."""
    assert whole_numbers(np.asarray([3.0, -2.0, 0.0]), 1000).tolist() == [3, -2, 0]
    assert whole_numbers(np.zeros(2), 10).tolist() == [0, 0]
    values = np.asarray([0.1, 0.25, 1e13])
    scaled = whole_numbers(values, 1000)
    assert scaled.max() * 1000 <= SCALE_LIMIT * (1 + 1e-9)
    assert (np.diff(scaled) >= 0).all()
    assert whole_numbers(np.asarray([0.5, 1.5]), 10)[1] == 3 * whole_numbers(np.asarray([0.5, 1.5]), 10)[0]


@pytest.mark.parametrize("seed", range(6))
def test_shares_see_what_lies_ahead(seed):
    """What widths cost further in counts: the best share is that of all, by f and what lies ahead."""
    rng = np.random.default_rng(seed)
    costs = random_costs(rng, 2, 5, forms=("touched",))
    steps = np.cumsum(rng.integers(0, 9, (2, 6)), axis=1) * 0.75
    ahead = costs.looking_ahead(steps - steps[:, :1])
    rooms, start = [5, 5], np.asarray([[5, 0], [0, 5]], np.int32)
    found = share_out(ahead, rooms, start, Control(20.0, workers=1), 20.0)
    best = min(
        ahead.domain_bytes(np.asarray([[a, b], [5 - a, 5 - b]], np.int32)).sum()
        for a in range(6)
        for b in range(6)
        if a + b <= 5 and 10 - a - b <= 5
    )
    assert found.sum(axis=0).tolist() == [5, 5]
    assert ahead.domain_bytes(found).sum() == pytest.approx(best, rel=1e-3)
