"""Bytes that a GPU of each stage needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.workload.activations import layer_activation_bytes, logits_bytes, transient_layer_bytes
from planner.workload.job import DataParallel, Precision, Schedule
from planner.workload.stages import alike, kinds, shard_parameters, stages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.workload.job import Job
    from planner.workload.stages import ShardParameters, Stage


@dataclass(frozen=True)
class StageMemory:
    """Bytes of one GPU of a stage, by what they are for."""

    parameters: float
    gradients: float
    optimizer: float
    activations: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.parameters + self.gradients + self.optimizer + self.activations


def memory(job: Job) -> tuple[StageMemory, ...]:
    """What a GPU of each stage holds at its fullest; buffers of libraries and drivers left out."""
    kept = layer_activations(job)
    return tuple(
        stage_memory(job, held, shard, microbatches_in_flight(job, stage), kept)
        for stage, (held, shard) in enumerate(zip(stages(job), shard_parameters(job), strict=True))
    )


def layer_activations(job: Job) -> dict[int, float]:
    """Bytes that one layer of each kind keeps of a microbatch."""
    return {layer: layer_activation_bytes(job, layer) for layer in kinds(job.model)[0]}


def microbatches_in_flight(job: Job, stage: int) -> float:
    """Microbatches whose activations `stage` holds at once, as many as the step has at the most.

    ======================  ==========================================  ===========================
    schedule                first stage                                 later stages
    ======================  ==========================================  ===========================
    gpipe                   m                                           m
    1f1b                    p                                           p - stage
    interleaved             p (1 + (p - 1) / (p v))                     2 / v fewer a stage
    zb-h1, zb-v             p                                           p
    zb-h2                   2 p                                         2 p
    dualpipe                p + 1, half of them in each of its chunks   the same
    ======================  ==========================================  ===========================

    Sources: Narayanan et al. 2021; Megatron-LM's ``theoretical_memory_usage.py`` and its warm-up
    count ``2 (p - stage - 1) + (v - 1) p``; Qi et al. 2024; DeepSeek-V3, table 2.
    """
    pp, vp = job.mesh.pp, job.mesh.vp
    held: float
    match job.schedule:
        case Schedule.GPIPE:
            held = job.num_microbatches
        case Schedule.ONE_F_ONE_B:
            held = pp - stage
        case Schedule.INTERLEAVED:
            held = (2 * (pp - stage - 1) + (vp - 1) * pp + 1) / vp if vp > 1 else pp - stage
        case Schedule.ZB_H1 | Schedule.ZB_V:
            held = pp
        case Schedule.ZB_H2:
            held = 2 * pp
        case Schedule.DUALPIPE:
            held = pp + 1
    return min(held, job.num_microbatches) / job.model_copies


def stage_memory(
    job: Job, held: Stage, shard: ShardParameters, in_flight: float, kept: Mapping[int, float]
) -> StageMemory:
    """State of a stage's parameters and activations of the microbatches in flight.

    `shard` has the parameters of one of its GPUs, `kept` is that of `layer_activations`.

    Bytes a parameter (Megatron-Core's distributed optimizer; Rajbhandari et al. 2020, section 5;
    d ranks share): BF16 with FP32 gradients 18, or 6 + 12/d; FP16 20, or 4 + 16/d; FP32 16, or
    8 + 8/d; fsdp 16/d. Two copies of a layer (DualPipe) are counted as its parameters are.

    With fsdp two layers are whole beside that, parameters and gradients: those in use, and meanwhile
    parameters that are gathered for the next layer and gradients of the last that are being reduced
    (Zhao et al. 2023, sections 3.3.2 and 3.4.2: gathers run ahead of the reduction of gradients, and no
    more than two are under way).
    """
    dense_ranks, expert_ranks = job.mesh.cp * job.mesh.dp, job.mesh.edp
    parts = [(shard.dense, dense_ranks), (shard.expert, expert_ranks)]
    keeps_all = job.data_parallel is not DataParallel.FSDP
    whole = sum(count / (1 if keeps_all else ranks) for count, ranks in parts)
    shares_optimizer = job.data_parallel is not DataParallel.DDP
    optimized = sum(count / (ranks if shares_optimizer else 1) for count, ranks in parts)
    both = whole + (0.0 if keeps_all else _gathered(job, held))
    return StageMemory(
        parameters=both * job.precision.element_bytes,
        gradients=both * job.gradient_bytes,
        optimizer=optimized * optimizer_bytes(job.precision),
        activations=_activation_bytes(job, held, in_flight, kept),
    )


def optimizer_bytes(precision: Precision) -> int:
    """Bytes a parameter of Adam: FP32 copy and two moments; FP16 also keeps FP32 gradients."""
    return {Precision.FP32: 8, Precision.FP16: 16}.get(precision, 12)


def _gathered(job: Job, held: Stage) -> float:
    """Parameters of the two largest layers, which fsdp has whole at once."""
    model, mesh = job.model, job.mesh
    shards: list[float] = []
    for layer, times in alike(model, held.layers):
        part = model.layer_parameters(layer)
        shards += [(part.dense + part.routed_experts / mesh.ep) / mesh.tp] * times
    shards.sort()
    return sum(shards[-2:])


def _activation_bytes(job: Job, held: Stage, in_flight: float, kept: Mapping[int, float]) -> float:
    """Activations kept for backward, and what the busiest moment needs beside them."""
    layers = alike(job.model, held.layers)
    if held.head and job.model.mtp_layers:
        layers += [(last, job.model.mtp_layers) for last, _ in alike(job.model, [job.model.layers - 1])]
    of_microbatch = sum(times * kept[layer] for layer, times in layers)
    transient = transient_layer_bytes(job, [layer for layer, _ in layers])
    if held.head:
        transient = max(transient, logits_bytes(job))
    return of_microbatch * in_flight + transient
