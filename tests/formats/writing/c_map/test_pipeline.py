"""Stages and chunks of a map."""

from __future__ import annotations

import numpy as np
import pytest

from planner.cost.order import job_order, order
from planner.cost.schedules import program
from planner.errors import InternalError
from planner.formats.writing.c_map.layout import NONE, STAGE, Strings
from planner.formats.writing.c_map.pipeline import EMBEDDING, HEAD, chunk_rows, operation_rows, pipeline_of
from planner.workload.job import Schedule
from planner.workload.load import job_of
from planner.workload.mesh import Mesh
from tests.cost.jobs import placed

CASES = {
    "1f1b": ([[(0, 16, EMBEDDING)], [(16, 16, HEAD)]], [[(1, 0)], [(NONE, NONE)]]),
    "zb-v": (
        [[(0, 8, EMBEDDING), (24, 8, HEAD)], [(8, 8, 0), (16, 8, 0)]],
        [[(1, 0), (NONE, NONE)], [(1, 1), (0, 1)]],
    ),
    "dualpipe": (
        [[(0, 16, EMBEDDING), (16, 16, HEAD)], [(16, 16, HEAD), (0, 16, EMBEDDING)]],
        [[(1, 0), (NONE, NONE)], [(NONE, NONE), (0, 1)]],
    ),
}


@pytest.mark.parametrize("schedule", CASES)
def test_chunks_hold_the_layers_of_the_schedule(schedule):
    """First layer, number, embedding or head; and the stage and chunk that the output goes to."""
    job = job_of(placed(schedule=schedule).workload)
    stages, rows = chunk_rows(pipeline_of(job.mesh, job), job)
    held, after = CASES[schedule]
    assert stages["layers"].tolist() == [sum(count for _, count, _ in own) for own in held]
    for stage, own in enumerate(stages):
        chunks = rows[own["first_chunk"] :][: own["chunks"]]
        assert chunks[["first_layer", "layers", "flags"]].tolist() == held[stage]
        assert chunks[["next_stage", "next_chunk"]].tolist() == after[stage]
        for number, (stage_after, chunk_after) in enumerate(after[stage]):
            if stage_after != NONE:
                follower = rows[stages["first_chunk"][stage_after] + chunk_after]
                assert (follower["prev_stage"], follower["prev_chunk"]) == (stage, number)


def test_without_a_model_virtual_stages_go_round():
    """Layers are not known, the way of the output is."""
    stages, rows = chunk_rows(pipeline_of(Mesh(pp=3, vp=2), None), None)
    assert stages["layers"].tolist() == [0, 0, 0]
    assert rows["next_stage"].tolist() == [1, 1, 2, 2, 0, NONE]
    assert rows["next_chunk"].tolist() == [0, 1, 0, 1, 1, NONE]


def test_operations_are_those_that_were_checked():
    """Stage by stage in their order, with the names of collectives; a deadlock is never written."""
    workload = placed().workload
    job, strings = job_of(workload), Strings()
    stages, _ = chunk_rows(pipeline_of(job.mesh, job), job)
    made = job_order(job, workload.families)
    rows, texts = operation_rows(stages, made, strings), strings.rows().tobytes()
    for stage, own in enumerate(stages):
        found = rows[own["first_operation"] :][: own["operations"]]
        for row, operation in zip(found, made.operations(stage), strict=True):
            assert row["kind"] == operation.kind
            assert row["peer"] == (NONE if operation.peer < 0 else operation.peer)
            assert row["microbatch"] == (NONE if operation.microbatch < 0 else operation.microbatch)
            assert row["chunk"] == (0xFFFF if operation.chunk < 0 else operation.chunk)
            name = texts[row["collective"] :].split(b"\0")[0] if row["collective"] != NONE else b""
            assert name.decode() == operation.family
    broken = order(program(Schedule.INTERLEAVED, 8, 2, 18))
    with pytest.raises(InternalError):
        operation_rows(np.zeros(8, STAGE), broken, Strings())
