"""How long `planner search` takes, and how little of a space it must simulate.

Every case is a fresh ``planner search`` process that looks through its whole space, on as many processes
as it takes by itself, and places the best three on the cluster; with ``--place 0`` it places none. Cases
take turns, `--repeat` times. Printed are the strategies of the space, how many were simulated, the step
as predicted of the strategy in front and as placed, and medians of the seconds from start to end and of
the processor's seconds, those of all processes together.

    python -m tests.benchmarks.search
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Case:
    """What is searched."""

    topology: str
    model: str
    batch: int
    sequence: int = 8192
    precision: str = "bf16"

    @property
    def arguments(self) -> tuple[str, ...]:
        """Those of ``planner search``."""
        numbers = ("--batch", str(self.batch), "--sequence", str(self.sequence))
        return (self.topology, self.model, *numbers, "--precision", self.precision)


CASES = (
    Case("lab-4x8", "llama-3.1-8b", 64),
    Case("dgx-h100-superpod", "llama-3.1-405b", 512),
    Case("dgx-h100-superpod", "llama-3.1-405b", 512, precision="fp8"),
    Case("gb200-nvl72-5120", "deepseek-v3", 8192, 4096),
    Case("llama3-24k", "llama-3.1-405b", 2048),
    Case("gb300-220k", "moe-6t", 16384),
    Case("gb300-220k-degraded", "moe-6t", 16384),
)


@dataclass(frozen=True)
class Run:
    """What one process printed, and what it took."""

    considered: int
    simulated: int
    step_s: float
    placed_step_s: float | None
    wall_s: float
    cpu_s: float


def run(case: Case, place: int) -> Run:
    """Search once."""
    command = [sys.executable, "-m", "planner", "search", *case.arguments, "--place", str(place), "--json"]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    document = json.loads(done.stdout)
    first = document["best"][0]
    return Run(
        document["considered"],
        document["simulated"],
        first["step_s"],
        first["placed_step_s"],
        wall,
        after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    )


def rows(cases: Sequence[Case], repeat: int, place: int) -> list[tuple[str, ...]]:
    """A row of the table for each case."""
    runs: dict[Case, list[Run]] = {case: [] for case in cases}
    for _ in range(repeat):
        for case in cases:
            runs[case].append(run(case, place))
    return [row(case, made) for case, made in runs.items()]


def row(case: Case, runs: Sequence[Run]) -> tuple[str, ...]:
    """The table's row of a case."""
    first = runs[0]
    placed = "-" if first.placed_step_s is None else f"{first.placed_step_s:.4g}"
    wall, cpu = (statistics.median(getattr(each, name) for each in runs) for name in ("wall_s", "cpu_s"))
    return (
        case.topology,
        f"{case.model} {case.precision}",
        f"{case.batch:,} x {case.sequence:,}",
        f"{first.considered:,}",
        f"{first.simulated:,}",
        f"{first.step_s:.4g}",
        placed,
        f"{wall:.1f}",
        f"{cpu:.1f}",
    )


def main() -> None:
    """Run all cases and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--place", type=int, default=3)
    parser.add_argument("--only", help="cases whose topology or model has this in its name")
    given = parser.parse_args()
    cases = [case for case in CASES if not given.only or given.only in f"{case.topology} {case.model}"]
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("topology", "model", "batch"):
        table.add_column(name)
    for name in ("strategies", "simulated", "predicted s", "placed s", "seconds", "of processors"):
        table.add_column(name, justify="right")
    for each in rows(cases, given.repeat, given.place):
        table.add_row(*each)
    console = Console(width=140)
    console.print(f"{len(os.sched_getaffinity(0))} cores, {given.place} placed, {given.repeat} repeats")
    console.print(table)


if __name__ == "__main__":
    main()
