"""Domains of one tier that are alike: the least cost of every exact cover, against brute force."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from planner.solve.setup.control import Control
from planner.solve.splits import alike, alike_states
from planner.solve.splits.alike import Alike, Effort
from planner.solve.splits.splits import Prices
from tests.solve.vectors import random_costs

PLENTY = Effort(10_000_000, 10_000_000)


def every_cover(room, stages, cells):
    """All width vectors of the domains that hold every cell, shape (ways, domains, stages)."""
    splits = [each for each in product(range(cells + 1), repeat=len(room)) if sum(each) == cells]
    ways = np.asarray([np.transpose(each) for each in product(splits, repeat=stages)])
    return ways[(ways.sum(axis=2) <= room).all(axis=1)]


def least_cost(costs, room):
    """Least sum of f over all covers."""
    ways = every_cover(room, costs.stages, costs.replicas)
    return min(float(costs.domain_bytes(way).sum()) for way in ways)


def random_worth(rng, stages, cells):
    """A table that has nothing to do with any costs."""
    return np.cumsum(rng.integers(-2, 5, (stages, cells + 1)), axis=1) * float(rng.integers(0, 2))


def random_job(seed):
    """Costs, rooms of which some are equal, and a worth."""
    rng = np.random.default_rng(seed)
    domains, stages, cells = (int(rng.integers(low, high)) for low, high in ((1, 4), (1, 4), (1, 5)))
    costs = random_costs(rng, stages, cells)
    room = rng.choice(rng.integers(1, stages * cells + 1, 2), domains)
    while room.sum() < stages * cells:
        room[rng.integers(domains)] += 1
    return costs, room.astype(np.int32), random_worth(rng, stages, cells)


def programme(costs, room, worth):
    """The programme over the states of a job."""
    return Alike(room, Prices(costs.holding(costs.replicas), costs.v, worth), costs.replicas)


def assert_costs(found, costs, room, least):
    """Check that widths were found which cover all cells, fit, and cost the least."""
    assert found.bound == pytest.approx(least)
    assert found.widths.sum(axis=0).tolist() == [costs.replicas] * costs.stages
    assert (found.widths.sum(axis=1) <= room).all()
    assert costs.domain_bytes(found.widths).sum() == pytest.approx(least)


@pytest.mark.parametrize("seed", range(60))
def test_the_least_is_that_of_all_covers(seed):
    """Whatever widths are said to be worth, the budget rises to the least cost of all covers."""
    costs, room, worth = random_job(seed)
    least = least_cost(costs, room)
    found = programme(costs, room, worth).rise(least - 7.5, 1.0, 0.0, PLENTY, Control(60.0, workers=1))
    assert_costs(found, costs, room, least)


@pytest.mark.parametrize("seed", range(40))
def test_outlooks_that_rise_leave_the_least(seed, monkeypatch):
    """Where outlooks rise before every stage, for several lots of states each, the least stays what it is."""
    monkeypatch.setattr(alike, "SAMPLE", 2)
    monkeypatch.setattr(alike, "LEAST_STEPS", 1)
    monkeypatch.setattr(alike, "STEPS", 10)
    monkeypatch.setattr(alike, "LOT", 1)
    monkeypatch.setattr(alike, "ENTRIES_A_SPLIT", 1e4)
    costs, room, worth = random_job(seed)
    least = least_cost(costs, room)
    found = programme(costs, room, worth).rise(least - 4.5, 1.0, 0.0, PLENTY, Control(60.0, workers=1))
    assert_costs(found, costs, room, least)


def test_an_outlook_rises_and_leaves_fewer_states(monkeypatch):
    """With outlooks that rise fewer splits are listed on the way to the same least cost."""
    rng = np.random.default_rng(2)
    costs, room = random_costs(rng, 6, 9, forms=("touched",)), np.full(6, 10, np.int32)
    worth = np.zeros((6, 10))
    found, splits = [], []
    for most in (0, 600):
        monkeypatch.setattr(alike, "MOST_STEPS", most)
        work = programme(costs, room, worth)
        least = work.rise(-200.0, 1.0, 1.0, PLENTY, Control(60.0, workers=1))
        found.append(least.bound)
        splits.append(work._within(least.bound, PLENTY, Control(60.0, workers=1)).splits)
    assert found[0] == found[1]
    assert splits[1] < splits[0] / 4


@pytest.mark.parametrize("seed", range(10))
def test_many_states_are_listed_side_by_side(seed, monkeypatch):
    """Three threads, room for few states at first and a look at the clock at each find the same least."""
    monkeypatch.setattr(alike, "SHARED", 2)
    monkeypatch.setattr(alike_states, "FIRST_STATES", 2)
    monkeypatch.setattr(alike_states, "CHUNK", 1)
    costs, room, worth = random_job(seed)
    least = least_cost(costs, room)
    found = programme(costs, room, worth).rise(least - 3.5, 1.0, 0.0, PLENTY, Control(60.0, workers=3))
    assert_costs(found, costs, room, least)


@pytest.mark.parametrize("seed", range(10))
def test_no_split_is_listed_twice(seed, monkeypatch):
    """Where room for states ends, or a look at the clock is due, listing goes on where it was."""
    costs, room, worth = random_job(seed)
    budget, listed = least_cost(costs, room) + 20.0, []
    for first, chunk in ((2**14, 10**6), (2, 1), (2**14, 1)):
        monkeypatch.setattr(alike_states, "FIRST_STATES", first)
        monkeypatch.setattr(alike_states, "CHUNK", chunk)
        tried = programme(costs, room, worth)._within(budget, PLENTY, Control(60.0, workers=1))
        listed.append((tried.splits, [sorted(map(tuple, each.rows.tolist())) for each in tried.stages]))
    assert listed[0][0] > 0
    assert listed[0] == listed[1] == listed[2]


def test_a_known_value_is_not_found_again():
    """The bound ends at a value that is known, and no widths are looked for there."""
    costs, room, worth = random_job(7)
    least = least_cost(costs, room)
    found = programme(costs, room, worth).rise(
        least - 7.5, 1.0, 0.0, PLENTY, Control(60.0), known=least - 0.5
    )
    assert found.widths is None
    assert found.bound == least - 0.5


@pytest.mark.parametrize(
    "effort",
    [Effort(60, 10_000_000), Effort(10_000_000, 30), replace(PLENTY, in_all=10)],
    ids=["codes", "splits", "splits of all budgets"],
)
def test_a_bound_stands_where_the_work_ends(effort):
    """With few states or splits allowed the bound lies between the first and the least."""
    costs = random_costs(np.random.default_rng(3), 6, 5, forms=("touched",))
    room, worth = np.asarray([9, 8, 7, 6], np.int32), np.zeros((6, 6))
    best = programme(costs, room, worth).rise(-100.0, 1.0, 1.0, PLENTY, Control(60.0))
    short = programme(costs, room, worth).rise(-100.0, 1.0, 1.0, effort, Control(60.0))
    assert best.widths is not None
    assert short.widths is None
    assert -100.0 < short.bound < best.bound


def test_no_time_leaves_the_bound_that_is_known():
    """A run that is over tries no budget."""
    costs, room, worth = random_job(1)
    assert programme(costs, room, worth).rise(-9.0, 1.0, 1.0, PLENTY, Control(0.0)).bound == -9.0
