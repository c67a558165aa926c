"""Who measures candidates."""

from __future__ import annotations

import multiprocessing
import threading

import pytest

from planner.strategy import pool as pools
from planner.strategy.bounds import Bounds
from planner.strategy.measure import Candidate, measure
from planner.strategy.pool import LocalPool, cut
from planner.strategy.space import ORDERS
from tests.strategy.questions import OUTLINE, QUESTION


def candidates():
    """A few."""
    bounds = Bounds(QUESTION, OUTLINE)
    return [Candidate(row, bounds.ways[0], ORDERS[0]) for row in bounds.columns.rows[:40:8]]


@pytest.mark.parametrize(("count", "pieces"), [(5, 2), (5, 9), (1, 1), (0, 3), (8, 4)])
def test_pieces_are_all_of_it(count, pieces):
    """In order, none empty, and no more than asked for."""
    made = cut(list(range(count)), pieces)
    assert [each for piece in made for each in piece] == list(range(count))
    assert len(made) <= pieces
    assert all(made)


@pytest.mark.slow
def test_other_processes_find_the_same(monkeypatch):
    """Two processes beside this one, in the order that was asked for."""
    monkeypatch.setattr(pools, "ALONE_SECONDS", 1e-9)
    monkeypatch.setattr(pools, "ALONE", 2)
    with LocalPool(QUESTION, OUTLINE, workers=2) as pool:
        assert pool.measure(candidates()) == measure(QUESTION, OUTLINE, candidates())


@pytest.mark.slow
def test_goes_on_alone_where_others_were_killed(monkeypatch):
    """With all that was asked for."""
    monkeypatch.setattr(pools, "ALONE_SECONDS", 1e-9)
    monkeypatch.setattr(pools, "ALONE", 2)
    with LocalPool(QUESTION, OUTLINE, workers=2) as pool:
        pool.measure(candidates())
        for each in multiprocessing.active_children():
            each.kill()
        assert pool.measure(candidates()) == measure(QUESTION, OUTLINE, candidates())


def test_told_to_stop(monkeypatch):
    """A pool that was told to stop measures a few, for whoever has nothing yet."""
    monkeypatch.setattr(pools, "ALONE", 2)
    monkeypatch.setattr(pools, "ALONE_SECONDS", 0.0)
    stop = threading.Event()
    stop.set()
    with LocalPool(QUESTION, OUTLINE, workers=2, stop=stop) as pool:
        assert pool.measure(candidates()) == measure(QUESTION, OUTLINE, candidates()[:2])


@pytest.mark.slow
def test_others_that_measure_for_long_are_ended(monkeypatch):
    """Who stops a pool need not wait for what other processes are at."""
    monkeypatch.setattr(pools, "ALONE_SECONDS", 1e-9)
    monkeypatch.setattr(pools, "ALONE", 1)
    stop = threading.Event()
    with LocalPool(QUESTION, OUTLINE, workers=2, stop=stop) as pool:
        pool.measure(candidates())
        threading.Timer(0.3, stop.set).start()
        many = candidates() * 20000
        assert len(pool.measure(many)) < len(many)
    assert not multiprocessing.active_children()


def test_one_process_goes_on_alone(monkeypatch):
    """However long it takes."""
    monkeypatch.setattr(pools, "ALONE_SECONDS", 0.0)
    monkeypatch.setattr(pools, "ProcessPoolExecutor", None)
    with LocalPool(QUESTION, OUTLINE, workers=1) as pool:
        assert pool.measure(candidates()) == measure(QUESTION, OUTLINE, candidates())


def test_few_are_measured_here(monkeypatch):
    """No process is started for them."""
    monkeypatch.setattr(pools, "ProcessPoolExecutor", None)
    with LocalPool(QUESTION, OUTLINE, workers=2) as pool:
        assert len(pool.measure(candidates())) == 5
