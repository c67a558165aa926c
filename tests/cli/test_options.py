"""Completion of names and paths."""

from __future__ import annotations

import os
import subprocess

from planner.cli.options import complete_placement, complete_topology, complete_workload
from tests.cli.commands import command


def test_names():
    """Shipped names that start with what is typed."""
    assert "gb300-220k" in complete_topology("gb3")
    assert "moe-6t-220k" in complete_workload("moe")
    assert complete_topology("nothing-like-this") == []


def test_paths(tmp_path, monkeypatch):
    """Files of the right kind and folders."""
    (tmp_path / "site.yaml").touch()
    (tmp_path / "sites").mkdir()
    (tmp_path / "site.json").touch()
    assert complete_topology(f"{tmp_path}/si") == [f"{tmp_path}/site.yaml", f"{tmp_path}/sites/"]
    assert complete_placement(f"{tmp_path}/si") == [f"{tmp_path}/site.json", f"{tmp_path}/sites/"]
    monkeypatch.chdir(tmp_path)
    assert complete_topology("si") == ["site.yaml", "sites/"]


def test_the_shell_gets_them():
    """As bash asks for completions."""
    environment = {"_PLANNER_COMPLETE": "complete_bash", "COMP_WORDS": "planner plan lab", "COMP_CWORD": "2"}
    done = subprocess.run(
        [*command()[:1], "-c", "from planner.cli.entry import run; run()"],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        check=False,
    )
    assert done.stdout.split() == ["lab-4x8"]
