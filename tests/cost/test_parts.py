"""What a step's seconds go to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.cost.parts import PARTS, parts
from planner.cost.simulate import simulate
from planner.cost.step import Step
from planner.workload.job import Recompute
from tests.cost.jobs import placed

JOBS = {
    "1f1b": {},
    "dualpipe": {"schedule": "dualpipe"},
    "zb-v": {"schedule": "zb-v"},
    "virtual": {"parallelism": {"tp": 2, "pp": 2, "vp": 2, "dp": 4}},
    "recompute": {"recompute": "full"},
    "context": {"parallelism": {"tp": 2, "cp": 2, "dp": 4}, "data_parallel": "fsdp"},
}


@pytest.mark.parametrize("name", JOBS)
def test_parts_add_up_to_the_step(name):
    """All of them together, and none below nothing."""
    found = simulate(placed(**JOBS[name]))
    split = parts(found.step, found.time)
    assert tuple(split) == PARTS
    assert sum(split.values()) == pytest.approx(found.time.step_s)
    assert min(split.values()) >= -1e-9


@pytest.mark.parametrize("name", JOBS)
def test_compute_is_what_is_left_without_a_network(name):
    """A step without communication and recomputation computes as long."""
    found = simulate(placed(**JOBS[name]))
    bare = Step(replace(found.job, recompute=Recompute.NONE), found.gpu, {})
    time = bare.time()
    assert parts(found.step, found.time)["compute"] == pytest.approx(time.pipeline_s - time.bubble_s)


def test_recomputation_is_told_apart():
    """Full takes a forward more, selective less of it, none nothing."""
    again = [parts(f.step, f.time)["recompute"] for f in map(_simulated, ("none", "selective", "full"))]
    assert again[0] == 0 < again[1] < again[2]


def _simulated(recompute):
    return simulate(placed(recompute=recompute))
