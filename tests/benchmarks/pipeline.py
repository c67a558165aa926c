"""File to file: how long a plan takes, as multiples of a bare floor measured in the same run.

The floor is a fresh Python process that imports the libraries a plan needs and writes one JSON row a
rank with the columns of the placement. A plan is a fresh ``planner plan`` process from names to a
checked file. Every case runs `--repeat` times, floor and plan in turn; medians are printed.

    python -m tests.benchmarks.pipeline
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

CASES = [
    ("lab-4x8", "llama-70b-32"),
    ("llama3-24k", "llama-405b-16384"),
    ("gb300-220k", "moe-6t-220k"),
    ("gb300-220k-degraded", "moe-6t-220k-degraded"),
]
STEPS = ("load", "solve", "check", "write")
FLOOR = """
import json, sys
import numpy, pydantic, ruamel.yaml, typer, rich
from ortools.sat.python import cp_model
from ortools.linear_solver import pywraplp
ranks = int(sys.argv[1])
rows = [
    {"rank": r, "gpu": r, "node": r // 4, "local": r % 4, "nic": r % 4, "rail": r % 4} for r in range(ranks)
]
with open(sys.argv[2], "w") as out:
    json.dump(rows, out)
"""


@dataclass(frozen=True)
class Run:
    """One process: wall-clock seconds, peak memory, and what it printed."""

    seconds: float
    peak_bytes: int
    printed: str


def run(command: list[str], environment: dict[str, str] | None = None) -> Run:
    """Run a process to its end and measure it; raises CalledProcessError where it fails.

    `environment` is that of the process; that of this one where not given.
    """
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output:
        child = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL, env=environment)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise subprocess.CalledProcessError(child.returncode, command)
        output.seek(0)
        return Run(seconds, usage.ru_maxrss * 1024, output.read())


def measure(topology: str, workload: str, repeat: int, folder: Path) -> dict[str, float]:
    """Medians of one case: seconds of every step, of the whole plan and of the floor; memory; gap."""
    plans, floors = [], []
    file = folder / f"{workload}.json"
    for _ in range(repeat):
        plans.append(
            run([sys.executable, "-m", "planner", "plan", topology, workload, "-o", str(file), "--json"])
        )
        ranks = json.loads(plans[-1].printed)["ranks"]
        floors.append(run([sys.executable, "-c", FLOOR, str(ranks), str(folder / "floor.json")]))
    answers = [json.loads(plan.printed) for plan in plans]
    medians = {step: statistics.median(a["seconds"][step] for a in answers) for step in STEPS}
    return {
        **medians,
        "ranks": answers[0]["ranks"],
        "plan": statistics.median(plan.seconds for plan in plans),
        "floor": statistics.median(floor.seconds for floor in floors),
        "peak_bytes": max(plan.peak_bytes for plan in plans),
        "gap": statistics.median(a["gap"] for a in answers),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--case", type=int, action="append", choices=range(len(CASES)))
    arguments = parser.parse_args()
    table = Table(
        box=box.SIMPLE, title=f"multiples of the floor, medians of {arguments.repeat}", title_justify="left"
    )
    table.add_column("job", no_wrap=True)
    for column in ("ranks", "floor s", *STEPS, "whole", "peak MB", "gap %"):
        table.add_column(column, justify="right", no_wrap=True)
    with tempfile.TemporaryDirectory() as folder:
        for index in arguments.case or range(len(CASES)):
            found = measure(*CASES[index], arguments.repeat, Path(folder))
            multiples = [f"{found[step] / found['floor']:.2f}" for step in (*STEPS, "plan")]
            table.add_row(
                " on ".join(reversed(CASES[index])),
                f"{found['ranks']:,}",
                f"{found['floor']:.2f}",
                *multiples,
                f"{found['peak_bytes'] / 1e6:.0f}",
                f"{100 * found['gap']:.3f}",
            )
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
