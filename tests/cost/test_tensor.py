"""Tensor parallelism's communication beside products."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.cost.compute import Compute
from planner.cost.software import Software
from planner.cost.tensor import exposed_calls
from planner.topology.presets import preset
from planner.workload.architecture import load_architecture, to_model
from tests.workload.jobs import job, moe_model

LLAMA = to_model(load_architecture("llama-3.1-8b"))
GATHER, SCATTER = "tp_all_gather", "tp_reduce_scatter"


def compute(**options):
    """Llama 3.1 8B on H100s, one sample of 4,096 tokens a microbatch."""
    return Compute(job(LLAMA, batch=(8, 1, 4096), tp=4, **options), preset("h100"))


def exposed(made, name, seconds, *, moe=False):
    """What is exposed of one call of attention and one of the FFN that take so many seconds together."""
    return tuple(float(each[0]) for each in exposed_calls(made, name, np.array([seconds]), moe=moe))


def test_of_short_calls_one_part_is_exposed():
    """Of those in forward, and of gradients of sums; what moves beside whole products is hidden."""
    short = 1e-6
    assert exposed(compute(), GATHER, short) == pytest.approx((short / 4, short / 4))
    assert exposed(compute(), SCATTER, short) == pytest.approx((short / 4, 0.0))


def test_long_calls_are_hidden_as_long_as_their_products_last():
    """Beyond that they are in the open, the tokens gathered once more too."""
    long, made = 1.0, compute()
    share = made.figures.shared.tensor_overlap
    attention, ffn = made.blocks(moe=False)
    forward, backward = exposed(made, GATHER, long)
    assert forward == pytest.approx(long - share * (attention.entering.forward + ffn.entering.forward))
    hidden = sum(each.leaving.by_input + each.entering.by_input for each in (attention, ffn))
    assert backward == pytest.approx(2 * long - share * hidden)
    forward, backward = exposed(made, SCATTER, long)
    assert forward == pytest.approx(long - share * (attention.leaving.forward + ffn.leaving.forward))
    hidden = attention.entering.by_weight + ffn.entering.by_weight
    assert backward == pytest.approx(long - share * hidden)


def test_slower_links_never_expose_less():
    """Nor a larger part of it."""
    last = np.zeros(2)
    for seconds in np.geomspace(1e-6, 1, 25):
        for name in (GATHER, SCATTER):
            assert all(each <= 2 * seconds for each in exposed(compute(), name, seconds))
        now = np.sum([exposed(compute(), name, seconds) for name in (GATHER, SCATTER)], axis=0)
        assert (now >= last).all()
        last = now


def test_all_is_exposed_where_nothing_overlaps():
    """Except for what runs beside the gradients of weights, where the framework does that."""
    blocking = replace(compute(), software=Software(overlaps=False))
    assert exposed(blocking, GATHER, 1e-3) == pytest.approx((1e-3, 2e-3))
    assert exposed(blocking, SCATTER, 1e-3) == pytest.approx((1e-3, 1e-3))
    beside = replace(compute(), software=Software(overlaps=False, beside_weights=True))
    assert exposed(beside, GATHER, 1e-3) == pytest.approx((1e-3, 1e-3))
    assert exposed(beside, SCATTER, 1e-3) == pytest.approx((1e-3, 0.0))


def test_blocks_have_all_products_of_a_layer():
    """Those that enter and leave attention and the FFN, and what a layer passes is for one or the other."""
    made = compute()
    attention, ffn = made.blocks(moe=False)
    assert attention.share + ffn.share == 1
    products = sum(each.entering.total + each.leaving.total for each in (attention, ffn))
    assert 0.5 * made.layer(0).total < products < made.layer(0).total


def test_experts_have_their_share():
    """Each of a token's experts and the shared ones pass as much as attention does."""
    model = moe_model()
    made = Compute(job(model, batch=(8, 1, 4096), tp=4), preset("h100"))
    dense, routed = made.blocks(moe=False), made.blocks(moe=True)
    assert dense[0].share == 1 / 2
    shared = 1 if model.experts.shared else 0
    assert routed[0].share == pytest.approx(1 / (1 + model.experts.top_k + shared))
    assert routed[0].entering == dense[0].entering
    assert routed[1] != dense[1]
