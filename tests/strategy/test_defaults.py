"""What other software would run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.strategy.defaults import deepspeed, defaults, fullest, maxtext, megatron, seconds_a_sample
from planner.strategy.outline import Level, Outline
from planner.topology.presets import preset
from planner.workload.architecture import load_model
from planner.workload.job import DataParallel, Precision, Recompute, Schedule
from tests.workload.jobs import job

OUTLINE = Outline(64, (Level("node", 8, 400e9),), 450e9, preset("h100"))
LIMIT = 80e9


def asked(model="llama-3.1-8b", samples=64, **changes):
    """A job of 64 GPUs."""
    return job(load_model(model), batch=(samples, 1, 4096), **{"tp": 8, "dp": 8} | changes)


def test_maxtext_shards_over_all_and_recomputes_all():
    """One fsdp axis over every GPU, all samples of a GPU in one pass."""
    found = maxtext(asked(samples=256), OUTLINE)
    assert found.job.mesh.dp == 64
    assert found.job.data_parallel is DataParallel.FSDP
    assert found.job.recompute is Recompute.FULL
    assert (found.job.micro_batch, found.job.num_microbatches) == (4, 1)


def test_maxtext_trains_in_16_bits_unless_told():
    """A job in a narrow format is compared in that, and as the defaults would have it."""
    names = {each.name: each.job.precision for each in defaults(asked(precision=Precision.FP8), OUTLINE, 8)}
    assert names["maxtext"] is Precision.FP8
    assert names["maxtext-bf16"] is Precision.BF16
    assert "maxtext-bf16" not in {each.name for each in defaults(asked(), OUTLINE, 8)}


@pytest.mark.parametrize(("samples", "trained"), [(64, 64), (100, 128), (10, 64)])
def test_batches_are_rounded_up_to_the_replicas(samples, trained):
    """So that every GPU has a sample; what is not as asked for is said."""
    found = maxtext(asked(samples=samples), OUTLINE)
    assert found.job.global_batch == trained
    assert any("in place of" in note for note in found.notes) == (trained != samples)


def test_fewer_samples_than_gpus_are_shown_both_ways():
    """With a sample for every GPU, and with the batch asked for on as many GPUs as have one."""
    found = {each.name: each for each in defaults(asked(samples=16), OUTLINE, 8)}
    raised, same = found["maxtext"].job, found["maxtext, same batch"].job
    assert (raised.global_batch, raised.mesh.world_size) == (64, 64)
    assert (same.global_batch, same.mesh.world_size) == (16, 16)
    assert found["maxtext, same batch"].notes == ("48 GPUs have nothing to do",)
    assert "maxtext, same batch" not in {each.name for each in defaults(asked(), OUTLINE, 8)}


def test_maxtext_says_what_slices_would_need():
    """A model copied to every scale-up domain needs more of each GPU than one shared by all."""
    assert any("as slices of 8 GPUs" in note for note in maxtext(asked(), OUTLINE).notes)
    assert maxtext(asked(), replace(OUTLINE, levels=())).notes == ()


def test_megatron_takes_no_more_model_parallelism_than_fits():
    """A small model needs none, a larger one tensor parallelism, the largest stages beside a whole node."""
    small = megatron(asked("llama-3.1-8b"), 8, 1e15).job.mesh
    assert (small.tp, small.pp) == (1, 1)
    middle = megatron(asked("llama-3.1-8b"), 8, LIMIT).job
    assert middle.mesh.pp == 1 < middle.mesh.tp <= 8
    large = megatron(asked("llama-3.1-70b"), 4, 160e9).job
    assert large.mesh.tp == 4
    assert large.mesh.pp > 1
    assert fullest(large) <= 160e9


def test_megatron_leaves_off_what_its_arguments_do():
    """No sequence parallelism, no sharing, no recomputation, 1F1B; and says what needs least if none fits."""
    found = megatron(asked("llama-3.1-70b"), 8, 1e9).job
    assert not found.sequence_parallel
    assert found.data_parallel is DataParallel.DDP
    assert (found.recompute, found.schedule) == (Recompute.NONE, Schedule.ONE_F_ONE_B)
    assert fullest(found) <= fullest(megatron(asked("llama-3.1-70b"), 8, 1e15).job)


def test_deepspeed_tunes_stage_and_microbatch():
    """The fastest of those that fit: sharing nothing where there is room, everything where there is not."""
    roomy = deepspeed(asked(samples=512), OUTLINE, 1e15).job
    tight = deepspeed(asked(samples=512), OUTLINE, 40e9).job
    assert roomy.mesh.dp == tight.mesh.dp == 64
    assert tight.data_parallel is DataParallel.FSDP
    assert fullest(tight) <= 40e9
    assert seconds_a_sample(roomy, OUTLINE) <= seconds_a_sample(tight, OUTLINE)
