"""Seconds that one GPU computes for one microbatch, layer by layer.

A pass over a layer is a list of matrix products, attention, and element-wise work that moves memory.
Products of m rows, n outputs and k inputs take

    2 m n k / (peak efficiency) (1 + narrow / n) (1 + shallow / k)

in the shape of what H200s were measured to take (`python -m tests.benchmarks.gpus --shape`). Backward
takes two products for each of forward's, by input and by weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from planner.cost.figures import figures_of
from planner.cost.software import MODERN
from planner.workload.job import DataParallel, Precision, Recompute
from planner.workload.stages import shard_parameters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.cost.figures import Figures, FiguresFile
    from planner.cost.software import Software
    from planner.topology.presets import Gpu
    from planner.workload.job import Job

# The grain in rows by which kernels cut a product: fewer rows take as long.
ROWS = 128
REFERENCE_FLOPS = 989e12
# Multiply-adds of attention's backward for each of its forward (FlashAttention: scores made again).
ATTENTION_BACKWARD = 2.5
# What Megatron-Core's vocabulary-parallel loss moves for each logit: cast to FP32 (6), maximum (4),
# subtract it (8), exponent (8), sum (4), divide (8); in backward scale (8) and cast back (6).
LOSS_FORWARD_BYTES, LOSS_BACKWARD_BYTES = 38, 14
# Of a parameter in an update, without a loss scale and with one.
OPTIMIZER_BYTES = (30, 60)
# A gradient in 16 bits and the sum so far are read, and the sum is written.
ADDED_BYTES = 6
# Rates of 4-bit products count for up to this many times that of 8 bits, the ratio of their operands'
# sizes: GB300's three times was not seen to give more than GB200's two.
MOST_OF_NVFP4 = 2.0


class Product(NamedTuple):
    """So many (`times`) matrix products of m rows, n outputs and k inputs."""

    rows: float
    outputs: float
    inputs: float
    times: float = 1.0


@dataclass(frozen=True)
class Passes:
    """Seconds of forward, of backward by input, and of backward by weight."""

    forward: float
    by_input: float
    by_weight: float

    def __add__(self, other: Passes) -> Passes:
        """Both, one after the other."""
        return Passes(
            self.forward + other.forward,
            self.by_input + other.by_input,
            self.by_weight + other.by_weight,
        )

    def __mul__(self, times: float) -> Passes:
        """So many of them."""
        return Passes(self.forward * times, self.by_input * times, self.by_weight * times)

    @property
    def total(self) -> float:
        """All three."""
        return self.forward + self.by_input + self.by_weight


NOTHING = Passes(0.0, 0.0, 0.0)


class Block(NamedTuple):
    """Products of a layer's attention or FFN, by what tensor parallelism does for them.

    Parameters
    ----------
    entering
        Those that need the tokens of all tensor ranks.
    leaving
        Those that give each rank a share of a sum.
    share
        Part of what the layer passes between tensor ranks that is for this block.
    """

    entering: Passes
    leaving: Passes
    share: float


@dataclass(frozen=True)
class Compute:
    """Times of a job's parts on one kind of GPU.

    Parameters
    ----------
    imbalance
        Tokens of the busiest expert rank over the mean.
    constants
        Constants of the model; those that ship with the planner where not given.
    """

    job: Job
    gpu: Gpu
    software: Software = MODERN
    imbalance: float = 1.0
    constants: FiguresFile | None = None

    @cached_property
    def figures(self) -> Figures:
        """Constants of the GPU's generation."""
        return figures_of(self.gpu, self.constants)

    def layer(self, number: int) -> Passes:
        """One microbatch through one layer."""
        return self._kinds[self.job.model.is_moe_layer(number)]

    @cached_property
    def _kinds(self) -> tuple[Passes, Passes]:
        """One microbatch through a dense layer, and through one with experts."""
        return _layer(self, moe=False), _layer(self, moe=True)

    def head(self) -> Passes:
        """Output projection and loss of one microbatch, and the modules that predict further tokens."""
        job = self.job
        one = Product(job.tokens, job.model.vocab / job.mesh.tp, job.model.hidden)
        # The head runs in 16 bits whatever the layers do.
        logits = job.tokens * job.model.vocab / job.mesh.tp
        loss = self._moved(LOSS_FORWARD_BYTES * logits, LOSS_BACKWARD_BYTES * logits)
        once = self._products([one], Precision.BF16) + loss
        return once + (self._further_token() + once) * job.model.mtp_layers

    def _further_token(self) -> Passes:
        """A module that predicts one more token, without its use of the head."""
        job, hidden = self.job, self.job.model.hidden
        return self.layer(job.model.layers - 1) + self._products(
            [Product(job.split_tokens, hidden, 2 * hidden)], job.precision
        )

    def blocks(self, *, moe: bool) -> tuple[Block, Block]:
        """Attention and FFN of one layer of a kind and one microbatch."""
        job, experts = self.job, self.job.model.experts
        *entering, leaving = _attention_products(job)
        if moe and experts is not None:
            # The router's comes first, and is of each rank's own tokens.
            ffn = list(_expert_products(job, self.imbalance))[1:]
            attention = 1 / (1 + experts.top_k + (1 if experts.shared else 0))
        else:
            ffn, attention = list(_ffn_products(job, job.model.ffn, job.tokens)), 1 / 2
        made = (entering, [leaving], attention), (ffn[::2], ffn[1::2], 1 - attention)
        first, second = (
            Block(self._products(one, job.precision), self._products(other, job.precision), share)
            for one, other, share in made
        )
        return first, second

    def attention_s(self) -> Passes:
        """Attention of one layer and microbatch, projections left out."""
        return _attention(self)

    def optimizer_s(self, stage: int) -> float:
        """Update of one GPU's share of the parameters.

        Adam in mixed precision reads and writes master copy and two moments, reads the gradient and
        writes the parameter: 30 bytes a parameter. With a loss scale for FP16 gradients are also copied
        to 32 bits (6), unscaled (8), summed for their norm (4) and clipped (8), and the parameter is
        copied back by itself (4), as Megatron-LM's optimizer for FP16 does.
        """
        shard, mesh = shard_parameters(self.job)[stage], self.job.mesh
        shares = self.job.data_parallel is not DataParallel.DDP
        dense, expert = (mesh.cp * mesh.dp, mesh.edp) if shares else (1, 1)
        moved = OPTIMIZER_BYTES[self.job.precision is Precision.FP16]
        return self._memory_s(moved * (shard.dense / dense + shard.expert / expert))

    def product_s(self, product: Product, precision: Precision) -> float:
        """Seconds of a matrix product."""
        # What a GPU does not know runs in the widest narrow format that it does, or in 16 bits.
        precision = self._run_in(precision)
        peak = self._peak(precision)
        if not peak or not product.rows:
            return 0.0
        figures = self.figures
        efficiency = figures.of_products(precision)
        rows = max(product.rows, ROWS)
        shallow = figures.shared.shallow_inputs * peak / REFERENCE_FLOPS
        slower = (1 + figures.shared.narrow_outputs / product.outputs) * (1 + shallow / product.inputs)
        return product.times * 2 * rows * product.outputs * product.inputs / (peak * efficiency) * slower

    def _run_in(self, precision: Precision) -> Precision:
        """The format that products are taken in: the next wider one where the GPU has no rate for it."""
        wider = {
            Precision.NVFP4: Precision.MXFP8,
            Precision.FP8: Precision.BF16,
            Precision.MXFP8: Precision.BF16,
        }
        while self.gpu.flops(precision.value) is None and precision in wider:
            precision = wider[precision]
        return precision

    def _peak(self, precision: Precision) -> float:
        """FLOP/s that an efficiency of 1 would mean."""
        peak = self.gpu.flops(precision.value) or self.gpu.flops(Precision.BF16.value) or 0.0
        if precision is Precision.NVFP4:
            return min(peak, MOST_OF_NVFP4 * (self.gpu.flops(Precision.FP8.value) or peak))
        return peak

    def _products(self, products: list[Product], precision: Precision) -> Passes:
        """Products in forward, and the two that each takes in backward."""
        forward = sum(self.product_s(each, precision) for each in products)
        by_input = sum(
            self.product_s(Product(p.rows, p.inputs, p.outputs, p.times), precision) for p in products
        )
        by_weight = sum(
            self.product_s(Product(p.outputs, p.inputs, p.rows, p.times), precision) for p in products
        )
        if not self.software.fuses_gradients:
            by_weight += self._memory_s(sum(ADDED_BYTES * p.outputs * p.inputs * p.times for p in products))
        return Passes(forward, by_input, by_weight)

    def _memory_s(self, moved_bytes: float) -> float:
        speed = self.gpu.memory_bytes_per_s
        return moved_bytes / (speed * self.figures.shared.memory_efficiency) if speed else 0.0

    def _moved(self, forward_bytes: float, backward_bytes: float) -> Passes:
        return Passes(self._memory_s(forward_bytes), self._memory_s(backward_bytes), 0.0)


