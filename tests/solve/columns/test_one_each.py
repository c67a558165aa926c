"""One segment for each domain: what is chosen covers, fits, and is the best choice there is."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
import pytest

from planner.solve.columns.master import CapacityClass
from planner.solve.columns.one_each import MOST_OVER, nearest_alone, one_each, worth_one_each
from planner.solve.columns.packing import Packing
from planner.solve.columns.residual import fill_in_line, pieces_bytes
from planner.solve.columns.segments import nearest_segments
from planner.solve.setup.control import Control
from tests.solve.hierarchy.test_cover import holds
from tests.solve.vectors import every_vector, is_segment, random_costs


def work(limit_s=60.0):
    """One worker, limited by work and not by the clock."""
    return Control(limit_s, workers=1, deterministic=True)


def segments(stages, room):
    """Every segment of at most `room` cells, on a path, shape (segments, stages)."""
    vectors = every_vector(stages, room, room)
    return np.stack([each for each in vectors if each.any() and is_segment(each, ring=False)])


def least_chosen(costs, classes, coverage, widths):
    """Least sum of f over all choices of one segment for each domain that add up to the coverage."""
    rooms = sorted((k.capacity for k in classes for _ in range(k.count)), reverse=True)
    widths = np.concatenate((widths, np.zeros((1, widths.shape[1]), np.int32)))
    each, cells, least = costs.domain_bytes(widths), widths.sum(axis=1), np.inf
    for chosen in map(list, combinations_with_replacement(range(len(widths)), len(rooms))):
        fits = (np.sort(cells[chosen])[::-1] <= rooms).all()
        if fits and (widths[chosen].sum(axis=0) == coverage).all():
            least = min(least, float(each[chosen].sum()))
    return least


@pytest.mark.parametrize("seed", range(12))
def test_the_best_choice_is_found(seed):
    """Against every choice there is, where all segments may be chosen and where only some may."""
    rng = np.random.default_rng(seed)
    costs = random_costs(rng, 2, 6)
    classes = [CapacityClass(3, 2), CapacityClass(4, 2)]
    coverage = np.asarray([6, 6], np.int32)
    widths = segments(2, 4)
    if seed % 2:
        widths = widths[rng.random(len(widths)) < 0.7]
    least = least_chosen(costs, classes, coverage, widths)
    found = one_each(costs, classes, coverage, widths, work(), 60.0)
    if found:
        holds(found, classes, coverage, every_domain=False)
        # Of choices with cells to take out there are some that none of these is.
        assert pieces_bytes(costs, found) <= least
    else:
        assert least == np.inf


@pytest.mark.parametrize("over", [1, MOST_OVER])
def test_cells_that_are_too_many_are_taken_out(over):
    """Segments that only add up to more are used, and give up cells until they add up."""
    costs = random_costs(np.random.default_rng(1), 3, 40 - over)
    widths = np.full((1, 3), 10, np.int32)
    classes, coverage = [CapacityClass(30, 4)], np.full(3, 40 - over, np.int32)
    found = one_each(costs, classes, coverage, widths, work(), 60.0)
    holds(found, classes, coverage)


def test_where_nothing_adds_up_nothing_is_chosen():
    """Far too many cells, or too few domains."""
    costs = random_costs(np.random.default_rng(1), 3, 40)
    widths = np.full((1, 3), 10, np.int32)
    for classes, replicas in (([CapacityClass(30, 4)], 40 - MOST_OVER - 1), ([CapacityClass(30, 3)], 40)):
        assert one_each(costs, classes, np.full(3, replicas, np.int32), widths, work(), 60.0) == []


def test_a_run_that_is_stopped_ends_at_once():
    """What there is by then is taken; mostly that is nothing."""
    costs, classes, coverage = racks()
    control = Control(600.0, workers=1)
    control.stop.set()
    packing = Packing(costs, classes, coverage, fill_in_line(costs, classes, coverage), work())
    nearest, _ = nearest_segments(costs, packing.worth, packing.excess, 1e3, 6_000)
    alone = nearest_alone(nearest, packing.worth, packing.excess)
    assert one_each(costs, classes, coverage, alone, control, 600.0) == []


def racks():
    """Large domains of unequal room, and a job that nearly fills them."""
    costs = random_costs(np.random.default_rng(3), 3, 250)
    return costs, [CapacityClass(26, 15), CapacityClass(28, 15)], np.full(3, 250, np.int32)


def test_it_is_better_than_packing_on_large_racks():
    """Far from the best, packing begins with it; the same bytes each time."""
    costs, classes, coverage = racks()
    known = fill_in_line(costs, classes, coverage)
    values = []
    for _ in range(2):
        packing = Packing(costs, classes, coverage, known, work())
        before = packing.value
        packing.search_one_each(60.0)
        holds(packing.pieces, classes, coverage, every_domain=False)
        values.append(packing.value)
        assert packing.bound <= packing.value < before
    assert values[0] == values[1]


@pytest.mark.parametrize(
    ("classes", "worth"),
    [
        ([CapacityClass(24, 24)], True),
        ([CapacityClass(24, 12), CapacityClass(72, 12)], True),
        ([CapacityClass(24, 23)], False),
        ([CapacityClass(23, 1), CapacityClass(72, 90)], False),
    ],
)
def test_where_it_is_worth_a_try(classes, worth):
    """Where all domains are large and there are many."""
    assert worth_one_each(classes) is worth
