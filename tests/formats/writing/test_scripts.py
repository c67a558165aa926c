"""What the launchers' scripts share."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest

from planner.errors import UsageError
from planner.formats.exporters import EXPORTERS, SINGLE_FILES
from planner.formats.exporting import bundle
from planner.formats.writing.scripts import start_script
from tests.formats.jobs import regular


@pytest.mark.parametrize("to", [name for name in EXPORTERS if name not in SINGLE_FILES])
def test_scripts_are_sound(to):
    """The shell reads each, and the commands of the README."""
    made = bundle(regular(), to, [])
    texts = [
        made.files[path].decode()
        for path in made.executable
        if made.files[path].startswith(b"#!/usr/bin/env bash")
    ]
    for text in [*texts, made.command, made.proof]:
        done = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("to", [name for name in EXPORTERS if name not in SINGLE_FILES])
def test_a_misplaced_rank_does_not_end_the_proof(to):
    """It exits 0, or waits for all: launchers end every process once one fails."""
    made = bundle(regular(), to, [])
    texts = [made.proof, made.files.get("verify.yaml", b"").decode()]
    runs = [line for text in texts for line in text.splitlines() if "verify.py ranks.csv" in line]
    assert all("--exit-zero" in line or "--gather" in line for line in runs)
    assert "verify.yaml" not in made.files or "ranks.csv --exit-zero" in texts[1]


@pytest.fixture
def start(tmp_path):
    """A function that runs start.sh with an agent that runs commands here, and says where."""
    for path, content in start_script(["a", "b", "c"]).items():
        (tmp_path / path).write_bytes(content)
    agent = tmp_path / "agent"
    agent.write_text('#!/bin/sh\nhost=$1; shift; export host; exec sh -c "$*"\n')
    agent.chmod(0o755)

    def starts(launch, *arguments):
        (tmp_path / "launch.sh").write_text(f"#!/bin/sh\n{launch}\n")
        (tmp_path / "launch.sh").chmod(0o755)
        return subprocess.run(
            ["bash", tmp_path / "start.sh", *arguments],
            cwd=tmp_path,
            env={"PLANNER_SSH": str(agent), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )

    return starts


def test_every_host_is_started(start, tmp_path):
    """Each gets the words as they are, in the caller's folder."""
    done = start('echo "$host $PWD $2"', "a", "b  c'd")
    assert done.returncode == 0
    assert sorted(done.stdout.splitlines()) == [f"{host} {tmp_path} b  c'd" for host in "abc"]


def test_the_first_failure_ends_all(start):
    """The others would wait for it for ever; its exit code is kept."""
    done = start('[ "$host" != b ] || exit 7; exec sleep 60')
    assert done.returncode == 7


def test_host_names_that_a_shell_would_read():
    """No launcher's files are written with them; tables and the map for C hold names as data."""
    placement = regular()
    names = ["$(touch x)", *placement.cluster.host_names[1:]]
    awkward = replace(placement, cluster=replace(placement.cluster, host_names=names))
    for to in EXPORTERS:
        if to not in {*SINGLE_FILES, "c"}:
            with pytest.raises(UsageError):
                bundle(awkward, to)