def _layer(compute: Compute, *, moe: bool) -> Passes:
    """One microbatch through a layer of this kind."""
    job = compute.job
    products = [*_attention_products(job)]
    if moe:
        products += _expert_products(job, compute.imbalance)
    else:
        products += _ffn_products(job, job.model.ffn, job.tokens)
    total = compute._products(products, job.precision)
    total += _attention(compute) + _elementwise(compute, moe=moe)
    shared = compute.figures.shared
    gaps = shared.layer_overhead_s if compute.software.replays else shared.launched_layer_overhead_s
    total += Passes(gaps, gaps, 0.0)
    again = _recomputed(compute, total, moe=moe)
    return Passes(total.forward, total.by_input + again, total.by_weight)


def _recomputed(compute: Compute, once: Passes, *, moe: bool) -> float:
    """Seconds of forward that backward runs again: all, or what is cheap and unfused attention's core."""
    match compute.job.recompute:
        case Recompute.FULL:
            return once.forward
        case Recompute.SELECTIVE if compute.software.fused_attention:
            return _elementwise(compute, moe=moe).forward
        case Recompute.SELECTIVE:
            return _attention(compute).forward
        case _:
            return 0.0


def _attention_products(job: Job) -> Iterator[Product]:
    """Projections of one layer's attention."""
    model, tp, tokens = job.model, job.mesh.tp, job.tokens
    mla = model.latent_attention
    if mla is None:
        yield Product(tokens, (model.q_dim + model.k_dim + model.v_dim) / tp, model.hidden)
    else:
        if mla.q_lora:
            yield Product(job.split_tokens, mla.q_lora, model.hidden)
        yield Product(tokens, model.q_dim / tp, mla.q_lora or model.hidden)
        yield Product(job.split_tokens, mla.kv_lora + mla.rope, model.hidden)
        yield Product(tokens, model.heads * (mla.nope + mla.v) / tp, mla.kv_lora)
    yield Product(tokens, model.hidden, model.attention_out_dim / tp)


