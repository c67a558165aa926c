"""Activations that a layer keeps."""

import pytest

from planner.workload.activations import layer_activation_bytes, logits_bytes, transient_layer_bytes
from planner.workload.job import Precision, Recompute
from planner.workload.model import Experts, LatentAttention
from tests.workload.jobs import job, moe_model, small_model

# As in Korthikanti et al. 2022: an ungated FFN of four times the hidden size, all heads of their own.
THEIRS = small_model(ffn=32, kv_heads=4, gated_ffn=False)
SBH = 16 * 8


def kept(model=THEIRS, layer=0, **options):
    """Bytes of one layer, nothing recomputed unless asked for."""
    return layer_activation_bytes(job(model, **{"recompute": Recompute.NONE} | options), layer)


def test_korthikanti_layer():
    """34 s b h without the two dropout masks: 32 s b h."""
    assert kept() == 32 * SBH


@pytest.mark.parametrize("tp", [2, 4])
def test_tensor_parallel_layer(tp):
    """s b h (10 + 24 / t) without the masks (one of each part): s b h (8 + 24 / t)."""
    assert kept(tp=tp, sequence_parallel=False) == SBH * (8 + 24 / tp)


@pytest.mark.parametrize("tp", [2, 4])
def test_sequence_parallel_layer(tp):
    """Everything is divided by t."""
    assert kept(tp=tp) == 32 * SBH / tp


def test_context_parallel_layer():
    """Half the tokens, half the bytes."""
    assert kept(cp=2) == 16 * SBH


def test_full_recomputation():
    """The layer's input alone, 2 s b h, and one layer at a time while it is recomputed."""
    planned = job(THEIRS, recompute=Recompute.FULL)
    assert layer_activation_bytes(planned, 0) == 2 * SBH
    assert transient_layer_bytes(planned, (0, 1)) == 32 * SBH


def test_selective_recomputation():
    """Without normed inputs (2 + 2) and the activation (8): 20 s b h."""
    assert kept(recompute=Recompute.SELECTIVE) == 20 * SBH


def test_gated_ffn_and_grouped_queries():
    """Norms 4, inputs 4, q 2, k and v 1 each, output 2, FFN of 2 h three times 4: 26 s b h."""
    assert kept(small_model()) == 26 * SBH


def test_narrow_products_keep_quantized_inputs():
    """Norm inputs 4, inputs 1 each, q k v 6, output 2 + 1, pre-activation 8, activation 4."""
    assert kept(precision=Precision.FP8) == (4 + 2 + 6 + 3 + 8 + 4) * SBH


def test_expert_layer():
    """Two of four experts a token, of inner size 4, and a shared one.

    Norms 4, inputs 4, attention 6 s b h. Sent tokens 2 x 2 s b h. Router 16 x 4 x 4 bytes. Inner:
    16 tokens x 4 x 3 tensors x 2 bytes for each of two routed and one shared expert.
    """
    model = small_model(experts=Experts(4, 2, 4, shared=1))
    assert kept(model) == (14 + 4) * SBH + 16 * 16 + 3 * 16 * 4 * 3 * 2


def test_latent_attention_recomputes_projections():
    """Selective keeps the latents (3 + 2 + 1) and the output (4), none also q, k and v (6 + 6 + 4)."""
    model = small_model(latent_attention=LatentAttention(3, 2, 2, 1, 2), heads=2)
    selective = kept(model, recompute=Recompute.SELECTIVE)
    # Norm inputs 4 s b h; FFN pre-activations 2 x 16 x 2 bytes a token.
    assert selective == 4 * SBH + 16 * (6 + 4) * 2 + 16 * 64
    assert kept(model) - selective == 4 * SBH + 16 * (6 + 6 + 4) * 2 + 16 * 32


def test_logits():
    """16 tokens x 10 words, 2 bytes and their FP32 softmax, split over tp."""
    assert logits_bytes(job(tp=2)) == 16 * 10 * 6 / 2


def test_more_recomputation_keeps_less():
    """none > selective > full, for dense and expert layers."""
    for model in (small_model(), moe_model()):
        sizes = [kept(model, recompute=r) for r in (Recompute.NONE, Recompute.SELECTIVE, Recompute.FULL)]
        assert sizes[0] > sizes[1] > sizes[2]
