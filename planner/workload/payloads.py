"""What each group of a training job moves in one step, from the model.

Symbols as in the sources: b micro batch, s sequence, h hidden, t tp, c cp, Z ep, k experts a token,
e bytes an element, m microbatches. Groups of one rank move nothing and make no family. Left out, as
in the sources: gradient norms, loss reductions and what the vocabulary-parallel embedding adds.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from planner.workload.family import Family, Kind
from planner.workload.job import DataParallel, Recompute, Schedule
from planner.workload.stages import alike, kinds, shard_parameters, stages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.workload.job import Job
    from planner.workload.mesh import Mesh


def families(job: Job) -> tuple[Family, ...]:
    """All families of the job with their payloads."""
    parts = (tensor, context, expert, pipeline, data, mirrored_stages, tied_embedding)
    return tuple(family for part in parts for family in part(job))


def group_size(mesh: Mesh, axes: tuple[str, ...]) -> int:
    """Ranks in a group that varies along `axes`."""
    return prod(mesh.degree(axis) for axis in axes)


def tensor(job: Job) -> Iterator[Family]:
    """Tensor parallelism: activations, in every layer and microbatch.

    With sequence parallelism a layer all-gathers and reduce-scatters the input and output of its
    attention and of its FFN, forward and backward: 4 of each of ``b s h`` elements, and 2 more
    all-gathers in backward since gathered inputs are not kept (Korthikanti et al. 2022, section
    4.2.2). Without it 4 all-reduces of ``b s h`` (Narayanan et al. 2021, section 3.2). Full
    recomputation adds those of one more forward. The FFN's share of a layer with experts is ``k``
    times as large, as each tensor rank needs every token sent to its slice of an expert, and shared
    experts add their own input and output.
    """
    if job.mesh.tp == 1:
        return
    if not job.sequence_parallel:
        yield Family("tp", ("tp",), Kind.ALL_REDUCE, _per_layer(job, "tp"))
        return
    yield Family("tp_all_gather", ("tp",), Kind.ALL_GATHER, _per_layer(job, "tp_all_gather"))
    yield Family("tp_reduce_scatter", ("tp",), Kind.REDUCE_SCATTER, _per_layer(job, "tp_reduce_scatter"))


def _tensor_bytes(job: Job, layer: int) -> float:
    """Bytes that a layer's blocks pass between tensor ranks once, for one microbatch."""
    once = job.tokens * job.model.hidden * job.precision.element_bytes
    experts = job.model.experts
    if experts is None or not job.model.is_moe_layer(layer):
        return once * 2
    return once * (1 + experts.top_k + (1 if experts.shared else 0))


def context(job: Job) -> Iterator[Family]:
    """Context parallelism: keys and values, in every layer and microbatch.

    All-gather of ``b s (k_dim + v_dim) / t`` elements in forward and again in backward, and a
    reduce-scatter of their gradients (Megatron-Core's context parallelism); a ring that passes them
    round moves as much. Full recomputation gathers once more. MLA's keys and values are gathered as
    the up-projections give them.
    """
    if job.mesh.cp == 1:
        return
    yield Family("cp_all_gather", ("cp",), Kind.ALL_GATHER, _per_layer(job, "cp_all_gather"))
    yield Family("cp_reduce_scatter", ("cp",), Kind.REDUCE_SCATTER, _per_layer(job, "cp_reduce_scatter"))


def _context_bytes(job: Job) -> float:
    """Bytes of keys and values of one layer and microbatch."""
    elements = job.micro_batch * job.sequence * (job.model.k_dim + job.model.v_dim) / job.mesh.tp
    return elements * job.precision.element_bytes


def expert(job: Job) -> Iterator[Family]:
    """Expert parallelism: tokens to their experts and back, in every expert layer and microbatch.

    With balanced routing an ordered pair of ranks exchanges ``tokens k h / Z`` elements in each of
    dispatch and combine, in forward and in backward (DeepSeek-V3, section 3.2): dispatch in its own
    precision, combine in that of activations. Full recomputation runs forward once more.
    """
    if job.model.experts is not None and job.mesh.ep > 1:
        yield Family("ep", ("ep",), Kind.ALL_TO_ALL, _per_layer(job, "ep"))


def _expert_bytes(job: Job, layer: int) -> float:
    """Bytes of an ordered pair of ranks, there and back once, for one layer and microbatch."""
    experts = job.model.experts
    if experts is None or not job.model.is_moe_layer(layer):
        return 0.0
    elements = job.split_tokens * experts.top_k * job.model.hidden / job.mesh.ep
    return elements * (job.dispatch_bytes + job.precision.element_bytes)


def layer_bytes(job: Job, name: str, layer: int) -> float:
    """What layer `layer` adds to the payload of a family inside of layers, for one microbatch.

    Parameters
    ----------
    name
        Name of a family of `tensor`, `context` or `expert`; of another family it adds nothing.
    """
    again = 1 if job.recompute is Recompute.FULL else 0
    match name:
        case "tp" | "tp_reduce_scatter":
            return (2 + again) * _tensor_bytes(job, layer)
        case "tp_all_gather":
            return (3 + again) * _tensor_bytes(job, layer)
        case "cp_all_gather":
            return (2 + again) * _context_bytes(job)
        case "cp_reduce_scatter":
            return _context_bytes(job)
        case "ep":
            return (2 + again) * _expert_bytes(job, layer)
        case _:
            return 0.0


