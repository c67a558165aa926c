"""A step with its layers cut otherwise."""

from dataclasses import replace

import pytest

from planner.cost.recut import recut
from planner.workload.stages import sizes
from tests.cost.test_cut_loads import CASES, step, stepped


@pytest.mark.parametrize("case", CASES)
def test_as_if_it_had_been_cut_like_that(case):
    """Payloads follow the layers, and with them the time: there and back changes nothing."""
    made = step(**case)
    even = sizes(made.job)
    moved = (even[0] + 1, *even[1:-1], even[-1] - 1)
    other = recut(made, moved)
    assert other.job == replace(made.job, cut=moved)
    assert other.time().step_s == pytest.approx(stepped(other.job).time().step_s, rel=1e-6)
    assert recut(other, None).time().step_s == pytest.approx(made.time().step_s, rel=1e-6)
    assert other.time().step_s != pytest.approx(made.time().step_s, rel=1e-6)
