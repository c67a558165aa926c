"""Bytes a GPU of each stage needs."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from planner.workload.job import DataParallel, Precision, Recompute
from planner.workload.load import build_workload
from planner.workload.memory import memory, microbatches_in_flight
from tests.workload.jobs import job, moe_model, small_model

PARAMETERS = 4 * 592 + 168


def state_bytes(planned):
    """Bytes a parameter of everything but activations."""
    [stage] = memory(planned)
    return (stage.parameters + stage.gradients + stage.optimizer) / PARAMETERS


@pytest.mark.parametrize(
    ("precision", "gradient_bytes", "data_parallel", "expected"),
    [
        (Precision.BF16, 4, DataParallel.DDP, 18),
        (Precision.BF16, 4, DataParallel.DISTRIBUTED_OPTIMIZER, 6 + 12 / 4),
        (Precision.FP16, 2, DataParallel.DDP, 20),
        (Precision.FP16, 2, DataParallel.DISTRIBUTED_OPTIMIZER, 4 + 16 / 4),
        (Precision.FP32, 4, DataParallel.DDP, 16),
        (Precision.FP32, 4, DataParallel.DISTRIBUTED_OPTIMIZER, 8 + 8 / 4),
        (Precision.BF16, 4, DataParallel.FSDP_NO_RESHARD, 6 + 12 / 4),
    ],
)
def test_bytes_a_parameter(precision, gradient_bytes, data_parallel, expected):
    """Megatron-Core's table, at four data-parallel ranks."""
    planned = job(dp=4, precision=precision, gradient_bytes=gradient_bytes, data_parallel=data_parallel)
    assert state_bytes(planned) == pytest.approx(expected)


def test_fsdp_shares_everything():
    """16 / d bytes a parameter, and two layers of 592 whole: parameters in 2 bytes, gradients in 4 or 2."""
    for gradient_bytes, shared in ((2, 16), (4, 18)):
        planned = job(dp=4, gradient_bytes=gradient_bytes, data_parallel=DataParallel.FSDP)
        whole = 2 * 592 * (2 + gradient_bytes)
        assert state_bytes(planned) * PARAMETERS == pytest.approx(shared / 4 * PARAMETERS + whole)


def test_optimizer_of_experts_is_shared_by_fewer():
    """ep 2 of dp 4: experts 12 / 2 bytes, the rest 12 / 4."""
    [stage] = memory(job(moe_model(), ep=2, dp=4))
    assert stage.optimizer == 4 * 2 * 96 * 12 / 2 + (4 * 240 + 168) * 12 / 4


@pytest.mark.parametrize(
    ("schedule", "first", "last"),
    [("gpipe", 32, 32), ("1f1b", 4, 1), ("zb-h1", 4, 4), ("zb-h2", 8, 8), ("zb-v", 4, 4)],
)
def test_microbatches_in_flight(schedule, first, last):
    """Four stages and 32 microbatches: the schedules' published peaks."""
    planned = job(small_model(layers=8), pp=4, schedule=schedule, batch=(32, 1, 16))
    assert microbatches_in_flight(planned, 0) == first
    assert microbatches_in_flight(planned, 3) == last


def test_microbatches_in_flight_interleaved():
    """p (1 + (p - 1) / (p v)) on the first stage: 4 (1 + 3 / 8)."""
    planned = job(small_model(layers=8), pp=4, vp=2, schedule="interleaved", batch=(32, 1, 16))
    assert microbatches_in_flight(planned, 0) == pytest.approx(4 * (1 + 3 / 8))


def test_microbatches_in_flight_dualpipe():
    """p + 1 in all, so half as many for each layer of the two copies."""
    planned = job(pp=4, schedule="dualpipe", batch=(32, 1, 16))
    assert [microbatches_in_flight(planned, s) for s in (0, 3)] == [2.5, 2.5]


def test_no_more_in_flight_than_there_are():
    """Two microbatches are all there is to hold."""
    assert microbatches_in_flight(job(pp=4, batch=(2, 1, 16)), 0) == 2


def test_one_stage_holds_interleaved_work_as_1f1b():
    """Without virtual stages the interleaved schedule is 1F1B."""
    assert microbatches_in_flight(job(pp=4, schedule="interleaved"), 1) == 3


def test_further_tokens_are_held_by_the_last_stage():
    """A module that predicts one more token is a layer and a projection more there, and nothing elsewhere."""
    model = small_model(layers=8)
    plain, more = (
        memory(job(replace(model, mtp_layers=modules), pp=2, batch=(8, 1, 128))) for modules in (0, 1)
    )
    assert more[0] == plain[0]
    added = (model.layer_parameters(0).total + 2 * model.hidden**2) * 2
    assert more[1].parameters == plain[1].parameters + added
    assert more[1].activations > plain[1].activations


def test_activations_of_a_stage():
    """Stage 0 of two: 2 layers of 256 bytes, two microbatches, and a layer being recomputed.

    A layer keeps 26 s b h (see test_activations); the last stage holds one microbatch and logits.
    """
    first, last = memory(job(pp=2, recompute=Recompute.FULL))
    assert first.activations == 2 * 256 * 2 + 26 * 128
    assert last.activations == 2 * 256 + 26 * 128


PUBLISHED = Path(__file__).parent / "published.csv"


def published():
    """Configurations that ran, with the memory of the GPU that they ran on."""
    with PUBLISHED.open() as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


@pytest.mark.parametrize("row", published(), ids=lambda row: row["id"])
def test_published_configurations_fit(row):
    """What ran fits the GPUs that it ran on, with selective recomputation where unstated."""
    assert max(build_workload(description(row)).memory_bytes) <= float(row["memory_gb"]) * 1e9


def description(row):
    """A published row as a workload."""
    degrees = {axis: int(row[axis]) for axis in ("tp", "cp", "ep", "pp", "vp")}
    degrees["dp"] = int(row["gpus"]) // (degrees["tp"] * degrees["cp"] * degrees["pp"])
    return {
        "format_version": 1,
        "name": row["id"],
        "model": row["model"],
        "parallelism": degrees,
        "batch": {
            "global": int(row["global_batch"]),
            "micro": int(row["micro_batch"]),
            "sequence": int(row["seq"]),
        },
        "precision": row["precision"],
        "data_parallel": row["dp_mode"],
    }
