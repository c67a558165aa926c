"""Published runs as pairs of a model and a cluster, and what is asked of the search for each."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from planner.strategy.outline import Outline
from planner.strategy.space import Question, Strategy, strategies
from tests.benchmarks.published.__main__ import RUNS
from tests.benchmarks.published.runs import read_runs
from tests.benchmarks.published.systems import cluster_of

if TYPE_CHECKING:
    from planner.workload.job import Job
    from tests.benchmarks.published.runs import Run

# The runs of Calculon's validation (validation/seqsel/tab5 there) are those of Korthikanti et al. 2022,
# table 5: 22B, 175B, 530B and 1T, each with everything recomputed and with sequence parallelism and
# selective recomputation. Those of 530B are in a file of their own.
CALCULON = Path(__file__).with_name("calculon.csv")
OF_CALCULON = tuple(
    f"ko22-{size}-{kept}" for size in ("22b", "175b", "530b", "1t") for kept in ("full", "selective")
)


def cases() -> list[Run]:
    """Calculon's cases first, then all other published runs."""
    runs = {run.id: run for path in (CALCULON, RUNS) for run in read_runs(path)}
    return [runs.pop(name) for name in OF_CALCULON] + list(runs.values())


def pair(run: Run) -> tuple[object, ...]:
    """What two runs must share to be of the same model on the same cluster."""
    job = run.job
    return (job.model, run.system, run.gpus, job.global_batch, job.sequence, job.precision)


def question(run: Run) -> Question:
    """What is asked of the search: the run's model, batch, formats and GPUs, nothing of its strategy."""
    outline = outline_of(run.system, run.gpus)
    return Question(
        run.job.model,
        run.job.global_batch,
        run.job.sequence,
        run.job.precision,
        outline.gpus,
        outline.levels[0].gpus if outline.levels else outline.gpus,
        gradient_bytes=run.job.gradient_bytes,
        dispatch_bytes=run.job.dispatch_bytes,
    )


@cache
def outline_of(system: str, gpus: int) -> Outline:
    """The run's cluster in outline."""
    return Outline.of(cluster_of(system, gpus))


def is_in_space(job: Job, asked: Question) -> bool:
    """Whether the search looks at a job's degrees, microbatch, schedule and recomputation."""
    mesh = job.mesh
    wanted = Strategy(
        mesh.tp, mesh.cp, mesh.ep, mesh.dp, mesh.pp, mesh.vp, job.micro_batch, job.schedule, job.recompute
    )
    return any(each == wanted for each in strategies(asked))
