"""`planner replan`, interrupted: what was found so far is written whole, or nothing is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from planner.placement.file import read_placement, write_placement
from tests.builders import claimed
from tests.cli.commands import planner

ROOMY = """\
format_version: 1
name: roomy
gpu: h100
tiers:
  - {name: node, nics: {count: 4, bandwidth: 400 Gb/s}}
  - {name: rack, uplink: 400 GB/s}
  - {name: cluster}
domains:
  - {rack: "r[1-2]", node: "n[1-3]", gpus: 4}
"""
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture
def roomy(tmp_path, workload):
    """A placement of sixteen ranks on twenty-four GPUs."""
    (tmp_path / "roomy.yaml").write_text(ROOMY)
    path = tmp_path / "roomy.json"
    assert planner("plan", tmp_path / "roomy.yaml", workload, "-o", path).code == 0
    return path


def down(path):
    """The options that take the node of rank 0 out of service."""
    stored = read_placement(path)
    return "--down", stored.cluster.domain_path(0, int(stored.cluster.gpu_node[stored.gpu_of_rank[0]]))


def interrupted_in(monkeypatch, number, name):
    """Have the function of that name in `planner.repair.run` interrupted before it does anything."""
    import planner.repair.run as room

    real = getattr(room, name)

    def interrupted(*arguments):
        os.kill(os.getpid(), number)
        assert next(each for each in arguments if hasattr(each, "wait")).wait(10)
        return real(*arguments)

    monkeypatch.setattr(room, name, interrupted)


def is_sound(outcome, new):
    """Whether a command was interrupted, and wrote a placement that moves no more than it must."""
    document = outcome.document
    assert outcome.code == 130, outcome.err
    assert "interrupted: keeping the best placement so far" in outcome.err
    assert planner("check", new).code == 0
    return document["moved_ranks"] == document["moved_lower_bound"] == document["failed_ranks"]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_in_the_proof_keeps_the_placement(roomy, tmp_path, monkeypatch, number):
    """The placement with the fewest moves is there by then, and is written."""
    interrupted_in(monkeypatch, number, "best_within")
    new = tmp_path / "new.json"
    assert is_sound(planner("replan", roomy, *down(roomy), "-o", new, "--json"), new)


def test_a_signal_among_improvements_keeps_the_best_so_far(roomy, tmp_path, monkeypatch):
    """Neither more blocks are moved nor is a plan made afresh."""
    import planner.repair.run as room

    real = room.improvements
    found = []

    def interrupted(*arguments):
        steps, over = real(*arguments), arguments[-1]
        found.append(next(steps))
        yield found[0]
        os.kill(os.getpid(), signal.SIGINT)
        while not over():
            pass
        yield from steps

    monkeypatch.setattr(room, "best_within", lambda *_: None)
    monkeypatch.setattr(room, "improvements", interrupted)
    monkeypatch.setattr(room, "afresh", lambda *_: pytest.fail("a plan was made afresh"))
    stored = read_placement(roomy)
    # Pairs of tensor ranks dealt out at random, so that several gain by moving.
    pairs = np.array([4, 6, 10, 0, 1, 3, 8, 7])
    scattered = (2 * pairs[:, None] + np.arange(2)).ravel()
    bad, new = tmp_path / "bad.json", tmp_path / "new.json"
    write_placement(claimed(stored.cluster, stored.workload, scattered, bound=0.0), bad)
    outcome = planner("replan", bad, "--max-moves", 16, "-o", new, "--json")
    assert outcome.code == 130, outcome.err
    assert read_placement(new).gpu_of_rank.tolist() == found[0].tolist() != scattered.tolist()
    assert planner("check", new).code == 0


def test_a_signal_while_loading_still_gives_a_placement(roomy, tmp_path, monkeypatch):
    """Ranks then take the first places that come."""
    import planner.placement.file as room

    real = room.read_placement

    def interrupted(path):
        os.kill(os.getpid(), signal.SIGTERM)
        return real(path)

    options = down(roomy)
    monkeypatch.setattr(room, "read_placement", interrupted)
    new = tmp_path / "new.json"
    outcome = planner("replan", roomy, *options, "-o", new, "--json")
    monkeypatch.setattr(room, "read_placement", real)
    assert is_sound(outcome, new)


def test_a_signal_in_the_front_keeps_the_placement(roomy, tmp_path, monkeypatch):
    """It is written by then; of the front those points are printed that were found."""
    import planner.repair.front as room

    real = room.best_within

    def interrupted(task, limits, start, stop):
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.wait(10)
        return real(task, limits, start, stop)

    monkeypatch.setattr(room, "best_within", interrupted)
    new = tmp_path / "new.json"
    outcome = planner("replan", roomy, *down(roomy), "--front", "-o", new, "--json")
    assert is_sound(outcome, new)
    assert [point["moved_ranks"] for point in outcome.document["front"]] == [4]


@pytest.mark.parametrize("before", [None, "what was there"])
def test_a_second_signal_writes_nothing(roomy, tmp_path, before):
    """The process ends at once: the file is as it was, and nothing half-written lies beside it."""
    new = tmp_path / "new.json"
    if before is not None:
        new.write_text(before)
    held = sorted(tmp_path.iterdir())
    script = f"""
        import os, signal, sys, time
        import planner.repair.run as room
        def interrupted(*arguments):
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(1)
        room.best_within = interrupted
        sys.argv = {["planner", "replan", str(roomy), *down(roomy), "-o", str(new)]!r}
        from planner.cli.entry import run
        run()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr.endswith("interrupted again: stopped, nothing written\n")
    assert sorted(tmp_path.iterdir()) == held
    assert before is None or new.read_text() == before
