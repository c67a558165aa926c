"""What other software does with a job when nobody chooses: its defaults as jobs of our own.

All train on the same tokens where they can. A batch that does not divide over the replicas of a default
is rounded up, never down, so that none is slowed by ranks without a sample.

======================  ========================================================================
MaxText                 ``configs/base.yml``: ``ici_fsdp_parallelism: -1`` and every other inner
                        axis 1, so that one fsdp axis takes all devices; ``remat_policy: full``;
                        ``dtype: bfloat16``, ``quantization: ""``; no gradient accumulation: all
                        samples of a device in one pass. ``get_num_slices`` counts one slice where
                        devices have no slice index; with several, ``dcn_data_parallelism: -1``
                        would copy the model to every slice
JAX mesh                ``create_hybrid_device_mesh`` takes any shape: here the best one
Megatron-LM             ``arguments.py``: no sequence parallelism, no distributed optimizer, no
                        recomputation, gradients in FP32, 1F1B, one expert-parallel rank. Degrees
                        by the rule of Narayanan et al. 2021, section 3: no more model parallelism
                        than fits, tensor parallelism first, stages once it has a whole node;
                        microbatch of 1
DeepSpeed               no pipeline and no tensor parallelism unless the model brings them;
                        autotuning (``autotuning/README.md``) tries ZeRO stages and microbatches
                        and keeps the fastest; of the stages 0, 1 and 3 are told apart here, since
                        2 moves what 1 does. No activation checkpointing unless the model has it
======================  ========================================================================
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

from planner.cost.step import Step
from planner.placement.orders import deepspeed as deepspeed_order
from planner.placement.orders import jax_device_mesh
from planner.placement.orders import megatron as megatron_order
from planner.strategy.space import MICRO_BATCHES, divisors
from planner.units import format_bytes
from planner.workload.job import DataParallel, Precision, Recompute, Schedule
from planner.workload.memory import memory
from planner.workload.mesh import Mesh
from planner.workload.payloads import families

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from planner.strategy.outline import Outline
    from planner.topology.cluster import Cluster
    from planner.workload.job import Job

    Rule = Callable[[Cluster, Mesh, NDArray[np.bool_]], NDArray[np.int32]]


@dataclass(frozen=True)
class Default:
    """What a piece of software would run.

    Parameters
    ----------
    name
        ``maxtext``, ``megatron`` and so on.
    job
        The job as it would run it.
    order
        Rule by which it gives GPUs to ranks.
    turns
        What its users can turn without leaving its defaults' kind, see `planner.strategy.remedy`.
    notes
        What is not as asked for.
    """

    name: str
    job: Job
    order: Rule
    turns: tuple[str, ...]
    notes: tuple[str, ...] = ()


def defaults(asked: Job, outline: Outline, node_gpus: int) -> tuple[Default, ...]:
    """Every default for the model, batch and precision of a job, on as many GPUs as it has.

    Parameters
    ----------
    node_gpus
        GPUs of a node.
    """
    found = [maxtext(asked, outline)]
    if asked.global_batch < asked.mesh.world_size:
        found.append(maxtext_same_batch(asked, outline))
    if asked.precision.is_narrow:
        found.append(maxtext(asked, outline, Precision.BF16))
    limit = outline.gpu.memory_bytes or float("inf")
    return (*found, megatron(asked, node_gpus, limit), deepspeed(asked, outline, limit))


def maxtext(asked: Job, outline: Outline, precision: Precision | None = None) -> Default:
    """Fully sharded data parallelism over the whole mesh, everything recomputed.

    Parameters
    ----------
    precision
        Format of the products where not the job's own.
    """
    gpus = asked.mesh.world_size
    job = replace(
        _plain(asked, Mesh(dp=gpus)),
        precision=precision or asked.precision,
        gradient_bytes=2,
        data_parallel=DataParallel.FSDP,
        recompute=Recompute.FULL,
    )
    job = with_batch(replace(job, micro_batch=ceil(asked.global_batch / gpus)), asked)
    name = "maxtext" if precision is None else f"maxtext-{precision}"
    notes = (*batch_notes(job, asked), *_slice_notes(job, outline))
    return Default(name, job, jax_device_mesh, ("micro_batch", "tp", "ep"), notes)


def maxtext_same_batch(asked: Job, outline: Outline) -> Default:
    """The same where there are fewer samples than GPUs: as many of these as have one."""
    fewer = replace(asked, mesh=Mesh(dp=asked.global_batch))
    found = maxtext(fewer, outline)
    return replace(found, name="maxtext, same batch", notes=batch_notes(found.job, asked))


def _slice_notes(job: Job, outline: Outline) -> Iterator[str]:
    """What becomes of the defaults where JAX takes each scale-up domain for a slice."""
    domain = outline.levels[0].gpus if outline.levels else outline.gpus
    if 1 < domain < job.mesh.world_size:
        alone = replace(job, mesh=Mesh(dp=domain), global_batch=job.micro_batch * domain)
        yield (
            f"all GPUs as one slice; as slices of {domain} GPUs each would hold the whole model, "
            f"{format_bytes(fullest(alone))} a GPU"
        )


def megatron(asked: Job, node_gpus: int, limit: float) -> Default:
    """The least model parallelism that fits: tensor parallelism up to a node, then stages.

    Where none fits, whichever needs least.
    """
    made = [_megatron_job(asked, *degrees) for degrees in _megatron_degrees(asked, node_gpus)]
    job = next((each for each in made if fullest(each) <= limit), None) or min(made, key=fullest)
    turns = ("sequence_parallel", "data_parallel", "recompute", "ep", "pp")
    return Default("megatron", job, megatron_order, turns, batch_notes(job, asked))


def _megatron_degrees(asked: Job, node_gpus: int) -> Iterator[tuple[int, int]]:
    """Degrees of tp and pp, the least model parallelism first."""
    gpus = asked.mesh.world_size
    tensor = [tp for tp in divisors(asked.model.heads) if splits_evenly(asked, tp, node_gpus)]
    yield from ((tp, 1) for tp in tensor if tp <= gpus)
    yield from ((tensor[-1], pp) for pp in divisors(asked.model.layers)[1:] if tensor[-1] * pp <= gpus)


def _megatron_job(asked: Job, tp: int, pp: int) -> Job:
    """What its arguments leave off is off."""
    job = replace(
        _plain(asked, Mesh(tp=tp, pp=pp, dp=asked.mesh.world_size // (tp * pp))),
        gradient_bytes=2 if asked.precision is Precision.FP16 else 4,
        data_parallel=DataParallel.DDP,
        recompute=Recompute.NONE,
        sequence_parallel=False,
    )
    return with_batch(job, asked)


def deepspeed(asked: Job, outline: Outline, limit: float) -> Default:
    """Of ZeRO stages and microbatches those that fit and are fastest; where none fits what needs least."""
    tried = list(_deepspeed_jobs(asked))
    fitting = [job for job in tried if fullest(job) <= limit]
    job = (
        min(fitting, key=lambda each: seconds_a_sample(each, outline)) if fitting else min(tried, key=fullest)
    )
    turns = ("recompute", "data_parallel", "ep", "tp")
    return Default("deepspeed", job, deepspeed_order, turns, batch_notes(job, asked))


def _deepspeed_jobs(asked: Job) -> Iterator[Job]:
    """Every ZeRO stage with every microbatch up to a replica's samples."""
    gpus = asked.mesh.world_size
    plain = replace(_plain(asked, Mesh(dp=gpus)), gradient_bytes=2, recompute=Recompute.NONE)
    for sharing in (DataParallel.DDP, DataParallel.DISTRIBUTED_OPTIMIZER, DataParallel.FSDP):
        for micro in MICRO_BATCHES:
            if micro <= ceil(asked.global_batch / gpus):
                yield with_batch(replace(plain, data_parallel=sharing, micro_batch=micro), asked)


