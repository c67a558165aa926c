"""Activations that one layer keeps for backward.

The count is that of Korthikanti et al. 2022, section 4.1, item by item instead of in its closed
form, so that grouped-query and latent attention, gated FFNs and experts are counted as they are. For
their layer (ungated FFN of 4 h, as many key as query heads, 2-byte elements) it gives
their ``34 s b h`` but for the two dropout masks of ``s b h``, which today's models do not have:
``32 s b h``. Attention is fused (flash), so the ``5 a s / h`` term never appears.

- *none* keeps everything but the attention scores.
- *selective* also drops what is cheap to make again: normed inputs, the FFN's activation, MLA's
  up-projections (Megatron-Core's modules ``layernorm``, ``moe_act``, ``mla_up_proj``); with 8-bit
  products the FFN's pre-activations wait in 8 bits (DeepSeek-V3, section 3.3.3).
- *full* keeps a layer's input alone, ``2 s b h``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.workload.job import Recompute

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.workload.job import Job
    from planner.workload.model import LatentAttention


def layer_activation_bytes(job: Job, layer: int) -> float:
    """Bytes of one microbatch that layer `layer` keeps for backward, on one GPU."""
    hidden, element = job.model.hidden, job.precision.element_bytes
    if job.recompute is Recompute.FULL:
        return job.split_tokens * hidden * element
    norm_inputs = 2 * job.split_tokens * hidden * element
    return norm_inputs + _normed_bytes(job) + _attention_bytes(job) + _ffn_bytes(job, layer)


def transient_layer_bytes(job: Job, layers: Iterable[int]) -> float:
    """What recomputation needs while it runs: the largest layer's activations, none left out."""
    if job.recompute is Recompute.NONE:
        return 0.0
    whole = replace(job, recompute=Recompute.NONE)
    return max((layer_activation_bytes(whole, layer) for layer in layers), default=0.0)


def logits_bytes(job: Job) -> float:
    """Logits of one microbatch and their FP32 softmax on a GPU of the last stage."""
    return job.tokens * job.model.vocab / job.mesh.tp * (job.precision.element_bytes + 4)


def _normed_bytes(job: Job) -> float:
    """Inputs of attention and FFN; selective recomputation makes them again from the norms' inputs."""
    if job.recompute is Recompute.SELECTIVE:
        return 0.0
    return 2 * job.split_tokens * job.model.hidden * job.precision.saved_input_bytes


def _attention_bytes(job: Job) -> float:
    """Queries, keys, values, and the attention's output both for itself and for the projection."""
    model, element = job.model, job.precision.element_bytes
    mla = model.latent_attention
    latents = _latent_bytes(job, mla) if mla else 0.0
    drops_projections = mla is not None and job.recompute is Recompute.SELECTIVE
    projections = 0 if drops_projections else model.q_dim + model.k_dim + model.v_dim
    output = model.attention_out_dim * (element + (1 if job.precision.is_narrow else 0))
    return latents + job.tokens / job.mesh.tp * (projections * element + output)


def _latent_bytes(job: Job, mla: LatentAttention) -> float:
    """MLA's latents, which tensor parallelism does not split."""
    return job.split_tokens * (mla.q_lora + mla.kv_lora + mla.rope) * job.precision.element_bytes


def _ffn_bytes(job: Job, layer: int) -> float:
    """Activations inside the FFN, or inside router, routed and shared experts."""
    model, experts = job.model, job.model.experts
    if experts is None or not model.is_moe_layer(layer):
        return _inner_bytes(job, model.ffn, job.tokens)
    routed = job.tokens * experts.top_k
    sent = routed * model.hidden * job.precision.saved_input_bytes
    router = job.split_tokens * experts.count * 4
    shared = _inner_bytes(job, experts.shared * experts.ffn, job.tokens)
    return sent + router + shared + _inner_bytes(job, experts.ffn, routed)


def _inner_bytes(job: Job, inner: int, tokens: float) -> float:
    """Pre-activations and the activation of FFNs of inner size `inner` for `tokens` tokens."""
    precision, selective = job.precision, job.recompute is Recompute.SELECTIVE
    waiting = precision.saved_input_bytes if selective else precision.element_bytes
    before = (2 if job.model.gated_ffn else 1) * waiting
    after = 0 if selective else precision.saved_input_bytes
    return tokens * inner / job.mesh.tp * (before + after)
