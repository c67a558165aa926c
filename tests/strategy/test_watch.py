"""Loops that are looked after."""

from __future__ import annotations

import threading

import pytest

from planner.strategy.bounds import Bounds
from planner.strategy.watch import EACH, StoppedError, Watch
from tests.strategy.questions import OUTLINE, QUESTION


def test_told_now_and_then():
    """Everything comes through, and somebody hears of the first and of one in so many."""
    heard = []
    watch = Watch(told=lambda *each: heard.append(each))
    assert list(watch.over("numbers", range(EACH + 1), EACH + 1)) == list(range(EACH + 1))
    assert heard == [("numbers", 0, EACH + 1), ("numbers", EACH, EACH + 1)]


def test_stopped():
    """What comes after the event was set does not come."""
    stop = threading.Event()
    each = Watch(stop).over("numbers", range(9))
    assert next(each) == 0
    stop.set()
    with pytest.raises(StoppedError):
        next(each)


def test_bounds_tell_of_all_they_are_made_of():
    """The strategies, their layers, where ranks lie, and the steps; none of it goes on unheard."""
    heard = set()
    _ = Bounds(QUESTION, OUTLINE, Watch(told=lambda what, *_: heard.add(what))).time_s
    assert {"strategies", "layers", "steps", "places of dp", "ways to the next stage"} <= heard
