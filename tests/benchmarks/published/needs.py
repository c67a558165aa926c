"""Memory of published runs: as published, with twice the microbatch, and with nothing sharded."""

from __future__ import annotations

from dataclasses import replace

from planner.workload.job import DataParallel
from planner.workload.memory import memory
from tests.benchmarks.published.systems import system_of


def needs(run):
    """Bytes of the fullest GPU over its memory: as it ran, with twice the microbatch, with nothing shared.

    Of the choices that a source leaves open the one that needs the least counts. What has no
    microbatch twice as large, because the batch does not divide, is None.
    """
    limit = system_of(run.system, run.gpus).gpu.memory_bytes
    job = min(run.choices, key=fullest)
    doubled = replace(job, micro_batch=2 * job.micro_batch)
    divides = job.global_batch % (doubled.micro_batch * job.mesh.dp) == 0
    alone = replace(job, data_parallel=DataParallel.DDP)
    return (
        fullest(job) / limit,
        fullest(doubled) / limit if divides else None,
        fullest(alone) / limit,
    )


def fullest(job):
    """Bytes of the fullest GPU."""
    return max(stage.total for stage in memory(job))


def rows(runs):
    """A line a run."""
    yield f"{'memory over what a GPU has':30} {'as it ran':>10} {'2x micro':>10} {'ddp':>10}"
    for run in runs:
        shown = ["-" if each is None else f"{100 * each:.0f} %" for each in needs(run)]
        yield f"{run.id:30} " + " ".join(f"{each:>10}" for each in shown)
