"""Which layers a pipeline stage holds, and how many parameters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from planner.workload.job import Schedule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.workload.job import Job
    from planner.workload.model import Model

    IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Stage:
    """What the ranks of one stage hold.

    Parameters
    ----------
    layers
        Numbers of the layers, from 0, virtual stage by virtual stage.
    embedding, head
        Whether the embedding, or the final norm and the output projection, are here.
    """

    layers: tuple[int, ...]
    embedding: bool
    head: bool


@dataclass(frozen=True)
class ShardParameters:
    """Parameters in one GPU's share of a stage, before data parallelism splits anything.

    Parameters
    ----------
    dense
        Reduced over all data-parallel ranks.
    expert
        Routed experts, reduced over the ranks that hold the same experts only.
    """

    dense: float
    expert: float

    @property
    def total(self) -> float:
        """Both kinds."""
        return self.dense + self.expert


def alike(model: Model, layers: Sequence[int]) -> list[tuple[int, int]]:
    """One layer of each kind among `layers`, and how many there are: layers of a kind are all alike."""
    first_moe = model.experts.dense_layers if model.experts else model.layers
    dense = sum(layer < first_moe for layer in layers) if model.experts else len(layers)
    kinds = ((0, dense), (model.layers - 1, len(layers) - dense))
    return [(layer, times) for layer, times in kinds if times]


@lru_cache(maxsize=64)
def kinds(model: Model) -> tuple[tuple[int, ...], IntArray]:
    """One layer of each kind, and how many of each kind are among the first n layers.

    The counts have the shape (layers + 1, kinds) and must not be written to.
    """
    found = tuple(layer for layer, _ in alike(model, range(model.layers)))
    which = [found.index(alike(model, (layer,))[0][0]) for layer in range(model.layers)]
    before = np.zeros((model.layers + 1, len(found)), np.int64)
    before[1:] = np.cumsum(np.eye(len(found), dtype=np.int64)[which], axis=0)
    return found, before


def even(layers: int, count: int) -> tuple[int, ...]:
    """Sizes of `count` chunks of `layers` layers, as equal as they can be.

    All get ``layers // count``; the remainder goes, one each, to the chunks in the middle, since the
    first also has the embedding and the last the head. 126 layers in 16 chunks are 7, fourteen
    times 8, and 7: the split of Llama 3's paper (section 3.3.2). Where there are up to two chunks
    more than layers, the outer ones hold the embedding or the head alone.
    """
    each, extra = divmod(layers, count)
    first = (count - extra) // 2
    return tuple(each + (first <= index < first + extra) for index in range(count))


def chunk_count(schedule: Schedule, pp: int, vp: int) -> int:
    """Chunks that the layers are cut into along the pipeline."""
    return 2 * pp if schedule is Schedule.ZB_V else pp * vp


def sizes(job: Job) -> tuple[int, ...]:
    """Layers of each chunk along the pipeline: as cut, or `even`."""
    count = chunk_count(job.schedule, job.mesh.pp, job.mesh.vp)
    return job.cut if job.cut is not None else even(job.model.layers, count)


def chunks(job: Job) -> list[tuple[int, ...]]:
    """Numbers of the layers in each chunk along the pipeline."""
    return _chunks(sizes(job))


def _chunks(cut: tuple[int, ...]) -> list[tuple[int, ...]]:
    return [tuple(range(end - size, end)) for size, end in zip(cut, accumulate(cut), strict=True)]


def chunks_of_stage(job: Job) -> list[list[int]]:
    """Numbers of the chunks that each stage holds, in the order that they run.

    Virtual stages go round (chunk ``v pp + p`` on stage p: Narayanan et al. 2021, section 2.2);
    zb-v goes down and up again (Qi et al. 2024, "Pipeline Parallelism with Controllable Memory");
    DualPipe gives each stage a second copy of its mirror image's chunk (DeepSeek-V3, section 3.2.1).
    """
    return _chunks_of_stage(job.schedule, job.mesh.pp, job.mesh.vp)


def _chunks_of_stage(schedule: Schedule, pp: int, vp: int) -> list[list[int]]:
    if schedule is Schedule.ZB_V:
        return [[stage, 2 * pp - 1 - stage] for stage in range(pp)]
    if schedule is Schedule.DUALPIPE:
        return [[stage, pp - 1 - stage] for stage in range(pp)]
    return [[virtual * pp + stage for virtual in range(vp)] for stage in range(pp)]


def stages(job: Job) -> tuple[Stage, ...]:
    """What each stage holds."""
    return _stages(sizes(job), job.schedule, job.mesh.pp, job.mesh.vp)


# A search looks at thousands of jobs that are cut alike.
@lru_cache(maxsize=1024)
def _stages(cut: tuple[int, ...], schedule: Schedule, pp: int, vp: int) -> tuple[Stage, ...]:
    chunks, last = _chunks(cut), len(cut) - 1
    return tuple(
        Stage(tuple(layer for chunk in stage for layer in chunks[chunk]), 0 in stage, last in stage)
        for stage in _chunks_of_stage(schedule, pp, vp)
    )


@lru_cache(maxsize=64)
def shard_parameters(job: Job) -> tuple[ShardParameters, ...]:
    """Parameters of one GPU of each stage.

    Matrices are split over tp, norms and routers are not; routed experts are split over ep and tp.
    A tied embedding is held by both first and last stage.
    """
    return tuple(stage_parameters(job, stage) for stage in stages(job))


def stage_parameters(job: Job, stage: Stage) -> ShardParameters:
    """Parameters of one GPU of a stage, see `shard_parameters`."""
    model, tp = job.model, job.mesh.tp
    parts = [(model.layer_parameters(layer), times) for layer, times in alike(job.model, stage.layers)]
    if stage.head and model.mtp_layers:
        parts.append((model.layer_parameters(model.layers - 1), model.mtp_layers))
    whole = float(sum(times * (part.router + part.norms) for part, times in parts))
    split = float(
        sum(times * (part.attention + part.dense_ffn + part.shared_experts) for part, times in parts)
    )
    if stage.embedding:
        split += model.embedding_parameters
    if stage.head:
        whole += model.norm_parameters()
        split += model.head_parameters + model.mtp_layers * 2 * model.hidden**2
        if model.tied_embeddings and not stage.embedding:
            split += model.word_embedding_parameters
    expert = sum(times * part.routed_experts for part, times in parts) / (job.mesh.ep * tp)
    return ShardParameters(whole + split / tp, expert)
