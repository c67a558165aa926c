"""The benchmark of replanning."""

from __future__ import annotations

import json

import pytest

from planner.topology.load import load_topology
from planner.workload.load import load_workload
from tests.benchmarks.replan import Case, broken, cases


def test_scattered_failures_are_the_same_on_every_run():
    """Drawn once, among what is in service."""
    one, other = (cases("gb300-superpod")[-1] for _ in range(2))
    assert one == other
    assert len(set(one.selectors)) == 200


def test_the_same_job_is_planned_afresh(tmp_path):
    """On the same broken hardware, with the replicas that go on."""
    case = Case("a tray", ("su03/r3/t05",))
    hardware, job = broken(tmp_path, "gb300-superpod", "moe-6t-220k", case, 72 * 8)
    assert (~load_topology(hardware).gpu_in_service).sum() == 4
    described = load_workload(job)
    assert described.mesh.dp == 72 * 8
    assert json.dumps(described.description["batch"]["global"]) == str(16 * 72 * 8)


@pytest.mark.slow
def test_it_prints_a_row():
    """One case runs, and prints what it took."""
    import subprocess
    import sys

    command = [sys.executable, "-m", "tests.benchmarks.replan"]
    options = ["--form", "1", "--case", "0", "--repeat", "1"]
    printed = subprocess.run([*command, *options], capture_output=True, text=True, check=True).stdout
    row = next(each for each in printed.splitlines() if "a tray" in each).split()
    assert float(row[3]) > float(row[4]) > 0