def seconds_a_sample(job: Job, outline: Outline) -> float:
    """A step's time on a cluster in outline, by formula, over its samples."""
    network = {each.name: outline.time(each, job.mesh) for each in families(job)}
    return Step(job, outline.gpu, network).least_s / job.global_batch


def with_batch(job: Job, asked: Job) -> Job:
    """A job with the batch asked for, or the next larger one that its replicas and microbatch divide."""
    each = job.micro_batch * job.mesh.dp
    return replace(job, global_batch=ceil(asked.global_batch / each) * each)


def batch_notes(job: Job, asked: Job) -> tuple[str, ...]:
    """How a job's samples and GPUs differ from those asked for."""
    notes = []
    if job.global_batch != asked.global_batch:
        notes.append(
            f"a batch of {job.global_batch:,} in place of {asked.global_batch:,} samples, "
            f"a multiple of {job.mesh.dp:,} replicas"
        )
    idle = asked.mesh.world_size - job.mesh.world_size
    if idle:
        notes.append(f"{idle:,} GPUs have nothing to do")
    return tuple(notes)


def fullest(job: Job) -> float:
    """Bytes of the fullest GPU."""
    return max(stage.total for stage in memory(job))


def _plain(asked: Job, mesh: Mesh) -> Job:
    """The model, sequence and precision asked for on a mesh, a sample at a time."""
    return replace(asked, mesh=mesh, micro_batch=1, schedule=Schedule.ONE_F_ONE_B, sequence_parallel=True)


def splits_evenly(job: Job, degree: int, most: int) -> bool:
    """Whether tensor parallelism of a degree within `most` GPUs splits the model evenly."""
    model = job.model
    keys = model.heads if model.latent_attention else model.kv_heads
    even = keys % degree == 0 or degree % keys == 0
    divides = job.sequence % degree == 0 and model.hidden % degree == 0
    return degree <= most and even and divides
