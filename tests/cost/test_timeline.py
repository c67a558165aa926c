"""When passes run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from planner.cost.schedules import Pass, program
from planner.cost.timeline import Durations, StuckError, run, run_spans
from planner.workload.job import Schedule


def even(stages, chunks, *, sent=0.0):
    """Passes of one second a stage, forward and both backwards."""
    each = np.full((stages, chunks), 1.0 / chunks)
    return Durations(each, each, each, np.full((stages, chunks), sent))


def span(made, stages):
    """Seconds from the first pass of a stage to its last, of the slowest stage."""
    first = np.full(stages, np.inf)
    np.minimum.at(first, made.stage, made.start)
    return float((made.last_end_s(stages) - first).max())


def bubble(schedule, stages, virtual, microbatches, lengths=(1.0, 1.0, 1.0)):
    """What the slowest stage waits, with passes of these seconds a stage."""
    planned = program(schedule, stages, virtual, microbatches)
    # DualPipe holds a whole stage of either direction, each for half of the microbatches.
    share = 1 if schedule is Schedule.DUALPIPE else planned.position.shape[1]
    forward, by_input, by_weight = (np.full(planned.position.shape, each / share) for each in lengths)
    made = run(planned, Durations(forward, by_input, by_weight, np.zeros_like(forward)))
    return span(made, stages) - sum(lengths) * microbatches


@pytest.mark.parametrize("stages", [2, 4, 8, 16])
@pytest.mark.parametrize("rounds", [2, 3, 5])
def test_bubbles_are_those_of_the_papers(stages, rounds):
    """GPipe and 1F1B (p-1)(F+B+W), interleaved that over v, ZB-H1 a third, ZB-H2 and ZB-V none, DualPipe."""
    count = rounds * stages
    assert bubble(Schedule.GPIPE, stages, 1, count) == pytest.approx(3 * (stages - 1))
    assert bubble(Schedule.ONE_F_ONE_B, stages, 1, count) == pytest.approx(3 * (stages - 1))
    assert bubble(Schedule.INTERLEAVED, stages, 2, count) == pytest.approx(3 * (stages - 1) / 2)
    assert bubble(Schedule.INTERLEAVED, stages, 4, count) == pytest.approx(3 * (stages - 1) / 4)
    assert bubble(Schedule.ZB_H1, stages, 1, count) == pytest.approx(stages - 1)
    assert bubble(Schedule.ZB_H2, stages, 1, count) == pytest.approx(0, abs=1e-9)
    assert bubble(Schedule.ZB_V, stages, 1, count) == pytest.approx(0, abs=1e-9)
    assert bubble(Schedule.DUALPIPE, stages, 1, count - count % 2) == pytest.approx(2 * (stages / 2 - 1))


@pytest.mark.parametrize("stages", [2, 4, 8, 16])
@pytest.mark.parametrize("lengths", [(1.0, 1.2, 0.8), (2.0, 2.5, 1.5), (1.0, 1.0, 0.5)])
def test_bubbles_of_passes_of_other_lengths(stages, lengths):
    """GPipe, 1F1B and interleaved wait (p-1)(F+B+W)/v, DualPipe (p/2-1)(F&B + B + W - 3W), F&B = F+B+W."""
    count, (forward, by_input, by_weight) = 4 * stages, lengths
    whole = (stages - 1) * sum(lengths)
    assert bubble(Schedule.GPIPE, stages, 1, count, lengths) == pytest.approx(whole)
    assert bubble(Schedule.ONE_F_ONE_B, stages, 1, count, lengths) == pytest.approx(whole)
    assert bubble(Schedule.INTERLEAVED, stages, 3, count, lengths) == pytest.approx(whole / 3)
    of_dualpipe = (stages / 2 - 1) * (forward + 2 * by_input - by_weight)
    assert bubble(Schedule.DUALPIPE, stages, 1, count, lengths) == pytest.approx(of_dualpipe)


@pytest.mark.parametrize("stages", [2, 4, 8])
@pytest.mark.parametrize("microbatches", [1, 2, 5, 7])
def test_zb_v_with_few_microbatches(stages, microbatches):
    """It waits no longer than 1F1B where there are too few to fill it."""
    of_1f1b = bubble(Schedule.ONE_F_ONE_B, stages, 1, microbatches)
    assert bubble(Schedule.ZB_V, stages, 1, microbatches) < of_1f1b + 1e-9


@pytest.mark.parametrize(("schedule", "most"), [(Schedule.ZB_H1, 1), (Schedule.ZB_H2, 2), (Schedule.ZB_V, 1)])
@pytest.mark.parametrize("stages", [2, 4, 8])
@pytest.mark.parametrize("microbatches", [4, 40])
def test_zero_bubble_keeps_to_its_memory(schedule, most, stages, microbatches):
    """No stage ever holds activations of more microbatches than stages, or twice that in ZB-H2."""
    planned = program(schedule, stages, 1, microbatches)
    chunks = planned.position.shape[1]
    made = run(planned, even(stages, chunks))
    for stage in range(stages):
        own = made.stage == stage
        starts = np.sort(made.start[own & (made.kind == Pass.FORWARD)])
        frees = np.sort(made.end[own & (made.kind == Pass.BY_WEIGHT)])
        held = [int((starts <= at).sum() - (frees <= at + 1e-9).sum()) for at in starts]
        assert max(held) <= most * stages * chunks


@pytest.mark.parametrize("schedule", list(Schedule))
def test_nothing_starts_before_what_it_waits_for(schedule):
    """A stage runs one pass at a time, and a forward once that of the chunk before has arrived."""
    stages, microbatches, sent = 4, 8, 0.25
    planned = program(schedule, stages, 2 if schedule is Schedule.INTERLEAVED else 1, microbatches)
    chunks = planned.position.shape[1]
    made = run(planned, even(stages, chunks, sent=sent))
    for stage in range(stages):
        own = np.argsort(made.start[made.stage == stage])
        starts, ends = made.start[made.stage == stage][own], made.end[made.stage == stage][own]
        assert (starts[1:] >= ends[:-1] - 1e-9).all()
    rows = zip(made.stage, made.kind, made.chunk, made.microbatch, made.start, made.end, strict=True)
    forwards = {
        (planned.pipelines[chunk], planned.position[stage, chunk], index): (start, end)
        for stage, kind, chunk, index, start, end in rows
        if kind in (Pass.FORWARD, Pass.TOGETHER)
    }
    for (pipeline, place, index), (start, _) in forwards.items():
        if place:
            assert start >= forwards[pipeline, place - 1, index][1] + sent - 1e-9


def test_slow_stage_sets_the_pace():
    """A stage of twice the work works without a pause once it has begun."""
    each = even(4, 1)
    slow = each.forward.copy()
    slow[2] = 2.0
    made = run(program(Schedule.ONE_F_ONE_B, 4, 1, 8), replace(each, forward=slow, by_input=slow))
    assert made.busy_s(4).tolist() == [24, 24, 40, 24]
    assert made.total_s >= 40


def test_circle_is_named():
    """Two stages that each want the other's microbatch first never end, and the message says where."""
    planned = program(Schedule.ONE_F_ONE_B, 2, 1, 2)
    first, last = planned.order
    swapped = replace(planned, order=(first[[1, 2, 0, 3]], last))
    with pytest.raises(StuckError, match=r"stage 0 at backward of chunk 0, microbatch 0; stage 1 at forward"):
        run(swapped, even(2, 1))


@given(
    some.sampled_from(list(Schedule)),
    some.integers(1, 9),
    some.integers(1, 24),
    some.integers(0, 2**31),
    some.sampled_from((0.001, 0.5, 3.0)),
)
def test_spans_are_those_of_the_timeline(schedule, stages, microbatches, seed, sent):
    """To the last digit, with passes of any lengths, many of them equal."""
    if schedule is Schedule.INTERLEAVED:
        microbatches *= stages
    if schedule is Schedule.DUALPIPE:
        stages, microbatches = 2 * stages, 4 * stages + 2 * microbatches
    planned = program(schedule, stages, 2 if schedule is Schedule.INTERLEAVED else 1, microbatches)
    draw, shape = np.random.default_rng(seed), planned.position.shape
    lengths = [draw.choice([0.0, 0.5, 1.0, draw.uniform(0.1, 2)], shape) for _ in range(3)]
    durations = Durations(*lengths, np.full(shape, sent))
    made, spans = run(planned, durations), run_spans(planned, durations)
    assert spans.last_s.tolist() == made.last_end_s(stages).tolist()
    assert spans.first_s.tolist() == made.first_start_s(stages).tolist()
    assert spans.busy_s.tolist() == made.busy_s(stages).tolist()
