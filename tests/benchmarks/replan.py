"""Replanning against planning afresh, from file to file, on the flagship.

For each form of the flagship and each failure a placement is replanned by a fresh ``planner replan``
process, and the same job (with the replicas that go on) is planned afresh on the same broken cluster by a
fresh ``planner plan`` process, in turn, `--repeat` times. Medians of wall-clock seconds are printed, the
share that replanning takes, and what of it is neither reading nor writing. Both find the planner compiled
to bytecode, as it is where it was installed.

    python -m tests.benchmarks.replan
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

import planner
from planner.topology.load import load_topology
from planner.workload.load import load_workload
from tests.benchmarks.pipeline import run

FORMS = [("gb300-220k", "moe-6t-220k"), ("gb300-220k-degraded", "moe-6t-220k-degraded")]
SCATTERED = 200
SEED = 220032
PLANNER = [sys.executable, "-m", "planner"]


@dataclass(frozen=True)
class Case:
    """A failure: what it is called, and the selectors of what fails."""

    name: str
    selectors: tuple[str, ...]


def cases(topology: str) -> list[Case]:
    """A tray, a rack, a unit, and scattered trays, the latter drawn once among those in service."""
    cluster = load_topology(topology)
    alive = np.unique(cluster.gpu_node[cluster.gpu_in_service])
    drawn = np.random.default_rng(SEED).choice(alive, SCATTERED, replace=False)
    return [
        Case("a tray", ("p03/u03/r3/t05",)),
        Case("a rack", ("p03/u03/r3",)),
        Case("a unit", ("p03/u03",)),
        Case(f"{SCATTERED} trays", tuple(cluster.domain_path(0, node) for node in sorted(drawn.tolist()))),
    ]


def broken(folder: Path, topology: str, workload: str, case: Case, dp: int) -> tuple[Path, Path]:
    """The topology with what failed, and the workload with what goes on, as files to plan afresh."""
    hardware, job = folder / "broken.yaml", folder / "job.yaml"
    down = json.dumps(list(case.selectors))
    hardware.write_text(f"format_version: 1\nname: broken\ninclude: {topology}\ndown: {down}\n")
    description = load_workload(workload).description
    degrees = {**description["parallelism"], "dp": dp}
    batch = {**description["batch"]}
    batch["global"] = batch["global"] // description["parallelism"]["dp"] * dp
    job.write_text(
        f"format_version: 1\nname: {workload}\ninclude: {workload}\n"
        f"parallelism: {json.dumps(degrees)}\nbatch: {json.dumps(batch)}\n"
    )
    return hardware, job


def compiled(folder: Path) -> dict[str, str]:
    """An environment in which the planner's bytecode lies in a folder of its own."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(folder)
    package = str(Path(planner.__file__).parent)
    run([sys.executable, "-m", "compileall", "-q", package], environment)
    return environment


def measure(
    topology: str, workload: str, case: Case, start: Path, repeat: int, environment: dict[str, str]
) -> dict[str, float]:
    """Medians of one case."""
    folder = start.parent
    down = [part for selector in case.selectors for part in ("--down", selector)]
    replans, plans = [], []
    for _ in range(repeat):
        command = [*PLANNER, "replan", str(start), *down, "-o", str(folder / "new.json"), "--json"]
        replans.append(run(command, environment))
        answer = json.loads(replans[-1].printed)
        hardware, job = broken(folder, topology, workload, case, answer["dp"])
        command = [*PLANNER, "plan", str(hardware), str(job), "-o", str(folder / "fresh.json"), "--json"]
        plans.append(run(command, environment))
    answers = [json.loads(each.printed) for each in replans]
    fresh = json.loads(plans[-1].printed)
    seconds = {part: statistics.median(a["seconds"][part] for a in answers) for part in answers[0]["seconds"]}
    return {
        **seconds,
        "replan": statistics.median(each.seconds for each in replans),
        "plan": statistics.median(each.seconds for each in plans),
        "moved": answer["moved_ranks"],
        "least": answer["moved_lower_bound"],
        "dp": answer["dp"],
        "gap": answer["gap"],
        "drift": answer["objective"] / fresh["objective"] - 1,
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--form", type=int, action="append", choices=range(len(FORMS)))
    parser.add_argument("--case", type=int, action="append", choices=range(4))
    arguments = parser.parse_args()
    table = Table(box=box.SIMPLE, title=f"seconds, medians of {arguments.repeat}", title_justify="left")
    table.add_column("job", no_wrap=True)
    table.add_column("fails", no_wrap=True)
    columns = ("afresh", "replan", "share", "load", "solve", "check", "write", "solve + check")
    for column in (*columns, "moved", "at least", "dp", "gap %", "over afresh %"):
        table.add_column(column, justify="right", no_wrap=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = compiled(folder / "bytecode")
        for form in arguments.form or range(len(FORMS)):
            topology, workload = FORMS[form]
            start = folder / f"{workload}.json"
            run([*PLANNER, "plan", topology, workload, "-o", str(start)], environment)
            every = cases(topology)
            for index in arguments.case or range(len(every)):
                found = measure(topology, workload, every[index], start, arguments.repeat, environment)
                parts = [f"{found[part]:.2f}" for part in ("load", "solve", "check", "write")]
                table.add_row(
                    workload,
                    every[index].name,
                    f"{found['plan']:.2f}",
                    f"{found['replan']:.2f}",
                    f"{found['replan'] / found['plan']:.2f}",
                    *parts,
                    f"{found['solve'] + found['check']:.2f}",
                    f"{found['moved']:,}",
                    f"{found['least']:,}",
                    f"{found['dp']:,}",
                    f"{100 * found['gap']:.2f}",
                    f"{100 * found['drift']:.2f}",
                )
    Console(width=170).print(table)


if __name__ == "__main__":
    main()