def pipeline(job: Job) -> Iterator[Family]:
    """Pipeline parallelism: activations forward and their gradients back over each stage boundary.

    ``b s h`` elements a boundary, microbatch and direction, ``/t`` with sequence parallelism
    (Narayanan et al. 2021, sections 2.2 and 4.1). With virtual stages a microbatch passes each
    boundary `vp` times and goes from the last stage round to the first ``vp - 1`` times; zb-v
    passes each boundary on its way down and on its way up.
    """
    pp, vp = job.mesh.pp, job.mesh.vp
    if pp == 1:
        return
    elements = job.split_tokens * job.model.hidden
    once = 2 * job.num_microbatches * elements * job.precision.element_bytes
    if vp > 1:
        yield Family("pp", ("pp",), Kind.RING, (*([vp * once] * (pp - 1)), (vp - 1) * once))
        return
    crossings = 2 if job.schedule is Schedule.ZB_V else 1
    yield Family("pp", ("pp",), Kind.PATH, (crossings * once,) * (pp - 1))


def data(job: Job) -> Iterator[Family]:
    """Data parallelism: gradients and parameters of each stage, once a step or as FSDP needs them.

    Full buffers are the GPU's share of the parameters N times the bytes of an element. ddp: one
    all-reduce of gradients. distributed_optimizer (ZeRO-1): a reduce-scatter of gradients and an
    all-gather of parameters. fsdp (ZeRO-3): two all-gathers and, since no rank keeps whole
    gradients, one reduce-scatter in every microbatch. fsdp_no_reshard: as distributed_optimizer,
    parameters stay whole from the first forward to the last backward (Llama 3, section 3.3.2).
    Sources: Rajbhandari et al. 2020, section 7; Megatron-Core's distributed optimizer.

    Gradients of routed experts are reduced over the ranks that hold the same experts (axis
    ``edp``), all others over cp and dp together.
    """
    shards = shard_parameters(job)
    dense_axes = ("cp", "dp") if job.mesh.cp > 1 else ("dp",)
    if job.mesh.ep == 1:
        yield from _reductions(job, "dp", dense_axes, [shard.total for shard in shards])
        return
    yield from _reductions(job, "dp", dense_axes, [shard.dense for shard in shards])
    yield from _reductions(job, "expert_dp", ("edp",), [shard.expert for shard in shards])


def _reductions(job: Job, name: str, axes: tuple[str, ...], shards: list[float]) -> Iterator[Family]:
    """The collectives that keep parameters of `shards` elements a stage the same along `axes`."""
    if group_size(job.mesh, axes) == 1 or not any(shards):
        return
    gradients = [elements * job.gradient_bytes for elements in shards]
    parameters = [elements * job.precision.element_bytes for elements in shards]
    if job.data_parallel is DataParallel.DDP:
        yield Family(name, axes, Kind.ALL_REDUCE, tuple(gradients))
        return
    rounds = job.num_microbatches if job.data_parallel is DataParallel.FSDP else 1
    gathers = 2 * rounds if job.data_parallel is DataParallel.FSDP else 1
    yield Family(
        f"{name}_reduce_scatter", axes, Kind.REDUCE_SCATTER, tuple(rounds * size for size in gradients)
    )
    yield Family(f"{name}_all_gather", axes, Kind.ALL_GATHER, tuple(gathers * size for size in parameters))


def mirrored_stages(job: Job) -> Iterator[Family]:
    """DualPipe: gradients of the two copies of each layer, which mirrored stages hold.

    Each GPU joins its data-parallel share of the gradients with its mirror image's.
    """
    if job.schedule is not Schedule.DUALPIPE:
        return
    pp, dense, edp = job.mesh.pp, job.mesh.dp * job.mesh.cp, job.mesh.edp
    for stage, shard in enumerate(shard_parameters(job)[: pp // 2]):
        size = (shard.dense / dense + shard.expert / edp) * job.gradient_bytes
        pair = (stage, pp - 1 - stage)
        yield Family(f"mirror_{stage}", ("pp",), Kind.ALL_REDUCE, (size,), stages=pair)


def tied_embedding(job: Job) -> Iterator[Family]:
    """All-reduce of the gradients of a tied embedding, ``V h / t``, between the stages that hold it.

    Source: Narayanan et al. 2021, section 2.2. Nothing moves where one stage has both uses of it.
    """
    held = stages(job)
    if not job.model.tied_embeddings or held[0].head or job.mesh.pp == 1:
        return
    size = job.model.word_embedding_parameters / job.mesh.tp * job.gradient_bytes
    yield Family("embedding", ("pp",), Kind.ALL_REDUCE, (size,), stages=(0, job.mesh.pp - 1))


def _per_layer(job: Job, name: str) -> tuple[float, ...]:
    """Bytes of a family a stage and step, from the bytes of each layer in one microbatch."""
    each = {layer: layer_bytes(job, name, layer) for layer in kinds(job.model)[0]}
    return tuple(
        job.microbatches_per_layer
        * sum(times * each[layer] for layer, times in alike(job.model, stage.layers))
        for stage in stages(job)
    )
