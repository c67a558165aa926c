"""Published strategies and those that the search finds in their place.

    python -m tests.benchmarks.field [ID ...]

For every published run, or those named: the same model, batch, sequence, number formats and GPUs are
given to the search, which knows nothing of the run's strategy. Both strategies are predicted by the same
model of the same cluster and of today's software (fused attention, overlapped communication), so that
only the strategy differs; where a source leaves something unsaid, its fastest reading stands. Calculon's
own optimum is not among them: the package of that name on PyPI is something else.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from planner.report.search import SHARING, degrees
from tests.benchmarks.field.against import against
from tests.benchmarks.field.cases import cases, pair

if TYPE_CHECKING:
    from planner.workload.job import Job

COLUMNS = "{:22} {:>9}  {:66} {:>9}  {:66} {:>6}  {}"


def main(arguments: list[str] | None = None) -> int:
    """Search, predict, print; 1 where a published strategy is the faster one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("ids", nargs="*", metavar="ID", help="runs to look at, all if none is named")
    wanted = parser.parse_args(arguments).ids
    runs = [run for run in cases() if not wanted or run.id in wanted]
    write(COLUMNS.format("run", "", "published", "", "found", "ratio", "of the published step"))
    slower = 0
    for run in runs:
        outcome = against(run)
        slower += outcome.ratio > 1
        some = (outcome.published, outcome.ours)
        shown = [text for each in some for text in (f"{each.step_s:.3f} s", said(each.job))]
        write(COLUMNS.format(run.id, *shown, f"{outcome.ratio:.3f}", outcome.reason))
    pairs = len({pair(run) for run in runs})
    write(f"\n{len(runs)} runs of {pairs} pairs of model and cluster; published faster in {slower}")
    return int(slower > 0)


def said(job: Job) -> str:
    """A strategy in one line."""
    how = [str(job.schedule)] if job.mesh.pp > 1 else []
    again = [] if job.recompute == "none" else [f"{job.recompute} recompute"]
    return ", ".join([degrees(job), *how, *again, SHARING[job.data_parallel]])


def write(line: str) -> None:
    """Print a line, trailing blanks left out, and let a reader of a pipe see it."""
    sys.stdout.write(f"{line.rstrip()}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
