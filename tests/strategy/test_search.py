"""The search, against looking at every strategy."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import cached_property

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from planner.strategy.bounds import Bounds
from planner.strategy.measure import Candidate, measure
from planner.strategy.record import Record
from planner.strategy.search import OF_THOSE, SLOWEST_OF_FRONT, Found, pareto, search
from planner.strategy.space import ORDERS, sharings, strategies
from planner.strategy.watch import StoppedError
from tests.strategy.questions import MOE, OUTLINE, QUESTION, questions


def everything(question, outline):
    """Seconds of every strategy that fits, in its fastest way and order, the fastest first."""
    found = []
    for strategy in strategies(question):
        candidates = [Candidate(strategy, way, order) for way in sharings(question) for order in ORDERS]
        measured = measure(question, outline, candidates)
        steps = [each.step_s for each in measured if each.memory_bytes <= outline.gpu.memory_bytes]
        found += [min(steps)] if steps else []
    return sorted(found)


@pytest.mark.parametrize("model", [QUESTION.model, MOE], ids=["dense", "experts"])
def test_finds_the_fastest_of_all(model):
    """The first three are the first three of the whole space, though few were simulated."""
    question = replace(QUESTION, model=model, pinned=(("micro", "1"), ("cp", "1")))
    answer = search(question, OUTLINE, keep=3)
    assert [each.step_s for each in answer.best] == everything(question, OUTLINE)[:3]
    assert answer.considered == len(list(strategies(question)))
    assert answer.simulated < answer.considered / 4


@pytest.mark.slow
@given(questions(), some.floats(0.05, 1.0))
@settings(max_examples=6)
def test_finds_the_fastest_of_any_space(asked, memory):
    """Whatever the model, the cluster and the memory of its GPUs."""
    question, outline = asked
    smaller = replace(outline, gpu=replace(outline.gpu, memory_bytes=memory * outline.gpu.memory_bytes))
    answer = search(question, smaller, keep=2)
    assert [each.step_s for each in answer.best] == everything(question, smaller)[:2]


def test_nothing_fits():
    """No strategy where even the smallest share is too much."""
    tiny = replace(OUTLINE, gpu=replace(OUTLINE.gpu, memory_bytes=1e6))
    assert search(QUESTION, tiny).best == ()


def test_more_memory_is_never_slower():
    """The fastest with twice the memory."""
    small = replace(OUTLINE, gpu=replace(OUTLINE.gpu, memory_bytes=2e9))
    limited, free = search(QUESTION, small, keep=1), search(QUESTION, OUTLINE, keep=1)
    assert limited.best
    assert free.best[0].step_s <= limited.best[0].step_s


def test_front():
    """Only those that no other beats both ways."""
    made = [Found(*values, None, None) for values in ((1, 9), (2, 5), (3, 6), (4, 1))]
    assert [(each.step_s, each.memory_bytes) for each in pareto(made)] == [(1, 9), (2, 5), (4, 1)]


@pytest.mark.slow
@given(questions())
@settings(max_examples=4)
def test_front_is_that_of_the_whole_space(asked):
    """Every step and memory that no strategy beats, up to twice the fastest step."""
    question, outline = asked
    every = [
        Candidate(strategy, way, order)
        for strategy in strategies(question)
        for way in sharings(question)
        for order in ORDERS
    ]
    measured = measure(question, outline, every)
    fitting = [each for each in measured if each.memory_bytes <= outline.gpu.memory_bytes]
    front = pareto([Found(*each, None, None) for each in fitting])
    answer = search(question, outline, keep=2)
    assert answer.front_complete
    assert [(each.step_s, each.memory_bytes) for each in answer.front] == [
        (each.step_s, each.memory_bytes)
        for each in front
        if each.step_s <= SLOWEST_OF_FRONT * front[0].step_s
    ]


def stopped_after_bounds(monkeypatch):
    """An event that is set once bounds are made."""
    stop = threading.Event()

    class Stopping(Bounds):
        @cached_property
        def time_s(self):
            found = Bounds.time_s.func(self)
            stop.set()
            return found

    monkeypatch.setattr("planner.strategy.search.Bounds", Stopping)
    return stop


def test_stopped_before_anything_was_simulated(monkeypatch):
    """What the bound is least of is simulated, alone."""
    stop = stopped_after_bounds(monkeypatch)
    answer = search(QUESTION, OUTLINE, stop=stop)
    monkeypatch.undo()
    whole = search(QUESTION, OUTLINE, keep=1, front=False)
    assert len(answer.best) == answer.simulated == 1
    assert whole.best[0].step_s <= answer.best[0].step_s < 1.5 * whole.best[0].step_s
    assert not answer.complete


def test_stopped_where_nothing_fits(monkeypatch):
    """There is nothing to simulate then."""
    tiny = replace(OUTLINE, gpu=replace(OUTLINE.gpu, memory_bytes=1e6))
    assert search(QUESTION, tiny, stop=stopped_after_bounds(monkeypatch)).best == ()


def test_stopped_before_there_are_bounds():
    """There is nothing to choose by then, and the search says so at once."""
    stop = threading.Event()
    stop.set()
    with pytest.raises(StoppedError):
        search(QUESTION, OUTLINE, stop=stop)


def stopped_at_bounds_of_all(monkeypatch):
    """An event that is set while bounds of the whole space are made, and a search that takes it for large."""
    stop = threading.Event()

    class Stopping(Bounds):
        @cached_property
        def time_s(self):
            stop.set()
            return Bounds.time_s.func(self)

    monkeypatch.setattr("planner.strategy.search.Bounds", Stopping)
    monkeypatch.setattr("planner.strategy.search.LARGE", 0)
    return stop


def test_stopped_while_bounds_are_made(monkeypatch):
    """Of a large space some were simulated before, and the best of them are the answer."""
    stop, record = stopped_at_bounds_of_all(monkeypatch), Record()
    answer = search(QUESTION, OUTLINE, keep=3, stop=stop, record=record)
    assert 1 <= len(answer.best) <= 3
    assert len(record.measured) == answer.simulated == OF_THOSE
    assert [each.step_s for each in answer.best] == sorted(each.step_s for each in answer.best)
    assert min(each.step_s for each in record.measured.values()) == pytest.approx(answer.best[0].step_s)
    assert not answer.complete
    assert not answer.front_complete
    monkeypatch.undo()
    whole = search(QUESTION, OUTLINE, keep=1, front=False)
    assert whole.best[0].step_s <= answer.best[0].step_s < 2 * whole.best[0].step_s


def test_stopped_again_while_bounds_are_made(monkeypatch):
    """What is known from the search before is the answer."""
    record = Record()
    before = search(QUESTION, OUTLINE, keep=2, record=record)
    stop = stopped_at_bounds_of_all(monkeypatch)
    answer = search(QUESTION, OUTLINE, keep=2, stop=stop, record=record)
    assert [each.step_s for each in answer.best] == [each.step_s for each in before.best]


@pytest.mark.parametrize("asked", [QUESTION, replace(QUESTION, global_batch=48)])
def test_what_is_simulated_first_changes_nothing(asked, monkeypatch):
    """The fastest of a space are the same whether it counts as large or not."""
    small = search(asked, OUTLINE, keep=5)
    monkeypatch.setattr("planner.strategy.search.LARGE", 0)
    large = search(asked, OUTLINE, keep=5)
    assert [each.step_s for each in large.best] == [each.step_s for each in small.best]
    assert [each.job for each in large.front] == [each.job for each in small.front]


def test_stopped_early():
    """A search that is told to end says that it has not seen everything."""
    stop = threading.Event()
    answer = search(QUESTION, OUTLINE, stop=stop, progress=lambda *_: stop.set())
    assert answer.best
    assert not answer.complete
    assert answer.simulated < search(QUESTION, OUTLINE).simulated


def test_what_is_gone_through_is_told():
    """The bounds first, then the front; of what is simulated the best step only ever gets better."""
    heard, best_s = [], []
    search(
        QUESTION,
        OUTLINE,
        told=lambda what, *_: heard.append(what),
        progress=lambda done, most, step_s: best_s.append((done, most, step_s)),
    )
    assert heard[0] == "bounds: strategies"
    assert heard[-1] == "front of time and memory"
    assert [step_s for *_, step_s in best_s] == sorted((step_s for *_, step_s in best_s), reverse=True)
    assert [done for done, *_ in best_s] == sorted(done for done, *_ in best_s)
