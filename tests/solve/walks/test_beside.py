"""Walks in a thread of their own: what they find comes out, and they end with the block."""

from __future__ import annotations

import threading
import time

import pytest

from planner.solve.reduction.tree import tree_cost
from planner.solve.setup.control import Control
from planner.solve.walks import beside
from planner.solve.walks.beside import Beside
from tests.solve.walks.test_anneal import filled
from tests.solve.walks.test_top_down import holds


def test_walks_go_on_until_the_block_ends():
    """Better and better placements are found meanwhile; afterwards no thread is left."""
    _, tree, costs, widths = filled(7)
    walks = Beside(tree, costs, Control(30.0, workers=2))
    before = threading.active_count()
    with walks.walking(widths) as found:
        while len(found) < 2:
            time.sleep(0.01)
    assert threading.active_count() == before
    prices = [tree_cost(tree, costs, each) for each in found]
    assert prices == sorted(prices, reverse=True)
    assert prices[-1] < tree_cost(tree, costs, widths)
    holds(tree, found[-1], [costs.replicas] * costs.stages)


@pytest.mark.parametrize("settings", [{"workers": 1}, {"workers": 2, "deterministic": True}])
def test_no_walks_beside_a_lone_worker_or_a_limit_by_work(settings):
    """A run limited by work repeats itself, so that nothing may depend on how long something else takes."""
    _, tree, costs, widths = filled(7)
    with Beside(tree, costs, Control(30.0, **settings)).walking(widths) as found:
        pass
    assert found == []


def test_a_second_block_goes_on():
    """After a pause walks go on from what they are given."""
    _, tree, costs, widths = filled(7)
    walks = Beside(tree, costs, Control(30.0, workers=2))
    for _ in range(2):
        with walks.walking(widths) as found:
            while not found:
                time.sleep(0.01)
        assert tree_cost(tree, costs, found[-1]) <= tree_cost(tree, costs, widths)


def test_failures_come_out(monkeypatch):
    """What goes wrong in the thread is raised where the walks were asked for."""

    def fail(*_, **__):
        raise ArithmeticError

    monkeypatch.setattr(beside, "drafted", fail)
    _, tree, costs, widths = filled(7)
    with pytest.raises(ArithmeticError), Beside(tree, costs, Control(30.0, workers=2)).walking(widths):
        pass


def test_what_is_found_is_told_at_once():
    """Within the block, in the order in which it was found."""
    _, tree, costs, widths = filled(7)
    told = []
    with Beside(tree, costs, Control(30.0, workers=2)).walking(widths, told.append) as found:
        while len(told) < 2:
            time.sleep(0.01)
    places = [next(i for i, each in enumerate(found) if each is one) for one in told]
    assert places == sorted(set(places))


def test_telling_takes_a_small_part_of_the_time(monkeypatch):
    """After it took a second to be told, the next is only told after a pause many times as long."""
    _, tree, costs, widths = filled(7)
    walks, told = Beside(tree, costs, Control(30.0, workers=2)), []
    pause = 1 / beside.TELLING
    for now in ((0.0, 1.0), (0.5 + pause,), (1.0 + pause, 1.0 + pause)):
        clock = iter(now)
        monkeypatch.setattr(Control, "elapsed_s", property(lambda _, clock=clock: next(clock)))
        walks._tell(widths, lambda _, now=now: told.append(now[0]))
    assert told == [0.0, 1.0 + pause]
