"""Payloads of every family, against numbers worked out by hand.

The small job has 16 tokens a microbatch, hidden 8 and 2-byte elements: ``b s h e`` is 256 bytes. A
dense layer has 592 parameters: 192 of attention, 384 of FFN, 16 of norms.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.workload.family import Kind
from planner.workload.job import DataParallel, Precision, Recompute
from planner.workload.model import Experts
from planner.workload.payloads import families
from tests.workload.jobs import job, moe_model, small_model


def family(planned, name):
    """The family called `name`; fails where there are several or none."""
    [found] = [f for f in families(planned) if f.name == name]
    return found


def payload(planned, name):
    """Bytes of the family called `name`."""
    return family(planned, name).payload_bytes


def test_single_rank_has_no_families():
    """Groups of one rank move nothing."""
    assert families(job()) == ()


def test_tensor_with_sequence_parallelism():
    """4 layers, 8 microbatches: 6 all-gathers and 4 reduce-scatters of 256 bytes in each."""
    planned = job(tp=2)
    assert payload(planned, "tp_all_gather") == (4 * 8 * 6 * 256,)
    assert payload(planned, "tp_reduce_scatter") == (4 * 8 * 4 * 256,)
    assert family(planned, "tp_all_gather").kind is Kind.ALL_GATHER


def test_tensor_without_sequence_parallelism():
    """4 all-reduces of 256 bytes in each of 4 layers and 8 microbatches."""
    planned = job(tp=2, sequence_parallel=False)
    assert payload(planned, "tp") == (4 * 8 * 4 * 256,)


def test_tensor_with_full_recomputation():
    """One more forward: 8 all-gathers and 6 reduce-scatters a layer and microbatch."""
    planned = job(tp=2, recompute=Recompute.FULL)
    assert payload(planned, "tp_all_gather") == (4 * 8 * 8 * 256,)
    assert payload(planned, "tp_reduce_scatter") == (4 * 8 * 6 * 256,)


def test_tensor_of_expert_layers():
    """Attention moves its input once, two experts a token move it twice: 3 x 3 all-gathers."""
    assert payload(job(moe_model(), tp=2), "tp_all_gather") == (4 * 8 * 3 * 3 * 256,)


def test_context():
    """Keys and values: 16 tokens x (4 + 4) x 2 bytes = 256; gathered twice, scattered once."""
    planned = job(cp=2)
    assert payload(planned, "cp_all_gather") == (4 * 8 * 2 * 256,)
    assert payload(planned, "cp_reduce_scatter") == (4 * 8 * 256,)


def test_context_is_divided_by_tensor():
    """With tp 2 each rank gathers its half of the heads."""
    assert payload(job(cp=2, tp=2), "cp_all_gather") == (4 * 8 * 2 * 128,)


def test_experts():
    """16 tokens x 2 experts x 8 / ep 4 = 64 elements an ordered pair, 128 bytes.

    Four times (dispatch and combine, forward and backward) in 4 layers and 2 microbatches.
    """
    planned = job(moe_model(), ep=4, dp=4)
    assert payload(planned, "ep") == (128 * 4 * 4 * 2,)
    assert family(planned, "ep").axes == ("ep",)


def test_experts_with_narrow_dispatch():
    """Dispatch of 1 byte and combine of 2: three quarters of the bytes."""
    planned = job(moe_model(), ep=4, dp=4, dispatch_bytes=1)
    assert payload(planned, "ep") == (64 * (1 + 2 + 1 + 2) * 4 * 2,)


def test_experts_of_tensor_ranks():
    """With sequence parallelism each of two tensor ranks sends its half of the tokens."""
    assert payload(job(moe_model(), ep=4, dp=4, tp=2), "ep") == (64 * 4 * 4 * 2,)


def test_first_dense_layers_send_nothing():
    """A stage without expert layers has no expert traffic."""
    model = moe_model()
    dense_first = small_model(experts=type(model.experts)(4, 2, 4, 0, 2))
    first, second = payload(job(dense_first, ep=2, dp=2, pp=2), "ep")
    assert first == 0
    assert second > 0


def test_pipeline():
    """256 bytes there and back, 8 microbatches, at each of 3 boundaries."""
    planned = job(pp=4)
    assert payload(planned, "pp") == (2 * 8 * 256,) * 3
    assert family(planned, "pp").kind is Kind.PATH


def test_pipeline_is_divided_by_tensor_and_context():
    """Each of tp 2 x cp 2 ranks passes on its quarter of the tokens."""
    assert payload(job(pp=4, tp=2, cp=2), "pp") == (2 * 8 * 64,) * 3


def test_pipeline_with_virtual_stages():
    """vp 2 on 2 stages: each microbatch crosses the boundary twice and goes round once."""
    planned = job(pp=2, vp=2, schedule="interleaved")
    assert payload(planned, "pp") == (2 * 2 * 8 * 256, 1 * 2 * 8 * 256)
    assert family(planned, "pp").kind is Kind.RING


def test_pipeline_of_zb_v():
    """zb-v crosses each boundary down and up, and never goes round."""
    planned = job(pp=2, schedule="zb-v")
    assert payload(planned, "pp") == (2 * 2 * 8 * 256,)
    assert family(planned, "pp").kind is Kind.PATH


def test_data_ddp():
    """4 layers of 592, embedding 80, head 80 and a norm of 8, gradients of 4 bytes."""
    planned = job(dp=2, data_parallel=DataParallel.DDP)
    assert payload(planned, "dp") == ((4 * 592 + 168) * 4,)
    assert family(planned, "dp").kind is Kind.ALL_REDUCE


def test_data_distributed_optimizer():
    """Gradients of 4 bytes scattered, parameters of 2 bytes gathered; stages differ.

    The first of two stages has two layers and the embedding, the second also the last norm.
    """
    planned = job(dp=2, pp=2)
    assert payload(planned, "dp_reduce_scatter") == ((2 * 592 + 80) * 4, (2 * 592 + 88) * 4)
    assert payload(planned, "dp_all_gather") == ((2 * 592 + 80) * 2, (2 * 592 + 88) * 2)


def test_data_with_tensor():
    """tp 2 halves matrices and embeddings but not norms: 4 x (288 + 16) + 80 + 8."""
    planned = job(dp=2, tp=2)
    assert payload(planned, "dp_all_gather") == ((4 * (288 + 16) + 80 + 8) * 2,)


def test_data_fsdp():
    """4 microbatches: 8 gathers of parameters, 4 reductions of gradients."""
    planned = job(dp=2, data_parallel=DataParallel.FSDP, gradient_bytes=2)
    assert payload(planned, "dp_all_gather") == (8 * (4 * 592 + 168) * 2,)
    assert payload(planned, "dp_reduce_scatter") == (4 * (4 * 592 + 168) * 2,)


def test_data_fsdp_without_resharding():
    """Parameters gathered once a step, as with a distributed optimizer."""
    kept = families(job(dp=2, data_parallel=DataParallel.FSDP_NO_RESHARD))
    assert kept == families(job(dp=2))


def test_data_of_context_ranks():
    """Dense gradients are reduced over context and data ranks together."""
    assert family(job(dp=2, cp=2), "dp_all_gather").axes == ("cp", "dp")


def test_data_of_experts():
    """ep 2 of dp 4: 2 of 4 experts of 96 a layer over edp, all else over dp.

    Dense: 192 + 16 norms + router 4 x 8 = 240 a layer.
    """
    planned = job(moe_model(), ep=2, dp=4)
    assert payload(planned, "dp_all_gather") == ((4 * 240 + 168) * 2,)
    assert payload(planned, "expert_dp_all_gather") == (4 * 2 * 96 * 2,)
    assert family(planned, "expert_dp_all_gather").axes == ("edp",)


def test_experts_held_once_are_not_reduced():
    """With ep = dp no two ranks hold the same expert."""
    assert not [f for f in families(job(moe_model(), ep=4, dp=4)) if f.name.startswith("expert_dp")]


def test_experts_without_ep_are_reduced_with_the_rest():
    """With ep 1 one buffer holds all parameters."""
    planned = job(moe_model(), dp=4)
    assert payload(planned, "dp_all_gather") == ((4 * (240 + 4 * 96) + 168) * 2,)
    assert not [f for f in families(planned) if f.name.startswith("expert_dp")]


def test_tied_embedding():
    """80 gradients of 4 bytes, halved by tp 2, between first and last stage."""
    tied = family(job(small_model(tied_embeddings=True), pp=4, tp=2), "embedding")
    assert tied.payload_bytes == (80 / 2 * 4,)
    assert (tied.axes, tied.stages, tied.kind) == (("pp",), (0, 3), Kind.ALL_REDUCE)


def test_tied_embedding_of_one_stage():
    """Under zb-v the first stage is also the last: nothing to reduce."""
    planned = job(small_model(tied_embeddings=True), pp=2, schedule="zb-v")
    assert not [f for f in families(planned) if f.name == "embedding"]


def test_mirrored_stages():
    """DualPipe joins the gradients of both copies: each of dp 2 ranks its half of 1,352 x 4 bytes.

    Both of two stages hold all 4 layers, embedding and head: 4 x 592 + 168 = 2,536.
    """
    mirror = family(job(pp=2, dp=2, schedule="dualpipe"), "mirror_0")
    assert mirror.payload_bytes == (2536 / 2 * 4,)
    assert mirror.stages == (0, 1)


def test_dualpipe_runs_half_the_microbatches_on_each_copy():
    """Tensor traffic of two stages together is that of one copy of the model."""
    plain, dual = (payload(job(tp=2, pp=2, schedule=s), "tp_all_gather") for s in ("1f1b", "dualpipe"))
    assert sum(plain) == sum(dual)


def test_fp32_moves_four_bytes_an_element():
    """In FP32 activations are twice as large as in BF16."""
    assert payload(job(pp=2, precision=Precision.FP32), "pp") == (2 * 2 * 8 * 256,)


@pytest.mark.parametrize("stages", [1, 2, 3, 4])
def test_a_payload_for_every_stage(stages):
    """Families within a stage have one payload a stage, those along the pipeline one a boundary."""
    planned = job(moe_model(), tp=2, cp=2, ep=2, dp=2, pp=stages)
    for found in families(planned):
        assert len(found.payload_bytes) == (stages - 1 if found.axes == ("pp",) else stages)


@given(st.sampled_from(["1f1b", "gpipe", "zb-h1", "zb-h2", "dualpipe"]), st.sampled_from([2, 4]))
def test_stages_share_the_traffic_of_the_layers(schedule, pp):
    """However layers are split over stages, all tensor and expert bytes together stay the same."""
    model = small_model(layers=8, experts=Experts(4, 2, 4))
    whole, split = (
        job(model, tp=2, ep=2, dp=2, pp=stages, schedule=s) for stages, s in ((1, "1f1b"), (pp, schedule))
    )
    for name in ("tp_all_gather", "tp_reduce_scatter", "ep"):
        assert sum(payload(split, name)) == pytest.approx(sum(payload(whole, name)))


@given(st.integers(1, 5))
def test_a_longer_step_moves_more_activations_and_the_same_gradients(factor):
    """Times as many samples: activations times as many bytes, gradients and parameters none more."""
    axes = {"tp": 2, "cp": 2, "ep": 2, "dp": 2, "pp": 2}
    short, long = (families(job(moe_model(), batch=(8 * f, 1, 16), **axes)) for f in (1, factor))
    for before, after in zip(short, long, strict=True):
        grows = 1 if "dp" in before.name else factor
        assert after.payload_bytes == pytest.approx([grows * size for size in before.payload_bytes])


def test_expert_bytes_a_gpu():
    """Each GPU sends ``tokens k h e (1 - 1/Z)`` in each of four passes of a layer and microbatch.

    16 tokens x 2 experts x 8 x 2 bytes = 512, three quarters of them to other ranks.
    """
    [pair] = payload(job(moe_model(), ep=4, dp=4), "ep")
    assert pair * (4 - 1) == 4 * 4 * 2 * 512 * (1 - 1 / 4)
