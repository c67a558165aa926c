"""Small instances: which are proven optimal in time, and whether the large-scale method is as good.

Every instance of up to 64 cells is solved twice: as users do, and without the exact searches between the
steps of the large-scale method, which end most runs before that has done all it can. What the method
itself ends with stands in the second run's trace.

    python -m tests.benchmarks.exactness
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import dataclass
from unittest.mock import patch

from rich import box
from rich.console import Console
from rich.table import Table

from planner.placement.placement import Status
from planner.solve import solve
from planner.solve.run import _Run
from tests.benchmarks.instances import instances

MOST_CELLS = 64
LIMIT_S = 10.0
EXACT = "exact"
EQUAL = 1e-9
COLUMNS = ("family", "instances", "proven", "median s", "worst s", "large-scale method optimal")


@dataclass(frozen=True)
class Outcome:
    """One instance: how long it took, whether it was proven, and how far the large-scale method was off."""

    name: str
    family: str
    seconds: float
    proven: bool
    gap: float
    constructed_above: float

    @property
    def matched(self) -> bool:
        """Whether the large-scale method reached the proven optimum."""
        return self.proven and self.constructed_above <= EQUAL


def run(instance, limit_s, workers=None):
    """Solve an instance, and once more without exact searches between the steps of the large-scale method."""
    job = instance.cluster, instance.workload
    result = solve(*job, time_limit_s=limit_s, workers=workers)
    with patch.object(_Run, "attempt", lambda run: run.near):
        alone = solve(*job, time_limit_s=limit_s, workers=workers)
    constructed = min(step.value for step in alone.trace if not step.phase.startswith(EXACT))
    least = min(result.objective, alone.objective)
    above = constructed / least - 1 if least else float(constructed > 0)
    proven = result.status is Status.OPTIMAL
    return Outcome(instance.name, instance.family.name, result.seconds, proven, result.gap, above)


def table(outcomes):
    """A row for every family, and one for all."""
    found = Table(*COLUMNS, box=box.SIMPLE)
    families = list(dict.fromkeys(each.family for each in outcomes))
    for family in families:
        found.add_row(*row(family, [each for each in outcomes if each.family == family]))
    found.add_section()
    found.add_row(*row("all", outcomes))
    return found


def row(name, outcomes):
    """The figures of some instances as text."""
    seconds = [each.seconds for each in outcomes]
    return (
        name,
        f"{len(outcomes)}",
        f"{sum(each.proven for each in outcomes)}",
        f"{statistics.median(seconds):.2f}",
        f"{max(seconds):.2f}",
        f"{sum(each.matched for each in outcomes)}",
    )


def main():
    """Run all instances, or those whose names hold a text."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--only", default="", help="a part of the names of the instances to run")
    options.add_argument("--limit", type=float, default=LIMIT_S, help="seconds for each instance")
    options.add_argument("--workers", type=int, help="threads of a search; as many as cores by default")
    asked = options.parse_args()
    chosen = [each for each in instances() if each.cells <= MOST_CELLS and asked.only in each.name]
    if not chosen:
        options.error(f"no instance of up to {MOST_CELLS} cells has {asked.only!r} in its name")
    console = Console()
    outcomes = []
    for instance in chosen:
        outcomes.append(run(instance, asked.limit, asked.workers))
        last = outcomes[-1]
        if not last.matched:
            console.print(
                f"{last.name}: {'proven' if last.proven else f'gap {last.gap:.3%}'}, "
                f"large-scale method {last.constructed_above:.3%} above, {last.seconds:.2f} s"
            )
    console.print(table(outcomes))


if __name__ == "__main__":
    main()
