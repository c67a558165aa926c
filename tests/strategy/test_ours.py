"""The planner's own choice for a job's model, batch and GPUs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.errors import InputError
from planner.strategy.ours import as_workload, fastest, question_of
from planner.strategy.outline import Outline
from planner.workload.job import Precision
from planner.workload.load import job_of
from tests.cost.jobs import placed

STORED = placed(gradients="bf16", dispatch="fp8", precision="mxfp8")
JOB = job_of(STORED.workload)
OUTLINE = Outline.of(STORED.cluster)


def test_question_is_about_the_same_job():
    """Model, batch and formats; nothing of its strategy but how many GPUs it has."""
    asked = question_of(JOB, OUTLINE)
    assert (asked.model, asked.global_batch, asked.sequence) == (JOB.model, JOB.global_batch, JOB.sequence)
    assert (asked.gradient_bytes, asked.dispatch_bytes, asked.precision) == (2, 1, Precision.MXFP8)
    assert asked.gpus == JOB.mesh.world_size
    assert asked.pinned == ()


@pytest.mark.parametrize(
    "changes",
    [{}, {"precision": Precision.FP16, "dispatch_bytes": 2}, {"gradient_bytes": 4}],
    ids=["narrow", "fp16", "wide gradients"],
)
def test_workload_describes_the_job(changes):
    """With its own formats of gradients and of dispatched tokens."""
    job = replace(JOB, **changes)
    assert job_of(as_workload(job, STORED.workload)) == job


def test_fastest_come_in_order_and_fit():
    """As many as are asked for, none slower than the next."""
    found = fastest(JOB, OUTLINE, 2)
    assert len(found) == 2
    assert all(job.mesh.world_size <= 16 for job in found)


def test_nothing_fits():
    """Told, not raised from nowhere."""
    tiny = replace(OUTLINE, gpu=replace(OUTLINE.gpu, memory_bytes=1e6))
    with pytest.raises(InputError) as error:
        fastest(JOB, tiny, 1)
    assert error.value.problems[0].code == "W050"
