"""Orders of passes, by schedule."""

from __future__ import annotations

from collections import Counter

import pytest

from planner.cost.schedules import Pass, program
from planner.workload.job import Schedule

CASES = [
    (Schedule.GPIPE, 1),
    (Schedule.ONE_F_ONE_B, 1),
    (Schedule.INTERLEAVED, 1),
    (Schedule.INTERLEAVED, 3),
    (Schedule.ZB_H1, 1),
    (Schedule.ZB_H2, 1),
    (Schedule.ZB_V, 1),
    (Schedule.DUALPIPE, 1),
]


def passes(order):
    """Forwards and backwards of one stage, those that run together taken apart."""
    forward, backward = Counter(), Counter()
    for kind, chunk, index, back, at in order.tolist():
        if kind in (Pass.FORWARD, Pass.TOGETHER):
            forward[chunk, index] += 1
        if kind in (Pass.BACKWARD, Pass.BY_INPUT):
            backward[chunk, index] += 1
        if kind == Pass.TOGETHER:
            backward[back, at] += 1
    return forward, backward


@pytest.mark.parametrize(("schedule", "virtual"), CASES)
@pytest.mark.parametrize(("stages", "microbatches"), [(2, 4), (4, 8), (4, 10), (8, 16)])
def test_every_pass_runs_once(schedule, virtual, stages, microbatches):
    """Each chunk sees each microbatch once forward and once backward."""
    made = program(schedule, stages, virtual, microbatches)
    chunks = made.position.shape[1]
    each = microbatches // (2 if schedule is Schedule.DUALPIPE else 1)
    expected = Counter({(chunk, index): 1 for chunk in range(chunks) for index in range(each)})
    for order in made.order:
        assert passes(order) == (expected, expected)


@pytest.mark.parametrize("stages", [2, 4, 8])
def test_dualpipe_runs_most_passes_together(stages):
    """Once the pipeline is full, forwards of one direction run beside backwards of the other."""
    microbatches = 8 * stages
    for order in program(Schedule.DUALPIPE, stages, 1, microbatches).order:
        together = (order[:, 0] == Pass.TOGETHER).sum()
        assert together >= microbatches - 2 * stages


def test_warm_up_of_1f1b():
    """The first stage is as many forwards ahead as stages follow it."""
    first = program(Schedule.ONE_F_ONE_B, 4, 1, 8).order[0][:, 0].tolist()
    assert first[:6] == [Pass.FORWARD] * 4 + [Pass.BACKWARD, Pass.FORWARD]


def test_positions_go_round_or_down_and_up():
    """Virtual stages go round; zb-v goes down and up again."""
    assert program(Schedule.INTERLEAVED, 2, 2, 4).position.tolist() == [[0, 2], [1, 3]]
    assert program(Schedule.ZB_V, 3, 1, 6).position.tolist() == [[0, 5], [1, 4], [2, 3]]