def _ffn_products(job: Job, inner: float, tokens: float, times: float = 1.0) -> Iterator[Product]:
    """Projections of so many FFNs of inner size `inner`."""
    hidden, tp = job.model.hidden, job.mesh.tp
    yield Product(tokens, (2 if job.model.gated_ffn else 1) * inner / tp, hidden, times)
    yield Product(tokens, hidden, inner / tp, times)


def _expert_products(job: Job, imbalance: float) -> Iterator[Product]:
    """Router, routed experts of this rank, shared experts."""
    experts, ep = job.model.experts, job.mesh.ep
    if experts is None:
        return
    held = experts.count / ep
    routed = job.tokens * experts.top_k * imbalance / held
    yield Product(job.split_tokens, experts.count, job.model.hidden)
    yield from _ffn_products(job, experts.ffn, routed, held)
    if experts.shared:
        yield from _ffn_products(job, experts.shared * experts.ffn, job.tokens)


def _attention(compute: Compute) -> Passes:
    """Scores and their use: every token of the rank with those before it."""
    job, model = compute.job, compute.job.model
    widths = (model.q_dim + model.attention_out_dim) / job.mesh.tp
    whole = 2 * job.tokens * job.sequence * widths
    peak = compute.gpu.flops(Precision.BF16.value)
    if not peak:
        return NOTHING
    if compute.software.fused_attention:
        forward = whole / 2 / (peak * compute.figures.shared.attention_efficiency)
        return _in_parts(compute, Passes(forward, ATTENTION_BACKWARD * forward, 0.0))
    forward = whole / (peak * compute.figures.of_products(Precision.BF16))
    # Unfused, scores of all heads are written, scaled and masked, normed, dropped and read again:
    # seven passes of two bytes and the mask's one, and as many and half more in backward.
    scores = job.tokens * job.sequence * model.heads / job.mesh.tp
    return Passes(forward, 2 * forward, 0.0) + compute._moved(13 * scores, 17 * scores)


