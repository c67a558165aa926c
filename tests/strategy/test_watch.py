"""Loops that are looked after."""

from __future__ import annotations

import threading

import pytest

from planner.strategy import watch
from planner.strategy.bounds import Bounds
from planner.strategy.watch import StoppedError, Watch
from tests.strategy.questions import OUTLINE, QUESTION


def test_told_now_and_then(monkeypatch):
    """Everything comes through, and somebody hears of the first and then as often as time passes."""
    clock = iter(range(9))
    monkeypatch.setattr(watch, "monotonic", lambda: next(clock) * watch.TOLD_SECONDS / 2)
    heard = []
    looks = Watch(told=lambda *each: heard.append(each))
    assert list(looks.over("numbers", range(5), 5)) == [0, 1, 2, 3, 4]
    assert heard == [("numbers", 0, 5), ("numbers", 2, 5), ("numbers", 4, 5)]


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
    assert {"strategies", "layers", "steps", "places of dp", "ways to the next stage"} <= {
        each.removeprefix("bounds: ") for each in heard
    }
