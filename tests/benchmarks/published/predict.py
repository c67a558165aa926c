"""Predictions of published runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from planner.cost.network import Network
from planner.cost.step import Step, StepTime
from planner.workload.payloads import families
from tests.benchmarks.published.systems import cluster_of

if TYPE_CHECKING:
    from tests.benchmarks.published.runs import Run


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
    # Without sequence parallelism, too, each tensor rank sends a share and gathers the others' (Narayanan
    # et al. 2021, section 4.1).
    split = replace(job, sequence_parallel=True)
    moved = [each for each in families(job) if each.name != "pp"]
    moved += [each for each in families(split) if each.name == "pp"]
    return {family.name: network.time(family) for family in moved}


def predict(run: Run, constants=None, choices=None, *, quick=False) -> Prediction:
    """The fastest of a run's choices, or of those given."""
    gpu = cluster_of(run.system, run.gpus).gpu_kinds[0]
    found = []
    for choice in choices if choices is not None else range(len(run.choices)):
        step = Step(run.choices[choice], gpu, network_of(run, choice), run.software, constants=constants)
        found.append(Prediction(run, step.time(quick=quick), choice))
    return min(found, key=lambda each: each.time.step_s)
