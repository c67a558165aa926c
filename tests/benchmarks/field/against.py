"""A published strategy and the one that is found, both predicted by one model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.cost.network import Network
from planner.cost.parts import parts
from planner.cost.step import Step
from planner.report.strategies import largest
from planner.strategy.search import search
from planner.workload.payloads import families
from tests.benchmarks.field.cases import outline_of, pair, question
from tests.benchmarks.published.systems import cluster_of

if TYPE_CHECKING:
    from planner.workload.job import Job
    from tests.benchmarks.published.runs import Run

# The search ranks by an outline of the cluster; so many are looked at on the cluster itself.
CLOSEST = 8
ALIKE = 0.001


@dataclass(frozen=True)
class Predicted:
    """A job on whole nodes in rank order, with today's software."""

    job: Job
    step_s: float
    parts_s: dict[str, float]


@dataclass(frozen=True)
class Outcome:
    """A run's strategy, in the fastest way that its source leaves open, and the one that is found."""

    run: Run
    published: Predicted
    ours: Predicted

    @property
    def ratio(self) -> float:
        """Time of the found strategy over the published one's."""
        return self.ours.step_s / self.published.step_s

    @property
    def reason(self) -> str:
        """Where the time goes that is saved, as shares of the published step."""
        if abs(self.ratio - 1) < ALIKE:
            return "as fast"
        more = {name: self.ours.parts_s[name] - before for name, before in self.published.parts_s.items()}
        return ", ".join(
            f"{name} {100 * seconds / self.published.step_s:+.1f} %" for name, seconds in largest(more)
        )


def against(run: Run) -> Outcome:
    """Search for the run's model and cluster, and predict both."""
    tried = [predicted(run, job) for job in run.choices]
    published = min(tried, key=lambda each: each.step_s)
    ours = min((predicted(run, job) for job in _found(run)), key=lambda each: each.step_s)
    return Outcome(run, published, ours)


def predicted(run: Run, job: Job) -> Predicted:
    """One step of a job on the run's cluster; the published one's own software is not held against it."""
    cluster = cluster_of(run.system, run.gpus)
    network = Network(cluster, job.mesh, np.arange(job.mesh.world_size, dtype=np.int32))
    step = Step(job, cluster.gpu_kinds[0], {each.name: network.time(each) for each in families(job)})
    time = step.time()
    return Predicted(job, time.step_s, dict(parts(step, time)))


_KNOWN: dict[tuple[object, ...], tuple[Job, ...]] = {}


def _found(run: Run) -> tuple[Job, ...]:
    """The fastest few strategies of a pair, searched for once."""
    key = pair(run)
    if key not in _KNOWN:
        answer = search(question(run), outline_of(run.system, run.gpus), keep=CLOSEST, front=False)
        _KNOWN[key] = tuple(each.job for each in answer.best)
    return _KNOWN[key]
