"""Published training runs as jobs on clusters.

A row says how a model was run; what it leaves blank or says in other words is taken as tables mean it,
so that rows of other sources can be read too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.cost.flops import FlopCount, step_flops
from planner.workload.job import DataParallel, Job, Precision, Recompute, Schedule
from planner.workload.memory import memory
from planner.workload.mesh import Mesh
from tests.benchmarks.published.cells import Row, read_rows
from tests.benchmarks.published.shapes import cut_of, model_of
from tests.benchmarks.published.software import has_sequence_parallelism, script_of, software_of
from tests.benchmarks.published.systems import system_of

if TYPE_CHECKING:
    from pathlib import Path

    from planner.cost.software import Software
    from planner.workload.model import Model

# What the sources that give no formula count.
COUNTS = {"causal": FlopCount.CAUSAL, "full": FlopCount.FULL, "megatron_sc21": FlopCount.SC21}


@dataclass(frozen=True)
class Run:
    """One row: what was run, what its source says of recomputation and sharding, and seconds a step."""

    id: str
    source: str
    family: str
    said: tuple[str, str]
    system: str
    gpus: int
    job: Job
    software: Software
    measured_s: float
    choices: tuple[Job, ...]


def read_runs(path: Path) -> list[Run]:
    """All rows of a file of runs.

    Raises
    ------
    ValueError
        Of the first row that makes no sense, with its id.
    """
    runs, problems = read_what_makes_sense(path)
    if problems:
        raise ValueError(problems[0])
    return runs


def read_what_makes_sense(path: Path) -> tuple[list[Run], list[str]]:
    """All rows that make sense, and of each other row its id and what is wrong with it."""
    runs, problems = [], []
    for line, row in enumerate(read_rows(path), 2):
        try:
            runs.append(_run(row))
        except ValueError as error:
            problems.append(f"run {row.get('id') or f'in line {line}'}: {error}")
    return runs, problems


def _run(row: Row) -> Run:
    gpus = row.number("gpus", None)
    choices = _choices(row, model_of(row["model"], row["notes"]))
    family = f"{system_of(row['system'], gpus).gpu.name} {row.word('precision')}"
    return Run(
        id=row["id"],
        source=row["source"],
        family=family,
        said=(row.word("recompute"), row.word("dp_mode")),
        system=row["system"],
        gpus=gpus,
        job=choices[0],
        software=software_of(
            row["source"],
            row["framework"],
            row["system"],
            pipelined=row.number("pp") > 1,
            moe=choices[0].model.experts is not None,
        ),
        measured_s=_measured_s(row, choices[0]),
        choices=choices,
    )


def _measured_s(row: Row, job: Job) -> float:
    """Seconds a step: given, or from TFLOP/s by the count that the source uses."""
    if row.says("step_s"):
        return row.amount("step_s")
    if not row.says("tflops_per_gpu"):
        raise ValueError("expected step_s or tflops_per_gpu")
    # Megatron-Core's own tables count attention as if it were not causal.
    usual = FlopCount.FULL if "Core" in row["source"] else FlopCount.CAUSAL
    rate = row.amount("tflops_per_gpu") * 1e12 * row.number("gpus")
    return step_flops(job, COUNTS.get(row["flop_count"].lower(), usual)) / rate


def _choices(row: Row, model: Model) -> tuple[Job, ...]:
    """The job; where the source leaves something unsaid, every choice that fits in memory."""
    tp, cp, pp = (row.number(key) for key in ("tp", "cp", "pp"))
    dp, left = divmod(row.number("gpus"), tp * cp * pp)
    if left or not dp:
        raise ValueError(f"expected gpus in multiples of tp x cp x pp, got {row['gpus']} over {tp * cp * pp}")
    ep = _experts(row, model, cp * dp)
    shapes = [
        (micro, Mesh(tp=tp, cp=cp, ep=ep, dp=dp, pp=pp, vp=virtual))
        for micro in _micros(row, dp)
        for virtual in _virtuals(row, model, pp, row.number("global_batch") // (micro * dp))
    ]
    made: list[Job] = []
    for recompute in _kept(row):
        made += [_job(row, model, mesh, micro, recompute) for micro, mesh in shapes]
        limit = system_of(row["system"], row.number("gpus")).gpu.memory_bytes or np.inf
        fitting = [job for job in made if max(stage.total for stage in memory(job)) <= limit]
        if fitting:
            return tuple(fitting)
    return tuple(made)


def _experts(row: Row, model: Model, ranks: int) -> int:
    """Expert parallelism, of ranks that data and context parallelism have."""
    if model.experts is None:
        return 1
    fitting = [n for n in range(1, ranks + 1) if ranks % n == 0 and model.experts.count % n == 0]
    return max(n for n in fitting if n <= row.number("ep"))


def _micros(row: Row, dp: int) -> list[int]:
    """Microbatches that may have been used; the smallest if none divides the batch.

    Where parameters are gathered anew for each microbatch, a replica's whole batch may be one.
    """
    said = row.says("micro_batch") and "micro batch and" not in row["notes"]
    script = script_of(row["source"], row["model"])
    samples = row.number("global_batch") // dp
    if not samples:
        raise ValueError(f"expected a global batch of at least {dp}, one sample a replica")
    gathers = row.word("dp_mode") == DataParallel.FSDP
    unsaid = [script.micro_batch] if script else [1, 2, 4, *([8, 16] if gathers else [])]
    tried = [row.number("micro_batch")] if said else unsaid
    return [micro for micro in tried if samples % micro == 0] or [1]


def _virtuals(row: Row, model: Model, pp: int, microbatches: int) -> list[int]:
    """Virtual stages that may have been used; more than one needs microbatches in multiples of stages.

    Megatron's chunks have as many layers each, or as many if embedding and loss count as a layer each.
    """
    said = row.says("vp") and "nterleaving" not in row["notes"]
    script = script_of(row["source"], row["model"])
    counts = (model.layers, model.layers + 2)
    even = [v for v in range(1, counts[1] // pp + 1) if any(count % (v * pp) == 0 for count in counts)]
    unsaid = [script.virtual] if script else even if pp > 1 else [1]
    tried = [row.number("vp")] if said else unsaid
    return [v for v in tried if v == 1 or (v * pp <= model.layers + 2 and microbatches % pp == 0)] or [1]


def _kept(row: Row) -> list[Recompute]:
    """The recomputation that was used, or those that may have been, the least first."""
    if row.word("recompute") != "unstated":
        return [Recompute(row.word("recompute"))]
    # MaxText recomputes everything unless it is told otherwise.
    return [Recompute.FULL] if row["framework"].lower() in ("jax", "maxtext") else list(Recompute)


def _job(row: Row, model: Model, mesh: Mesh, micro: int, recompute: Recompute) -> Job:
    precision, mode = Precision(row.word("precision")), DataParallel(row.word("dp_mode"))
    narrow = precision.is_narrow or precision is Precision.FP16 or mode is DataParallel.FSDP
    schedule = _schedule(row, mesh)
    return Job(
        model=model,
        mesh=mesh,
        global_batch=row.number("global_batch"),
        micro_batch=micro,
        sequence=row.number("seq"),
        precision=precision,
        gradient_bytes=2 if narrow else 4,
        dispatch_bytes=2,
        data_parallel=mode,
        recompute=recompute,
        schedule=schedule,
        sequence_parallel=has_sequence_parallelism(row["source"], row["framework"], row["notes"]),
        cut=cut_of(model, mesh.pp * mesh.vp)
        if schedule in (Schedule.ONE_F_ONE_B, Schedule.INTERLEAVED)
        else None,
    )


def _schedule(row: Row, mesh: Mesh) -> Schedule:
    """The schedule that the notes name, or Megatron's."""
    if mesh.vp > 1 or mesh.pp == 1:
        return Schedule.INTERLEAVED if mesh.vp > 1 else Schedule.ONE_F_ONE_B
    notes = row["notes"].lower().replace("_", "-")
    named = [each for each in Schedule if re.search(rf"\b{each.value}\b", notes)]
    even = mesh.pp % 2 == 0 and row.number("global_batch") % (2 * mesh.dp) == 0
    return next((each for each in named if each is not Schedule.DUALPIPE or even), Schedule.ONE_F_ONE_B)
