"""Splits of stages among few domains: the least cost of every exact cover, against brute force."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from planner.solve.setup.control import Control
from planner.solve.splits.forest import forest_of
from planner.solve.splits.splits import Prices, Splits
from tests.solve.vectors import random_costs

MANY = 100_000


def every_cover(room, stages, cells):
    """All width vectors of the domains that hold every cell, shape (ways, domains, stages)."""
    splits = [each for each in product(range(cells + 1), repeat=len(room)) if sum(each) == cells]
    ways = np.asarray([np.transpose(each) for each in product(splits, repeat=stages)])
    return ways[(ways.sum(axis=2) <= room).all(axis=1)]


def paid(level, widths):
    """What the domains of a level pay for width vectors of shape (ways, domains, stages)."""
    stages = np.arange(widths.shape[2])
    total = level.holding[stages, widths].sum(axis=(1, 2))
    return total - (np.minimum(widths[..., :-1], widths[..., 1:]) * level.kept).sum(axis=(1, 2))


def random_prices(rng, stages, cells):
    """Random costs of a level, and a worth that has nothing to do with them."""
    costs = random_costs(rng, stages, cells)
    worth = np.cumsum(rng.integers(-2, 5, (stages, cells + 1)), axis=1).astype(float)
    return Prices(costs.holding(cells), costs.v, worth * rng.integers(0, 2))


def room_for(rng, domains, cells):
    """Random rooms in which that many cells fit."""
    room = rng.integers(1, cells + 1, domains)
    while room.sum() < cells:
        room[rng.integers(domains)] += 1
    return room.astype(np.int32)


@pytest.mark.parametrize("seed", range(30))
def test_one_tier_costs_what_the_cheapest_of_all_covers_costs(seed):
    """The budget rises to the least cost of all covers, and the width vectors found cost just that."""
    rng = np.random.default_rng(seed)
    domains, stages, cells = (int(rng.integers(low, high)) for low, high in ((1, 4), (2, 4), (1, 4)))
    room = room_for(rng, domains, stages * cells)
    level = random_prices(rng, stages, cells)
    least = paid(level, every_cover(room, stages, cells)).min()
    programme = Splits(forest_of([room], []), [level], cells)
    found = programme.rise(least - 7.5, 1.0, 0.0, MANY, Control(60.0))
    assert found.bound == pytest.approx(least)
    assert found.widths.sum(axis=0).tolist() == [cells] * stages
    assert (found.widths.sum(axis=1) <= room).all()
    assert paid(level, found.widths[None])[0] == pytest.approx(least)


@pytest.mark.parametrize("seed", range(30))
def test_two_tiers_cost_what_the_cheapest_of_all_covers_costs_on_both(seed):
    """Domains inside domains: what both tiers pay together is least."""
    rng = np.random.default_rng(seed)
    stages, cells = int(rng.integers(2, 4)), int(rng.integers(1, 3))
    room = room_for(rng, 3, stages * cells)
    parent = np.sort(rng.integers(0, 2, 3)).astype(np.int32)
    outer = np.bincount(parent, room, minlength=parent.max() + 1).astype(np.int32)
    kept = outer > 0
    parent = (np.cumsum(kept) - 1)[parent].astype(np.int32)
    levels = [random_prices(rng, stages, cells), random_prices(rng, stages, cells)]
    ways = every_cover(room, stages, cells)
    outside = np.stack([ways[:, parent == each].sum(axis=1) for each in range(kept.sum())], axis=1)
    least = (paid(levels[0], ways) + paid(levels[1], outside)).min()
    programme = Splits(forest_of([room, outer[kept]], [parent]), levels, cells)
    found = programme.rise(least - 7.5, 1.0, 0.0, MANY, Control(60.0))
    assert found.bound == pytest.approx(least)
    inside = found.widths[None]
    outside = np.stack([inside[:, parent == each].sum(axis=1) for each in range(kept.sum())], axis=1)
    assert paid(levels[0], inside)[0] + paid(levels[1], outside)[0] == pytest.approx(least)


def test_a_bound_stands_where_the_work_ends():
    """With few splits allowed the bound lies between the first and the optimum, and nothing is found."""
    rng = np.random.default_rng(3)
    room, stages, cells = np.asarray([9, 8, 7, 6], np.int32), 6, 5
    costs = random_costs(rng, stages, cells, forms=("touched",))
    level = Prices(costs.holding(cells), costs.v, np.zeros((stages, cells + 1)))
    programme = Splits(forest_of([room], []), [level], cells)
    best = programme.rise(-100.0, 1.0, 1.0, 1_000_000, Control(60.0))
    short = programme.rise(-100.0, 1.0, 1.0, 50, Control(60.0))
    assert best.widths is not None
    assert short.widths is None
    assert -100.0 < short.bound < best.bound


def test_nothing_is_looked_at_once_the_time_is_over():
    """A run whose time is over keeps the bound it had."""
    level = Prices(np.zeros((2, 3)), np.zeros(1), np.zeros((2, 3)))
    programme = Splits(forest_of([np.asarray([2, 2], np.int32)], []), [level], 2)
    found = programme.rise(-5.0, 1.0, 1.0, MANY, Control(0.0))
    assert found.bound == -5.0
    assert found.widths is None
