"""Counts of floating-point operations."""

from __future__ import annotations

import pytest

from planner.cost.flops import FlopCount, products_parameters, step_flops
from planner.workload.architecture import load_architecture, to_model
from tests.workload.jobs import job, moe_model, small_model


def of(name, batch):
    """A job of a shipped model."""
    return job(to_model(load_architecture(name)), batch=batch)


def test_full_count_is_that_of_mlperf():
    """21,508 TFLOP a sample of 8,192 tokens for Llama 3.1 405B."""
    counted = step_flops(of("llama-3.1-405b", (1, 1, 8192)), FlopCount.FULL)
    assert counted / 1e12 == pytest.approx(21508, rel=2e-3)


def test_causal_count_halves_attention():
    """The difference of the two counts is 6 L h s^2."""
    one = of("llama-3.1-405b", (1, 1, 8192))
    difference = step_flops(one, FlopCount.FULL) - step_flops(one, FlopCount.CAUSAL)
    assert difference == pytest.approx(6 * 126 * 16384 * 8192**2)


def test_sc21_counts_recomputation():
    """A third more than the full count, but for the head, which is not run again."""
    one = of("gpt3-175b", (1, 1, 2048))
    sc21, full = step_flops(one, FlopCount.SC21), step_flops(one, FlopCount.FULL)
    assert sc21 / full == pytest.approx(4 / 3, rel=0.01)


def test_embedding_is_no_product_and_a_tied_head_is():
    """Tied or not, the head's product counts once and the look-up never."""
    tied, untied = products_parameters(small_model(tied_embeddings=True)), products_parameters(small_model())
    assert tied == untied == 4 * (192 + 384 + 16) + 80 + 8


def test_idle_experts_do_not_count():
    """Two of four experts see a token."""
    all_seen = products_parameters(moe_model())
    assert all_seen == 4 * (192 + 2 * 96 + 32 + 16) + 80 + 8
