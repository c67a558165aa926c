"""What a step's seconds go to, so that steps can be set side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from planner.cost.step import Step
from planner.workload.job import Recompute

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.cost.step import StepTime

AXES = ("tp", "cp", "ep", "pp", "dp")
# In the order in which they are shown.
PARTS = ("compute", "recompute", *AXES, "bubble", "optimizer", "overhead")


def parts(step: Step, time: StepTime) -> Mapping[str, float]:
    """Seconds of the slowest stage's step by what they go to, one entry for each of `PARTS`.

    ``tp`` to ``dp`` are the communication of an axis that nothing hides, ``bubble`` is what the stage
    waits for others beyond what sending takes, ``overhead`` what lies outside of the passes. They add
    up to the step.
    """
    again = recompute_s(step, time)
    inside = sum(time.exposed_s[axis] for axis in ("tp", "cp", "ep"))
    working = time.pipeline_s - time.bubble_s
    return {
        "compute": working - inside - again,
        "recompute": again,
        **{axis: time.exposed_s[axis] for axis in AXES},
        "bubble": time.bubble_s - time.exposed_s["pp"],
        "optimizer": time.optimizer_s,
        "overhead": step.figures.shared.step_overhead_s,
    }


def recompute_s(step: Step, time: StepTime) -> float:
    """Seconds of a step that the slowest stage computes again what forward had computed."""
    if step.job.recompute is Recompute.NONE:
        return 0.0
    once = Step(
        replace(step.job, recompute=Recompute.NONE),
        step.gpu,
        step.network,
        step.software,
        step.imbalance,
        step.constants,
    )
    stage = int(np.abs(time.stage_s - (time.pipeline_s - time.bubble_s)).argmin())
    return _computing_s(step, stage) - _computing_s(once, stage)


def _computing_s(step: Step, stage: int) -> float:
    """All passes of a step on one stage, exposed communication left out."""
    durations = step.durations
    passes = durations.forward[stage] + durations.by_input[stage] + durations.by_weight[stage]
    exposed = sum(each[stage] for each in step.exposed_by_axis.values())
    return float(passes.sum() * step.job.microbatches_per_layer - exposed)
