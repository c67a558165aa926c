"""Pairs inside outer domains: each of these holds what it held, nothing costs more, two share out best."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.solve.reduction.tree import Level, summed
from planner.solve.setup.control import Control
from planner.solve.walks import pairs_inside
from planner.solve.walks.paired_kernel import held_by_each
from planner.solve.walks.pairs import held_by
from planner.solve.walks.pairs_inside import FEWEST_TURNS, pairs_fit, shared_inside, turns_for
from tests.solve.vectors import random_costs
from tests.solve.walks.test_pairs import best_share

NOISE = 4.0


def limits(**settings):
    """Limits that nothing here meets."""
    return Control(20.0, deterministic=True, **settings)


def inside_some(seed, most=5):
    """Random terms and domains with random contents inside random outer ones, in no order."""
    rng = np.random.default_rng(seed)
    stages = int(rng.integers(2, 6))
    costs = random_costs(rng, stages, 30, ring=bool(rng.random() < 0.3))
    parent = rng.permutation(np.repeat(np.arange(4), rng.integers(0, most, 4))).astype(np.int32)
    widths = rng.integers(0, 3, (len(parent), stages)).astype(np.int32)
    rooms = (widths.sum(axis=1) + rng.integers(0, 3, len(parent))).astype(np.int32)
    return costs, Level(0, 1.0, rooms, parent, np.zeros(len(parent), np.int32)), widths


@given(st.integers(0, 10**6))
@settings(max_examples=40)
def test_contents_of_outer_domains_stay_in_them(seed):
    """Every outer domain holds what it held, within the rooms of those inside it, and pays no more."""
    costs, level, widths = inside_some(seed)
    if not len(widths):
        return
    before = widths.copy()
    found = shared_inside(costs, level, widths, NOISE, 20, seed, limits())
    assert np.array_equal(widths, before)
    assert np.array_equal(summed(found, level.parent, 4), summed(widths, level.parent, 4))
    assert (found >= 0).all()
    assert (found.sum(axis=1) <= np.maximum(level.room, 0)).all()
    paid = [np.bincount(level.parent, costs.domain_bytes(each)) for each in (widths, found)]
    assert (paid[1] <= paid[0] + 1e-9).all()


@pytest.mark.parametrize("seed", range(12))
def test_two_inside_one_end_in_the_best_share(seed):
    """Without much noise two domains inside an outer one share out in the best way there is."""
    rng = np.random.default_rng(seed)
    costs = random_costs(rng, 4, 6)
    widths = rng.integers(0, 3, (4, 4)).astype(np.int32)
    rooms = (widths.sum(axis=1) + rng.integers(0, 3, 4)).astype(np.int32)
    level = Level(0, 1.0, rooms, np.asarray([0, 1, 0, 1], np.int32), np.zeros(4, np.int32))
    found = shared_inside(costs, level, widths, 1e-9, 50, seed, limits())
    for outer in range(2):
        both = np.flatnonzero(level.parent == outer)
        least = best_share(costs, widths[both].sum(axis=0), rooms[both])
        assert float(costs.domain_bytes(found[both]).sum()) == pytest.approx(least)


def test_workers_change_nothing():
    """One worker and four find the same."""
    costs, level, widths = inside_some(7)
    one, four = (
        shared_inside(costs, level, widths, NOISE, 30, 1, limits(workers=workers)) for workers in (1, 4)
    )
    assert np.array_equal(one, four)


def test_nothing_is_done_once_the_time_is_over():
    """After the end widths stay as they are."""
    costs, level, widths = inside_some(7)
    control = Control(20.0)
    control.stop.set()
    assert np.array_equal(shared_inside(costs, level, widths, NOISE, 30, 1, control), widths)


@given(st.integers(0, 10**6))
def test_holders_are_those_that_hold(seed):
    """The compiled lists of who holds what are those of whole tiers."""
    costs, level, widths = inside_some(seed)
    table, kept = costs.holding(costs.replicas + 1), np.append(costs.v, costs.v_wrap)
    mine, other = held_by_each.py_func(widths, level.room, table, kept), held_by(costs, level.room, widths)
    assert np.array_equal(mine.counts, other.counts)
    for domain, stage in product(range(len(widths)), range(costs.stages)):
        if widths[domain, stage]:
            assert mine.holders[stage, mine.place[domain, stage]] == domain


def test_large_domains_are_left_to_walks(monkeypatch):
    """Pairs fit as long as a few turns of all inside one domain do, and the more moves the more turns."""
    costs, level, _ = inside_some(7)
    assert pairs_fit(costs, level)
    assert FEWEST_TURNS <= turns_for(costs, level, 50) < turns_for(costs, level, 500)
    monkeypatch.setattr(pairs_inside, "MOST_STATES", 10)
    assert not pairs_fit(costs, level)
