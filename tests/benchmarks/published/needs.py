"""Memory of published runs: as published, with twice the microbatch, and with nothing sharded."""

from __future__ import annotations

from dataclasses import replace

from planner.workload.job import DataParallel
from planner.workload.memory import memory
from tests.benchmarks.published.systems import system_of

LINE = "{:28} {:>10} {:>22} {:>22}"


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
    """A line a run, then how many do not fit where more is held."""
    yield LINE.format("memory over what a GPU has", "as it ran", "twice the microbatch", "nothing shared")
    found = {run.id: needs(run) for run in runs}
    for run in runs:
        limit = system_of(run.system, run.gpus).gpu.memory_bytes
        yield LINE.format(run.id, *(_shown(each, limit) for each in found[run.id]))
    yield ""
    yield _count("with twice the microbatch", [doubled for _, doubled, _ in found.values() if doubled])
    shared = [found[run.id][2] for run in runs if run.job.data_parallel is not DataParallel.DDP]
    yield _count("with nothing shared, of those that share", shared)


def _shown(share, limit):
    """A share of a GPU's memory, and what is over it."""
    if share is None:
        return "-"
    over = f", {(share - 1) * limit / 1e9:.0f} GB over" if share > 1 else ""
    return f"{100 * share:.0f} %{over}"


def _count(what, shares):
    return f"{what} {sum(share > 1 for share in shares)} of {len(shares)} do not fit"
