"""One strategy looked at closely: its memory and its simulated step."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from planner.cost.step import Step
from planner.workload.memory import memory
from planner.workload.payloads import families

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.strategy.outline import Outline
    from planner.strategy.space import Question, Strategy
    from planner.workload.job import DataParallel, Job


class Candidate(NamedTuple):
    """A strategy, a way of data parallelism for it, and an order of its ranks."""

    strategy: Strategy
    way: DataParallel
    order: tuple[str, ...]

    def job(self, question: Question) -> Job:
        """The job that it makes of a question."""
        return question.job(self.strategy, self.order, self.way)


class Measured(NamedTuple):
    """What a candidate takes: seconds of a step, and bytes of its fullest GPU."""

    step_s: float
    memory_bytes: float


def step_of(job: Job, outline: Outline) -> Step:
    """A job's step on the fastest GPUs that are enough for it, its ranks in their order."""
    ground = outline.ground(job.mesh.world_size)
    return Step(job, ground.gpu, {each.name: ground.time(each, job.mesh) for each in families(job)})


def measure(question: Question, outline: Outline, candidates: Sequence[Candidate]) -> list[Measured]:
    """Each candidate's memory and simulated step."""
    jobs = [candidate.job(question) for candidate in candidates]
    return [
        Measured(step_of(job, outline).time(quick=True).step_s, max(stage.total for stage in memory(job)))
        for job in jobs
    ]
