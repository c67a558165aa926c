"""Broken and hostile files: each is told its own code and place, and exits with 3."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from planner.errors import InputError, render
from planner.fleet.load import load_fleet
from planner.topology.load import load_topology
from planner.workload.load import load_workload

HERE = Path(__file__).parent


def load_fleet_of_the_lab(name):
    """A fleet file, read for the cluster lab-4x8."""
    return load_fleet(name, load_topology("lab-4x8"))


LOAD = {"topology": load_topology, "workload": load_workload, "fleet": load_fleet_of_the_lab}


def _expected(folder):
    return YAML(typ="safe", pure=True).load((HERE / folder / "expected.yaml").read_text())


CASES = [(folder, name, problems) for folder in LOAD for name, problems in _expected(folder).items()]


@pytest.mark.parametrize(("folder", "name", "problems"), CASES, ids=[f"{f}/{n}" for f, n, _ in CASES])
def test_broken_file(folder, name, problems, monkeypatch):
    """Every problem of the file is found with its code, line and column, and no other."""
    monkeypatch.chdir(HERE / folder)
    with pytest.raises(InputError) as caught:
        LOAD[folder](name)
    assert caught.value.exit_code == 3
    told = [
        {"code": p.code, "line": p.position.line, "column": p.position.column} for p in caught.value.problems
    ]
    assert told == problems
    assert all(problem.expected or problem.suggestion for problem in caught.value.problems)
    assert all(c.isprintable() or c == "\n" for p in caught.value.problems for c in render(p))


@pytest.mark.parametrize("folder", LOAD)
def test_table_lists_every_file(folder):
    """No broken file lies there without being tried."""
    files = {path.name for path in (HERE / folder).glob("*.yaml")} - {"expected.yaml"}
    assert set(_expected(folder)) == files
