"""Which layers stages hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.workload.stages import even, shard_parameters, stages
from tests.workload.jobs import job, moe_model, small_model


def test_llama_split():
    """126 layers over 16 stages: first and last one fewer, as Llama 3's paper has it."""
    assert even(126, 16) == (7, *[8] * 14, 7)


def test_odd_remainder():
    """61 layers over 16: thirteen of four in the middle, three of three outside."""
    assert even(61, 16) == (3, *[4] * 13, 3, 3)


def test_embedding_and_head_alone():
    """126 layers over 128 chunks: the first and the last have none."""
    assert even(126, 128) == (0, *[1] * 126, 0)


@given(st.integers(1, 200), st.integers(1, 200))
def test_even_sizes_add_up_and_differ_by_one(layers, count):
    """No layer is lost, sizes differ by at most one."""
    split = even(layers, count)
    assert (len(split), sum(split)) == (count, layers)
    assert max(split) - min(split) <= 1


def test_virtual_stages_go_round():
    """Two stages of two virtual stages: layers 0, 2 and 1, 3."""
    held = stages(job(pp=2, vp=2, schedule="interleaved"))
    assert [s.layers for s in held] == [(0, 2), (1, 3)]
    assert [(s.embedding, s.head) for s in held] == [(True, False), (False, True)]


def test_zb_v_goes_down_and_up():
    """The first stage has the first and the last layer, embedding and head."""
    held = stages(job(pp=2, schedule="zb-v"))
    assert [s.layers for s in held] == [(0, 3), (1, 2)]
    assert (held[0].embedding, held[0].head) == (True, True)


def test_dualpipe_holds_mirror_images():
    """Each stage has its own layers and those of its mirror image."""
    assert [s.layers for s in stages(job(pp=2, schedule="dualpipe"))] == [(0, 1, 2, 3), (2, 3, 0, 1)]


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("pp", [1, 2, 4])
def test_stages_add_up_to_the_model(pp, tied):
    """Without tp every parameter is in one stage, but for a tied embedding held by two."""
    model = moe_model(tied_embeddings=tied)
    twice = model.word_embedding_parameters if tied and pp > 1 else 0
    assert sum(s.total for s in shard_parameters(job(model, pp=pp))) == model.parameters + twice


def test_experts_are_split_over_ep_and_tp():
    """4 layers of 4 experts of 96, over ep 2 and tp 2; norms and router stay whole."""
    [shard] = shard_parameters(job(moe_model(), ep=2, tp=2, dp=2))
    assert shard.expert == 4 * 4 * 96 / 4
    assert shard.dense == 4 * (192 / 2 + 16 + 32) + 80 / 2 + 80 / 2 + 8


def test_a_job_is_its_own_key():
    """Jobs that differ in the model alone have stages of their own."""
    assert stages(job(small_model(layers=2)))[0].layers != stages(job())[0].layers
