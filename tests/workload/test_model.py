"""Parameter counts of model shapes."""

import pytest

from planner.workload.architecture import load_model
from planner.workload.model import Experts, LatentAttention, Model

# Name, published number of parameters, how far off the count may be. The first group publishes
# exact checkpoints; the others round, or leave out biases and padding.
PUBLISHED = [
    ("llama-3.1-405b", 405_853_388_800, 0),
    ("llama-3.1-70b", 70_553_706_496, 0),
    ("llama-3.1-8b", 8_030_261_248, 0),
    ("qwen3-235b-a22b", 235_093_634_560, 0),
    ("deepseek-v3", 671.03e9, 1e-4),
    ("gpt-oss-120b", 116.83e9, 1e-4),
    ("kimi-k2", 1.03e12, 0.005),
    ("grok-1", 314e9, 0.006),
    ("gpt3-175b", 175e9, 0.005),
    ("megatron-22b", 22e9, 0.005),
    ("megatron-530b", 530e9, 0.001),
    ("megatron-1t", 1.008e12, 0.0001),
    ("nemotron-4-340b", 341e9, 0.001),
    ("moe-6t", 6e12, 0.02),
]
PUBLISHED_ACTIVE = [("qwen3-235b-a22b", 22e9), ("deepseek-v3", 37e9), ("kimi-k2", 32e9)]

SMALL = Model("small", layers=2, hidden=8, ffn=16, heads=4, kv_heads=2, head_dim=2, vocab=10)


@pytest.mark.parametrize(("name", "published", "tolerance"), PUBLISHED)
def test_counts_match_what_is_published(name, published, tolerance):
    """Every shipped model has as many parameters as its authors say."""
    assert load_model(name).parameters == pytest.approx(published, rel=tolerance or 1e-15)


@pytest.mark.parametrize(("name", "published"), PUBLISHED_ACTIVE)
def test_active_counts_match_what_is_published(name, published):
    """Parameters that one token passes are those published, to 3 % (embeddings count or not)."""
    assert load_model(name).active_parameters == pytest.approx(published, rel=0.03)


def test_dense_model_by_hand():
    """A small dense model, part by part.

    Attention: q and o 8 x 8 each, k and v 8 x 4 each: 192. Gated FFN: 3 x 8 x 16 = 384. Two norms
    of 8. Embedding and head 80 each, last norm 8.
    """
    layer = SMALL.layer_parameters(0)
    assert (layer.attention, layer.dense_ffn, layer.norms, layer.total) == (192, 384, 16, 592)
    assert SMALL.parameters == 2 * 592 + 80 + 80 + 8


def test_biases_and_layer_norms_by_hand():
    """Biases of every linear layer, norms of two vectors, head norms and positions are counted.

    Attention biases 8 + 4 + 4 + 8 = 24 and head norms 2 x 2; ungated FFN 2 x 128 + 16 + 8 = 280;
    two norms of 16; tied embedding 80, positions 5 x 8, last norm 16.
    """
    model = Model(
        "biased", layers=1, hidden=8, ffn=16, heads=4, kv_heads=2, head_dim=2, vocab=10, gated_ffn=False,
        tied_embeddings=True, biases=True, layer_norm=True, qk_norm=True, learned_positions=5,
    )  # fmt: skip
    assert model.parameters == (192 + 24 + 4) + 280 + 32 + 80 + 40 + 16


def test_experts_by_hand():
    """A layer with experts counts routed, shared and router parameters apart.

    An expert is 3 x 8 x 4 = 96: six of them routed and two shared, and a router of 6 x 8.
    """
    experts = Experts(count=6, top_k=2, ffn=4, shared=2, dense_layers=1)
    model = Model("moe", 3, 8, 16, 4, 2, 2, 10, experts=experts)
    layer = model.layer_parameters(1)
    assert (layer.routed_experts, layer.shared_experts, layer.router) == (576, 192, 48)
    assert model.layer_parameters(0).dense_ffn == 384
    assert model.moe_layers == 2
    assert model.parameters - model.active_parameters == 2 * 4 * 96


def test_latent_attention_by_hand():
    """MLA's projections and inner norms.

    Hidden 8, 2 heads, q_lora 4, kv_lora 3, nope 2, rope 1, v 2: query 8 x 4 + 4 + 4 x 6 = 60, down
    8 x 4 + 3 = 35, up 3 x 2 x 4 = 24, output 4 x 8 = 32.
    """
    mla = LatentAttention(q_lora=4, kv_lora=3, nope=2, rope=1, v=2)
    model = Model("mla", 1, 8, 16, 2, 2, 4, 10, latent_attention=mla)
    assert model.attention_parameters() == 60 + 35 + 24 + 32
    assert (model.q_dim, model.k_dim, model.v_dim, model.attention_out_dim) == (6, 6, 4, 4)


def test_latent_attention_without_query_latent():
    """With q_lora 0 queries come straight from the hidden state: 8 x 6."""
    mla = LatentAttention(q_lora=0, kv_lora=3, nope=2, rope=1, v=2)
    model = Model("mla", 1, 8, 16, 2, 2, 4, 10, latent_attention=mla)
    assert model.attention_parameters() == 48 + 35 + 24 + 32
