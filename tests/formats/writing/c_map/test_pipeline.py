"""Stages and chunks of a map."""

from __future__ import annotations

import pytest

from planner.formats.writing.c_map.layout import NONE
from planner.formats.writing.c_map.pipeline import EMBEDDING, HEAD, chunk_rows, pipeline_of
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
