"""Rows of stages, chunks and operations of a map: layers, where output goes, and what is done when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from planner.cost.deadlock import examine
from planner.cost.schedules import program
from planner.cost.timeline import neighbours
from planner.errors import InternalError
from planner.formats.writing.c_map.layout import CHUNK, NONE, OPERATION, STAGE
from planner.formats.writing.c_map.rows import unsigned
from planner.workload.job import Schedule
from planner.workload.stages import chunks, chunks_of_stage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.cost.order import Order
    from planner.cost.schedules import Program
    from planner.formats.writing.c_map.layout import Strings
    from planner.workload.job import Job
    from planner.workload.mesh import Mesh

    Rows = NDArray[Any]

EMBEDDING, HEAD = 1, 2


def pipeline_of(mesh: Mesh, job: Job | None) -> Program:
    """The program of the job's schedule; without a job only what its mesh says of the stages."""
    if job is not None:
        return program(job.schedule, mesh.pp, mesh.vp, job.num_microbatches)
    schedule = Schedule.INTERLEAVED if mesh.vp > 1 else Schedule.ONE_F_ONE_B
    return program(schedule, mesh.pp, mesh.vp, mesh.pp)


def chunk_rows(made: Program, job: Job | None) -> tuple[Rows, Rows]:
    """One row a stage and one a chunk."""
    stages, count = made.position.shape
    before, after = neighbours(made)
    rows = np.zeros((stages, count), CHUNK)
    rows["pipeline"], rows["place"] = made.pipelines[None, :], made.position
    rows["next_stage"], rows["next_chunk"] = unsigned(after[..., 0]), unsigned(after[..., 1])
    rows["prev_stage"], rows["prev_chunk"] = unsigned(before[..., 0]), unsigned(before[..., 1])
    if job is not None:
        _fill_layers(rows, job)
    own = np.zeros(stages, STAGE)
    own["first_chunk"], own["chunks"] = np.arange(stages) * count, count
    own["layers"] = rows["layers"].sum(axis=1)
    return own, rows.ravel()


def operation_rows(stages: Rows, order: Order, strings: Strings) -> Rows:
    """One row an operation, those of a stage one after another; fills in where each stage's begin.

    Raises
    ------
    InternalError
        X004 where the order would deadlock, which no order that is offered does.
    """
    safety = examine(order)
    if not safety.ok:
        raise InternalError.of("X004", safety.story or safety.mismatches[0])
    rows: list[tuple[int, int, int, int, int]] = []
    names: dict[str, int] = {}
    for stage in range(len(order.turns)):
        stages["first_operation"][stage] = len(rows)
        for each in order.operations(stage):
            if each.family and each.family not in names:
                names[each.family] = strings.add(each.family)
            family = names[each.family] if each.family else NONE
            rows.append((each.kind, each.chunk & 0xFFFF, each.microbatch & NONE, each.peer & NONE, family))
        stages["operations"][stage] = len(rows) - stages["first_operation"][stage]
    return np.array(rows, OPERATION)


def _fill_layers(rows: Rows, job: Job) -> None:
    held = np.array(chunks_of_stage(job))
    cut = chunks(job)
    first = np.cumsum([0, *map(len, cut)])
    rows["first_layer"] = first[held]
    rows["layers"] = np.array([len(each) for each in cut])[held]
    rows["flags"] = EMBEDDING * (held == 0) + HEAD * (held == held.max())
