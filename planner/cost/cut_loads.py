"""What a job's layers take on each stage, as the model of a step has it, and the best cut for it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from planner.cost.cut import cut_layers
from planner.cost.loads import Loads
from planner.workload.job import Schedule
from planner.workload.memory import layer_activations, microbatches_in_flight, stage_memory
from planner.workload.stages import Stage, chunks_of_stage, kinds, stage_parameters, stages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from planner.cost.step import Step
    from planner.workload.job import Job

    FloatArray = NDArray[np.float64]


def balanced(
    step: Step, limit_bytes: float | None = None, pinned: Mapping[int, int] | None = None
) -> tuple[int, ...] | None:
    """The cut that makes the slowest stage of a step as fast as can be.

    Parameters
    ----------
    step
        The job, cut in any way, on its GPUs and network.
    limit_bytes
        Memory of a GPU; None where it is not known.
    pinned
        Layers of chunks that are given, by the chunk's number along the pipeline.

    Returns
    -------
    tuple or None
        Layers of each chunk along the pipeline; None where none that fits in memory was found.
    """
    return cut_layers(loads_of(step, limit_bytes, pinned)).sizes


def loads_of(step: Step, limit_bytes: float | None = None, pinned: Mapping[int, int] | None = None) -> Loads:
    """What layers take on the stages of a step; parameters as those of `balanced`."""
    job = step.job
    held, passes = np.array(chunks_of_stage(job)), step.durations
    layer_s = np.sum(step.layer_passes, axis=0)
    chunk_s = passes.forward + passes.by_input + passes.by_weight
    extra_s = np.zeros(len(step.chunk_counts))
    extra_s[held] = chunk_s - np.einsum("pck,pk->pc", step.chunk_counts[held], layer_s)
    # What is left of chunks without an end is but rounding.
    extra_s[np.abs(extra_s) < 1e-9 * chunk_s.max()] = 0.0
    return Loads(
        held=tuple(tuple(chunks) for chunks in held.tolist()),
        before=kinds(job.model)[1],
        layer_s=layer_s,
        extra_s=extra_s,
        memory_bytes=_memory_of(job),
        limit_bytes=float("inf") if limit_bytes is None else limit_bytes,
        sent_s=step.sent_s if job.schedule in (Schedule.ONE_F_ONE_B, Schedule.ZB_H1) else None,
        pinned=pinned or {},
    )


def _memory_of(job: Job) -> Callable[[int, tuple[int, ...]], float]:
    """Bytes of a GPU of a stage that holds so many layers of each kind."""
    kept, some = layer_activations(job), kinds(job.model)[0]
    now = stages(job)
    flights = [microbatches_in_flight(job, stage) for stage in range(len(now))]

    @cache
    def parts(counts: tuple[int, ...], ends: tuple[bool, bool]) -> tuple[float, float]:
        """Bytes whatever is in flight, and for each microbatch that is."""
        layers = tuple(layer for layer, times in zip(some, counts, strict=True) for _ in range(times))
        held = Stage(layers, *ends)
        shard = stage_parameters(job, held)
        none, one = (stage_memory(job, held, shard, flight, kept).total for flight in (0.0, 1.0))
        return none, one - none

    def needed(stage: int, counts: tuple[int, ...]) -> float:
        always, each = parts(counts, (now[stage].embedding, now[stage].head))
        return always + each * flights[stage]

    return needed
