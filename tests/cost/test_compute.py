"""Seconds of compute."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from planner.cost.compute import Compute, Product
from planner.cost.software import Software
from planner.topology.presets import preset
from planner.workload.architecture import load_architecture, to_model
from planner.workload.job import Precision, Recompute
from tests.workload.jobs import job, moe_model

MEASURED = Path(__file__).parent.parent / "benchmarks" / "gpus" / "h200.json"
LLAMA = to_model(load_architecture("llama-3.1-8b"))


def compute(**options):
    """Llama 3.1 8B on an H100, one sample of 4,096 tokens a microbatch."""
    return Compute(job(LLAMA, batch=(8, 1, 4096), **options), preset("h100"))


def test_no_faster_than_the_peak():
    """A layer takes longer than its products at the peak."""
    one = compute()
    products = LLAMA.layer_parameters(0).total - LLAMA.layer_parameters(0).norms
    assert one.layer(0).total > 6 * products * 4096 / 989e12


def test_tensor_parallelism_divides_less_than_evenly():
    """Half of a layer takes more than half the time: products get narrow."""
    whole, half = compute().layer(0).total, compute(tp=2).layer(0).total
    assert whole / 2 < half < whole


def test_full_recomputation_adds_a_forward():
    """To backward by input, and nothing to the others."""
    kept, again = (compute(recompute=each).layer(0) for each in (Recompute.NONE, Recompute.FULL))
    assert (again.forward, again.by_weight) == (kept.forward, kept.by_weight)
    assert again.by_input == pytest.approx(kept.by_input + kept.forward)


def test_selective_recomputation_costs_a_little():
    """More than none, far less than all."""
    none, some, all_of_it = (compute(recompute=each).layer(0).total for each in Recompute)
    assert none < some < none + (all_of_it - none) / 3


def test_narrow_formats_are_faster():
    """FP8 on an H100, but not by its factor of two: casts and attention stay."""
    wide, narrow = compute().layer(0).total, compute(precision=Precision.FP8).layer(0).total
    assert wide / 2 < narrow < wide


def test_format_that_the_gpu_lacks_runs_as_bf16():
    """An A100 has no FP8; products then take as long as in BF16."""
    a100 = preset("a100")
    product = Product(4096, 4096, 4096)
    wide = Compute(job(LLAMA), a100).product_s(product, Precision.BF16)
    assert Compute(job(LLAMA), a100).product_s(product, Precision.FP8) == wide


def test_unfused_attention_is_slower():
    """Its scores go through memory."""
    fused = compute().layer(0).total
    assert replace(compute(), software=Software(fused_attention=False)).layer(0).total > fused


def test_attention_in_parts_takes_longer():
    """Of a ring each rank has its share, slower for others' keys, and for each further part sums to move."""
    whole = compute().attention_s()
    for ranks in (2, 4, 16):
        part = compute(cp=ranks).attention_s()
        shared, further = part_constants(), ranks - 1
        moved = further * shared.ring_part_bytes * 4096 / ranks * LLAMA.q_dim
        added = moved / (3.35e12 * shared.memory_efficiency)
        slower = further / ranks * shared.ring_slowdown * (1 + shared.ring_few_tokens * ranks / 4096)
        assert part.total == pytest.approx(whole.total / ranks * (1 + slower) + added)
        assert part.by_input == pytest.approx(2.5 * part.forward)


def part_constants():
    """Constants that all GPUs share."""
    return compute().figures.shared


def test_sums_of_gradients_move_memory():
    """Where products do not add to what is there, six bytes a weight more are moved in backward by weight."""
    fused = compute().layer(0)
    apart = replace(compute(), software=Software(fuses_gradients=False)).layer(0)
    weights = LLAMA.layer_parameters(0).total - LLAMA.layer_parameters(0).norms
    moved_s = 6 * weights / (3.35e12 * part_constants().memory_efficiency)
    assert apart.by_weight - fused.by_weight == pytest.approx(moved_s)
    assert (apart.forward, apart.by_input) == (fused.forward, fused.by_input)


