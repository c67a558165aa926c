"""Bounds, against what the strategies take."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from planner.cost.schedules import program
from planner.strategy.bounds import Bounds
from planner.strategy.least_time import WAITING
from planner.strategy.measure import Candidate, measure
from planner.strategy.space import ORDERS
from planner.workload.job import DataParallel, Schedule
from tests.strategy.questions import MOE, OUTLINE, QUESTION, questions


def check(question, outline, step):
    """Every `step`th candidate takes no less time and memory than its bounds say."""
    bounds = Bounds(question, outline)
    finite = np.argwhere(np.isfinite(bounds.time_s))[::step]
    candidates = [Candidate(bounds.columns.rows[row], bounds.ways[way], ORDERS[o]) for way, o, row in finite]
    for (way, order, row), found, each in zip(
        finite, measure(question, outline, candidates), candidates, strict=True
    ):
        assert bounds.memory_bytes[way, row] <= found.memory_bytes, each
        assert bounds.time_s[way, order, row] <= found.step_s, each
    return len(candidates)


@given(questions(), some.sampled_from((None, *DataParallel)))
@settings(max_examples=12)
def test_bounds_hold(asked, way):
    """No strategy is faster, or needs less memory, whatever the model, the network, and what is shared."""
    question, outline = asked
    if way is not None:
        question = replace(question, pinned=(*question.pinned, ("data_parallel", str(way))))
    check(question, outline, 5)


def test_bounds_hold_where_microbatches_are_many():
    """Also where only some of them are simulated."""
    question = replace(QUESTION, model=replace(MOE, layers=6), global_batch=256, pinned=(("micro", "1"),))
    assert check(question, OUTLINE, 7) > 100


def test_bounds_hold_where_as_many_tokens_come_from_other_microbatches():
    """Of larger microbatches, cut among more ranks."""
    question = replace(QUESTION, model=replace(MOE, layers=4), pinned=(("tp", "1"), ("pp", "2")))
    assert check(question, OUTLINE, 29) > 20


def test_memory_is_what_the_fullest_stage_holds():
    """The bound on memory is no less than it: what does not fit is never simulated."""
    question = replace(QUESTION, model=MOE)
    bounds = Bounds(question, OUTLINE)
    rows = range(0, len(bounds.columns), 11)
    for number, way in enumerate(bounds.ways):
        candidates = [Candidate(bounds.columns.rows[row], way, ORDERS[0]) for row in rows]
        found = [each.memory_bytes for each in measure(question, OUTLINE, candidates)]
        assert bounds.memory_bytes[number, ::11] == pytest.approx(found)


@pytest.mark.parametrize(("schedule", "share"), WAITING.items(), ids=str)
def test_weight_halves_that_wait(schedule, share):
    """As many as the schedule lets a stage hold."""
    assert program(schedule, 4, 1, 8).most_held == share * 4


def test_every_schedule_is_there():
    """Bounds are looked at for each schedule of the space."""
    assert {each.schedule for each in Bounds(QUESTION, OUTLINE).columns.rows} == set(Schedule) - {
        Schedule.GPIPE
    }


def test_bounds_of_some_are_those_of_all():
    """Those that fit on most GPUs; of others there is nothing."""
    bounds = Bounds(QUESTION, OUTLINE)
    chosen = bounds.some(20)
    assert 20 <= chosen.sum() < 40
    size = bounds.columns.world_size
    assert size[chosen].min() >= 0.9 * size.max()
    found = bounds.time_of(chosen)
    assert np.isfinite(found).any(axis=(0, 1)).tolist() == chosen.tolist()
    assert (found[:, :, chosen] == bounds.time_s[:, :, chosen]).all()


def test_bounds_of_some_where_nothing_fits():
    """There are none."""
    tiny = replace(OUTLINE, gpu=replace(OUTLINE.gpu, memory_bytes=1e6))
    assert not Bounds(QUESTION, tiny).some(20).any()
