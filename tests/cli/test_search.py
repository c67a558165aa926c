"""`planner search`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import nullcontext

import pytest

from planner.cli.interrupt import Interrupt
from planner.cli.search_progress import Shown
from planner.strategy.bounds import Bounds
from planner.workload.load import load_workload
from tests.cli.commands import command, planner

ASKED = ("llama-3.1-8b", "--batch", 32, "--sequence", 4096, "--set", "cp=1", "--set", "micro=1")


def test_json(topology):
    """The fastest, the front, and how many there are."""
    document = planner("search", topology, *ASKED, "--top", 2, "--place", 0, "--json").document
    assert len(document["best"]) == 2
    assert document["best"][0]["step_s"] <= document["best"][1]["step_s"]
    assert document["considered"] > 50


def test_best_as_a_workload_file(topology, tmp_path):
    """It loads, and is placed as it stands."""
    path = tmp_path / "best.yaml"
    outcome = planner("search", topology, *ASKED, "--top", 1, "--keep", "tp=node", "-o", path)
    assert outcome.code == 0, outcome.err
    assert "placed" in outcome.out
    loaded = load_workload(path)
    assert loaded.mesh.world_size <= 16
    assert loaded.keep == {"tp": "node"}


def test_mistakes_on_the_command_line(topology):
    """Unknown names and formats, with what is meant."""
    for arguments, word in (
        (("--set", "tq=2"), "tq"),
        (("--set", "tp"), "no value"),
        (("--precision", "fp9"), "fp9"),
        (("--keep", "xp=node"), "xp"),
    ):
        outcome = planner("search", topology, *ASKED, *arguments)
        assert outcome.code == 2
        assert word in outcome.err


def test_nothing_fits(topology):
    """Said plainly, with exit 3."""
    outcome = planner("search", topology, "moe-6t", "--batch", 16)
    assert outcome.code == 3
    assert "no strategy" in outcome.err


def test_goes_on_from_a_file(topology, tmp_path):
    """The second time nothing is left to simulate; another question is refused."""
    path = tmp_path / "record.json"
    options = ("--top", 2, "--place", 0, "--resume", path, "--json")
    first = planner("search", topology, *ASKED, *options).document
    before = path.read_bytes()
    assert planner("search", topology, *ASKED, *options).document == first
    assert path.read_bytes() == before
    other = planner("search", topology, *ASKED, "--set", "tp=2", *options)
    assert other.code == 3
    assert "its set is" in other.err
    assert path.read_bytes() == before


def test_interrupted(topology, tmp_path, monkeypatch):
    """The best so far is shown and written, what was learned is kept, and the exit code says it."""
    interrupts = []

    def heeded(kept):
        interrupts.append(Interrupt(kept))
        return interrupts[0]

    def interrupt(*_):
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts[0].stop.wait(60)

    monkeypatch.setattr("planner.strategy.search.FIRST_ROUND", 1)
    monkeypatch.setattr("planner.strategy.search.LARGEST_ROUND", 1)
    monkeypatch.setattr("planner.cli.search.Interrupt", heeded)
    monkeypatch.setattr(
        "planner.cli.search.shown_progress", lambda: nullcontext(Shown(lambda *_: None, interrupt))
    )
    record, best = tmp_path / "record.json", tmp_path / "best.yaml"
    outcome = planner("search", topology, *ASKED, "--resume", record, "-o", best)
    assert outcome.code == 130
    assert "others may be faster" in outcome.out
    assert "keeping the best strategies so far" in outcome.err
    assert load_workload(best).mesh.world_size <= 16
    assert len(json.loads(record.read_text())["measured"]) == 1


def test_interrupted_before_anything_was_simulated(topology, tmp_path, monkeypatch):
    """The one with the least bound is shown and written."""
    _interrupted_at(monkeypatch, "planner.strategy.search._Looked.fastest", lambda *_, **__: [])
    best = tmp_path / "best.yaml"
    outcome = planner("search", topology, *ASKED, "-o", best)
    assert outcome.code == 130
    assert "1 simulated before the search was stopped" in outcome.out
    assert load_workload(best).mesh.world_size <= 16


def test_interrupted_before_there_are_bounds(topology, tmp_path, monkeypatch):
    """There is nothing to choose by, and nothing is written."""
    _interrupted_at(monkeypatch, "planner.strategy.search.Bounds", Bounds)
    best = tmp_path / "best.yaml"
    outcome = planner("search", topology, *ASKED, "-o", best)
    assert outcome.code == 130
    assert "interrupted before any strategy was simulated; nothing written" in outcome.err
    assert not outcome.out
    assert not best.exists()
    told = json.loads(planner("search", topology, *ASKED, "--json").out)
    assert (told["best"], told["complete"], told["simulated"]) == ([], False, 0)


def test_interrupted_while_strategies_are_placed(topology, tmp_path, monkeypatch):
    """They are shown as they were found, however long a placement goes on."""
    done = threading.Event()
    _interrupted_at(monkeypatch, "planner.strategy.ranking.place", lambda *_, **__: done.wait(60))
    best = tmp_path / "best.yaml"
    outcome = planner("search", topology, *ASKED, "-o", best)
    done.set()
    assert outcome.code == 130
    assert load_workload(best).mesh.world_size <= 16


def _interrupted_at(monkeypatch, called, then):
    """Have a signal come when something is called, and that do `then`."""
    interrupts = []

    def heeded(kept):
        interrupts.append(Interrupt(kept))
        return interrupts[-1]

    def interrupt(*asked, **options):
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts[-1].stop.wait(60)
        return then(*asked, **options)

    monkeypatch.setattr(called, interrupt)
    monkeypatch.setattr("planner.cli.search.Interrupt", heeded)


def test_options_that_exclude_each_other(topology):
    """A Dask cluster has workers of its own."""
    outcome = planner("search", topology, *ASKED, "--dask", "tcp://127.0.0.1:1", "--workers", 2)
    assert outcome.code == 2
    assert "--workers" in outcome.err


def test_no_package_for_dask(topology, monkeypatch):
    """Said plainly, with what to install."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    outcome = planner("search", topology, *ASKED, "--dask", "tcp://127.0.0.1:1")
    assert outcome.code == 2
    assert "planner[dask]" in outcome.err


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_to_a_process(tmp_path, number):
    """A large search ends with what it has, leaves no process behind, and goes on from its file."""
    record = tmp_path / "record.json"
    asked = ("search", "dgx-h100-superpod", "llama-3.1-405b", "--batch", 512, "--place", 0, "--json")
    process = subprocess.Popen(
        command(*asked, "--resume", record), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until = time.monotonic() + 120
    while not record.exists() and process.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.01)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert not json.loads(out)["complete"]
    learned = len(json.loads(record.read_text())["measured"])
    whole = planner(*asked, "--resume", record).document
    assert whole["complete"]
    assert whole["simulated"] > learned > 0
    assert whole["best"] == planner(*asked).document["best"]


@pytest.mark.slow
def test_signal_while_bounds_are_made(tmp_path):
    """A search of the largest cluster ends with the best of the few that it simulated first."""
    record, best = tmp_path / "record.json", tmp_path / "best.yaml"
    asked = ("search", "gb300-220k-degraded", "moe-6t", "--batch", 16384, "--place", 0, "--json")
    process = subprocess.Popen(
        command(*asked, "--resume", record, "-o", best),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 120
    while not record.exists() and process.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    document = json.loads(out)
    assert not document["complete"]
    assert document["best"]
    assert load_workload(best).mesh.world_size > 190_000