def test_launched_kernels_have_longer_gaps():
    """Forward and backward take as much longer as the two constants differ by."""
    shared = part_constants()
    replayed = compute().layer(0)
    launched = replace(compute(), software=Software(replays=False)).layer(0)
    more = shared.launched_layer_overhead_s - shared.layer_overhead_s
    assert launched.forward - replayed.forward == pytest.approx(more)
    assert launched.total - replayed.total == pytest.approx(2 * more)


def test_norms_read_twice_move_more():
    """Each norm its input in forward, and in backward that and its gradient, twice, by 16-bit values."""
    made = compute(recompute=Recompute.NONE)
    once, twice = made.layer(0), replace(made, software=Software(norms_once=False)).layer(0)
    shared = part_constants()
    value_s = shared.memory_passes * 2 * 4096 * LLAMA.hidden / (3.35e12 * shared.memory_efficiency)
    assert twice.forward - once.forward == pytest.approx(2 * value_s)
    assert twice.by_input - once.by_input == pytest.approx(8 * value_s)


def test_loss_scale_makes_the_update_longer():
    """With FP16 gradients are unscaled, clipped and copied besides."""
    wide, scaled = (compute(precision=each).optimizer_s(0) for each in (Precision.BF16, Precision.FP16))
    assert scaled == pytest.approx(2 * wide)


def test_imbalance_of_experts_costs():
    """The busiest rank has so much more to multiply."""
    even = Compute(job(moe_model(), batch=(8, 1, 4096), ep=2, dp=4), preset("h100"))
    assert replace(even, imbalance=1.5).layer(0).total > even.layer(0).total


def test_few_tokens_an_expert_waste_rows():
    """A product of one row takes as long as one of 128."""
    one = compute()
    few, many = (one.product_s(Product(rows, 2048, 2048), Precision.BF16) for rows in (1, 128))
    assert few == many


def test_optimizer_is_shared_by_the_distributed_one():
    """Four replicas update a quarter each."""
    alone, shared = compute(dp=1).optimizer_s(0), compute(dp=4).optimizer_s(0)
    assert shared == pytest.approx(alone / 4)


def test_shape_of_products_is_as_measured():
    """On an H200, relative to a large product: within 8 % on average, timer and start taken off.

    The level is fitted to training steps, in which products reach less than alone.
    """
    products = json.loads(MEASURED.read_text())["products"]
    rows = [row for row in products if row["precision"] == "bf16" and row["s"] > 60e-6]
    one = Compute(job(LLAMA), preset("h200"))
    predicted = np.array([one.product_s(Product(r["m"], r["n"], r["k"]), Precision.BF16) for r in rows])
    measured = np.array([row["s"] for row in rows]) - 15e-6
    ratio = measured / predicted
    assert np.abs(ratio / np.median(ratio) - 1).mean() < 0.08


def test_further_tokens_take_a_layer_and_a_head_each():
    """A module that predicts one more token, and what of its projection is no layer."""
    one = compute()
    more = replace(one, job=replace(one.job, model=replace(LLAMA, mtp_layers=1)))
    added = more.head().total - one.head().total
    known = one.head().total + one.layer(0).total
    assert known < added < 1.1 * known


def test_four_bits_count_twice_eight():
    """GB300's three times is not reached; a GPU without four bits uses the next wider format it has."""
    product, gb300 = Product(8192, 8192, 8192), preset("gb300")
    faster = replace(gb300, tflops={**gb300.tflops, "fp4": 2 * gb300.flops("fp4") / 1e12})
    times = [Compute(job(LLAMA), each).product_s(product, Precision.NVFP4) for each in (gb300, faster)]
    assert times[0] == times[1]
    hopper = Compute(job(LLAMA), preset("h100"))
    assert hopper.product_s(product, Precision.NVFP4) == hopper.product_s(product, Precision.MXFP8)


def test_loss_passes_over_logits():
    """More than the head's products take, in proportion to the vocabulary."""
    heads = [
        replace(one, job=replace(one.job, model=replace(LLAMA, vocab=vocab))).head()
        for one in [compute()]
        for vocab in (64_000, 128_000)
    ]
    assert heads[1].total == pytest.approx(2 * heads[0].total, rel=0.05)
    assert heads[0].by_weight < heads[0].by_input
