"""Outlooks: that of a tail, what rises, and which states see most by which."""

from __future__ import annotations

import numpy as np
import pytest

from planner.solve.splits.alike_kernel import look_ahead, nearest
from planner.solve.splits.outlooks import Outlooks
from planner.solve.splits.splits import Prices
from tests.solve.splits.test_alike import random_job
from tests.solve.vectors import random_costs


def outlooks_of(costs, room, worth):
    """What makes outlooks for a job."""
    return Outlooks(room, Prices(costs.holding(costs.replicas), costs.v, worth), costs.replicas)


@pytest.mark.parametrize("seed", range(20))
def test_the_tail_of_an_outlook_is_that_of_its_table(seed):
    """Without its first stage an outlook is the same as what the whole table gives a stage later."""
    costs, room, worth = random_job(seed)
    work = outlooks_of(costs, room, worth)
    all_of_them = work.of(worth)
    assert len(all_of_them) == costs.stages + 1
    for place in range(costs.stages):
        tail, later = work.tail(place + 1, all_of_them[place]), all_of_them[place + 1]
        for each in ("worth", "covered", "rest", "used"):
            np.testing.assert_allclose(getattr(tail, each), getattr(later, each))


@pytest.mark.parametrize("seed", range(20))
def test_room_that_is_left_is_used_in_part(seed):
    """A domain pays what it does with the part of its room that it had best use up."""
    costs, room, worth = random_job(seed)
    for each in outlooks_of(costs, room, worth).of(worth):
        for left in range(room.max() + 1):
            np.testing.assert_allclose(each.rest[:, left], each.used[:, : left + 1].min(axis=1))


def test_an_outlook_rises_for_the_mean_of_some_states():
    """In the mean of the states that it rises for it sees more ahead than the one it began with."""
    rng = np.random.default_rng(3)
    costs, room = random_costs(rng, 6, 9, forms=("touched",)), np.full(6, 10, np.int32)
    worth = np.zeros((6, 10))
    work = outlooks_of(costs, room, worth)
    start = work.of(worth)[2]
    rows = np.asarray([[5 * 11 + 5, 4 * 11 + 6, 10, 10, 10, 0], [9 * 11 + 1, 10, 10, 10, 10, 0]], np.int32)
    risen = work.raised(2, start, rows, 100)

    def least(outlook):
        return outlook.covered.sum() + outlook.rest.ravel()[rows].sum(axis=1).mean()

    assert least(risen) > least(start) + 1.0


def test_states_see_most_by_one_of_several_outlooks():
    """Each state takes the outlook that sees the most cost ahead of it, and that cost."""
    rng = np.random.default_rng(4)
    rests, covered = rng.normal(size=(5, 12)), rng.normal(size=5)
    rows, costs = rng.integers(0, 12, (40, 3)).astype(np.int32), rng.normal(size=40)
    seen = costs[:, None] + covered + rests[:, rows].sum(axis=2).T
    least, look = look_ahead(rests, covered, rows, costs)
    np.testing.assert_allclose(least, seen.max(axis=1))
    assert look.tolist() == seen.argmax(axis=1).tolist()
    assert len(set(look.tolist())) > 1


def test_states_are_most_like_a_drawn_one():
    """The nearest drawn state is that with the least sum of differences in cells held and room left."""
    base, rng = 9, np.random.default_rng(5)
    rows = rng.integers(0, base * base, (30, 4)).astype(np.int32)
    drawn = rows[:5]
    held, left = np.divmod(rows, base)
    apart = np.abs(held[:, None] - held[:5]).sum(axis=2) + np.abs(left[:, None] - left[:5]).sum(axis=2)
    found = nearest(rows, base, drawn)
    assert (apart[np.arange(30), found] == apart.min(axis=1)).all()
    assert found[:5].tolist() == [0, 1, 2, 3, 4]