def _in_parts(compute: Compute, at_once: Passes) -> Passes:
    """Fused attention where keys arrive from the other ranks of a ring one after the other.

    Keys of other ranks are attended to by smaller kernels, the slower the fewer tokens a rank has, and what
    the parts give is weighed and added.
    """
    job, model, shared = compute.job, compute.job.model, compute.figures.shared
    further = job.mesh.cp - 1
    few = shared.ring_few_tokens * job.mesh.cp / job.sequence
    values = job.tokens * (model.q_dim + model.attention_out_dim) / 2 / job.mesh.tp
    added_s = compute._memory_s(further * shared.ring_part_bytes * values)
    slower = 1 + further / job.mesh.cp * shared.ring_slowdown * (1 + few)
    share = at_once.forward / at_once.total
    return at_once * slower + Passes(share * added_s, (1 - share) * added_s, 0.0)


def _elementwise(compute: Compute, *, moe: bool) -> Passes:
    """Norms, residuals, rotary positions, activations, and casts to narrow formats."""
    job, model = compute.job, compute.job.model
    experts = model.experts
    inner, copies = float(model.ffn), 0.0
    if moe and experts is not None:
        inner = experts.ffn * (experts.top_k + experts.shared)
        # A copy of each token is written for each of its experts, and of each result read.
        copies = 2 * experts.top_k * compute.imbalance
    element = job.precision.element_bytes
    tp = job.mesh.tp
    once = job.split_tokens * model.hidden
    # Two norms (read, write) and two residuals (read two, write one) over the hidden dimension.
    hidden = once * (10 + copies)
    rotated = job.tokens * (model.q_dim + model.k_dim) / tp * 2
    active = job.tokens * inner / tp * (3 if model.gated_ffn else 2)
    forward = (hidden + rotated + active) * element
    backward = 1.5 * forward
    if not compute.software.norms_once:
        # Either norm reads its input once more; in backward that and its gradient, in both of two kernels.
        forward, backward = forward + 2 * once * element, backward + 8 * once * element
    if job.precision.is_narrow:
        cast = job.tokens * (2 * model.hidden + (model.attention_out_dim + inner) / tp)
        # Read in 16 bits, written in 8 twice: by rows for one product, by columns for the other.
        forward, backward = forward + 4 * cast, backward + 4 * cast
    passes = compute.figures.shared.memory_passes
    return compute._moved(passes * forward, passes * backward)
