"""The strategy that the planner would choose in place of a job's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import InputError
from planner.strategy.faster_cuts import with_faster_cuts
from planner.strategy.place import description
from planner.strategy.search import search
from planner.strategy.space import Question
from planner.workload.job import Precision
from planner.workload.load import build_workload

if TYPE_CHECKING:
    from planner.strategy.outline import Outline
    from planner.workload.job import Job
    from planner.workload.workload import Workload

FORMATS = {1: "fp8", 2: "bf16", 4: "fp32"}


def question_of(asked: Job, outline: Outline, pinned: tuple[tuple[str, str], ...] = ()) -> Question:
    """What strategies there are for a job's model, batch, precision and GPUs."""
    return Question(
        asked.model,
        asked.global_batch,
        asked.sequence,
        asked.precision,
        asked.mesh.world_size,
        outline.levels[0].gpus if outline.levels else outline.gpus,
        pinned,
        asked.gradient_bytes,
        asked.dispatch_bytes,
    )


def fastest(asked: Job, outline: Outline, keep: int) -> list[Job]:
    """The `keep` fastest strategies that fit, stages balanced where that is faster.

    Raises
    ------
    InputError
        W050 where none fits.
    """
    answer = search(question_of(asked, outline), outline, keep=keep, front=False)
    if not answer.best:
        raise InputError.of(
            "W050",
            f"no strategy for {asked.model.name} fits {asked.mesh.world_size:,} GPUs of {outline.gpu.name}",
            expected="more GPUs, or a smaller batch",
        )
    return [found.job for found in with_faster_cuts(answer, outline).best]


def as_workload(job: Job, like: Workload) -> Workload:
    """A job as a workload, its model and formats as in the description of one `like` it."""
    formats = FORMATS | ({2: "fp16"} if job.precision is Precision.FP16 else {})
    return build_workload(
        {
            **description(job, job.model.name, {}),
            "model": like.description["model"],
            "gradients": formats[job.gradient_bytes],
            "dispatch": formats[job.dispatch_bytes],
        },
        job.model.name,
    )
