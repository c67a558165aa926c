"""Predictions of published runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from planner.cost.network import Network
from planner.cost.step import Step, StepTime
from planner.workload.payloads import families
from tests.benchmarks.published.runs import Run, cluster_of


@dataclass(frozen=True)
class Prediction:
    """A run with the step that is predicted; where its source leaves things unsaid, the fastest."""

    run: Run
    time: StepTime
    choice: int

    @property
    def error(self) -> float:
        """Predicted over measured, less 1."""
        return self.time.step_s / self.run.measured_s - 1


@cache
def network_of(run: Run, choice: int):
    """Communication of a run in Megatron's own order on whole nodes."""
    job = run.choices[choice]
    network = Network(cluster_of(run.system, run.gpus), job.mesh, np.arange(run.gpus, dtype=np.int32))
    return {family.name: network.time(family) for family in families(job)}


def predict(run: Run, constants=None, choices=None) -> Prediction:
    """The fastest of a run's choices, or of those given."""
    gpu = cluster_of(run.system, run.gpus).gpu_kinds[0]
    found = []
    for choice in choices if choices is not None else range(len(run.choices)):
        job = run.choices[choice]
        step = Step(job, gpu, network_of(run, choice), run.software, constants=constants)
        found.append(Prediction(run, step.time(), choice))
    return min(found, key=lambda each: each.time.step_s)


def without_others(prediction: Prediction) -> Run:
    """The run with the one choice that was the fastest."""
    return replace(prediction.run, choices=(prediction.run.choices[prediction.choice],))
