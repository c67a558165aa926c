"""`planner plan`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from planner.errors import NoPlacementError
from planner.placement.check import Finding, Report
from planner.placement.file import read_placement
from planner.placement.placement import Objective
from tests.cli.commands import command, planner, process

# Twelve pairs on ragged nodes: the proof takes longer than a test waits.
LONG_TOPOLOGY = """\
format_version: 1
name: ragged
gpu: h100
tiers:
  - {name: node, nics: {count: 1, bandwidth: 400 Gb/s}}
  - {name: rack, uplink: 40 GB/s}
  - {name: cluster}
domains:
  - {rack: "r[1-2]", node: "n[1-2]", gpus: 5}
  - {rack: r3, node: "n[1-2]", gpus: 3}
"""
LONG_WORKLOAD = """\
format_version: 1
name: tangled
parallelism: {tp: 2, cp: 2, pp: 3, dp: 2}
traffic:
  tp: {kind: all_reduce, bytes: 3 GB}
  cp: {kind: ring, bytes: 2 GB}
  pp: {kind: p2p, bytes: 2 GB}
  dp: {kind: all_to_all, bytes: 3 GB}
"""


@pytest.fixture
def output(tmp_path):
    """Where to write."""
    return tmp_path / "out.json"


@pytest.fixture
def solver(monkeypatch):
    """Puts another function in the solver's place."""

    def replace(function):

        monkeypatch.setattr(sys.modules["planner.solve"], "solve", function)

    return replace


def test_writes_a_placement_that_passes_the_check(topology, workload, output):
    """From two files to a placement file, with a summary on stdout and progress on stderr."""
    outcome = planner("plan", topology, workload, "-o", output)
    assert outcome.code == 0
    assert "small on little" in outcome.out
    assert "optimal" in outcome.out
    assert f"written to {output}" in outcome.out
    assert "incumbent" in outcome.err
    assert planner("check", output).code == 0


def test_json(topology, workload, output):
    """One document on stdout, with the keys that scripts rely on."""
    document = planner("plan", topology, workload, "-o", output, "--json").document
    assert document["status"] in {"optimal", "feasible"}
    assert document["ranks"] == 16
    assert document["gap"] == pytest.approx(document["objective"] / document["lower_bound"] - 1, abs=1e-12)
    assert [set(tier) >= {"tier", "crossing_bytes", "lower_bound_bytes"} for tier in document["tiers"]]
    assert set(document["seconds"]) == {"load", "solve", "check", "write"}
    stored = read_placement(output)
    assert stored.claims.value == document["objective"]
    assert [tier.crossing_bytes for tier in stored.claims.tiers] == [
        tier["crossing_bytes"] for tier in document["tiers"]
    ]


@pytest.mark.parametrize("objective", list(Objective))
def test_every_objective(objective, topology, workload, output):
    """The objective asked for is the one in the file."""
    outcome = planner("plan", topology, workload, "-o", output, "--objective", objective)
    assert outcome.code == 0
    assert read_placement(output).claims.objective is objective


def test_deterministic_gives_identical_bytes(topology, workload, tmp_path):
    """Same inputs and seed, same file."""
    paths = [tmp_path / name for name in ("one.json", "two.json")]
    for path in paths:
        assert planner("plan", topology, workload, "-o", path, "--deterministic", "--seed", 3).code == 0
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_options_reach_the_solver(topology, workload, output, solver):
    """Every option arrives as the solver takes it."""
    given = {}

    def remember(cluster, workload, **options):
        given.update(options)
        raise NoPlacementError.of("S004", "none")

    solver(remember)
    planner("plan", topology, workload, "-o", output, "--objective", "bottleneck", "--time-limit", "90s",
            "--seed", 5, "--workers", 2, "--deterministic")  # fmt: skip
    assert given["objective"] is Objective.BOTTLENECK
    assert (given["time_limit_s"], given["seed"], given["workers"]) == (90.0, 5, 2)
    assert given["deterministic"] is True
    assert not given["stop"].is_set()


def test_bad_input_ends_with_3(topology, workload, output):
    """Every mistake has its place, and nothing is written."""
    topology.write_text(topology.read_text().replace("uplink: 400 GB/s", "uplnk: 400 GB/s"))
    outcome = planner("plan", topology, workload, "-o", output)
    assert (outcome.code, outcome.out) == (3, "")
    assert f"{topology}:6:18: error[V001]" in outcome.err
    assert "did you mean 'uplink'?" in outcome.err
    assert not output.exists()


def test_an_infeasible_job_ends_with_4(topology, workload, output):
    """More ranks than GPUs: proven, said, nothing written."""
    workload.write_text(workload.read_text().replace("dp: 4}", "dp: 8}", 1))
    outcome = planner("plan", topology, workload, "-o", output)
    assert (outcome.code, outcome.out) == (4, "")
    assert not output.exists()


def test_nothing_found_ends_with_5(topology, workload, output, solver):
    """Neither placement nor proof."""

    def nothing(*_, **__):
        raise NoPlacementError.of("S004", "none found", suggestion="a longer --time-limit")

    solver(nothing)
    outcome = planner("plan", topology, workload, "-o", output)
    assert outcome.code == 5
    assert "a longer --time-limit" in outcome.err


def test_a_failed_check_ends_with_6_and_writes_nothing(topology, workload, output, monkeypatch):
    """A placement that the checker refuses never reaches the disk."""
    refused = Report((Finding("C010", "rank 3 is nowhere"),), 16)
    monkeypatch.setattr("planner.placement.check.check", lambda _, **__: refused)
    output.write_text("what was there")
    outcome = planner("plan", topology, workload, "-o", output)
    assert (outcome.code, outcome.out) == (6, "")
    assert "error[C010]: rank 3 is nowhere" in outcome.err
    assert output.read_text() == "what was there"


@pytest.mark.parametrize(("path", "code"), [(".", "U002"), ("missing/out.json", "U003")])
def test_bad_output_paths_are_found_before_anything_is_read(path, code, tmp_path):
    """Even where the inputs do not exist."""
    outcome = planner("plan", "no-such", "no-such", "-o", tmp_path / path)
    assert outcome.code == 2
    assert f"error[{code}]" in outcome.err


def test_inputs_are_not_overwritten(topology, workload):
    """A slip of the arguments does not cost a file."""
    before = workload.read_text()
    assert planner("plan", topology, workload, "-o", workload).code == 2
    assert workload.read_text() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_in_the_search_keeps_the_incumbent(number, tmp_path):
    """A real process, stopped in the middle of a proof: its placement is written and sound."""
    (tmp_path / "ragged.yaml").write_text(LONG_TOPOLOGY)
    (tmp_path / "tangled.yaml").write_text(LONG_WORKLOAD)
    output = tmp_path / "out.json"
    running = subprocess.Popen(
        command("plan", tmp_path / "ragged.yaml", tmp_path / "tangled.yaml", "-o", output, "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with running:
        said = [running.stderr.readline(), running.stderr.readline()]
        running.send_signal(number)
        out, err = running.communicate(timeout=60)
    assert "incumbent" in said[0]
    assert running.returncode == 130, err
    assert "interrupted: keeping the best placement so far" in err
    assert '"status": "feasible"' in out
    assert process("check", output).code == 0


def test_a_signal_while_loading_still_gives_a_placement(topology, workload, output, monkeypatch):
    """The solver then makes what it can at once."""
    from planner.topology.load import load_topology

    def interrupted(path):
        os.kill(os.getpid(), signal.SIGTERM)
        return load_topology(path)

    monkeypatch.setattr("planner.topology.load.load_topology", interrupted)
    assert planner("plan", topology, workload, "-o", output).code == 130
    assert planner("check", output).code == 0


def test_a_signal_before_any_placement_writes_nothing(topology, workload, output, solver):
    """Without an incumbent there is nothing to keep."""

    def interrupted(*_, stop, **__):
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.wait(10)
        raise NoPlacementError.of("S004", "none found")

    solver(interrupted)
    outcome = planner("plan", topology, workload, "-o", output)
    assert (outcome.code, outcome.out) == (130, "")
    assert "interrupted before a placement was found; nothing written\n" in outcome.err
    assert not output.exists()
    output.write_text("old")
    outcome = planner("plan", topology, workload, "-o", output)
    assert f"nothing written; {output} is as it was" in outcome.err
    assert output.read_text() == "old"


def test_a_reader_that_goes_away_does_not_cost_the_placement(topology, workload, output):
    """Nobody reads stdout or stderr; the file is written all the same."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        command("plan", topology, workload, "-o", output), stdout=writer, stderr=writer, check=False
    )
    os.close(writer)
    assert done.returncode == 0
    assert planner("check", output).code == 0


def test_trace(topology, workload, output, tmp_path):
    """Incumbent and bound over time beside the placement, as data or as a picture."""
    curve, picture = tmp_path / "trace.json", tmp_path / "trace.svg"
    document = planner("plan", topology, workload, "-o", output, "--trace", curve, "--json").document
    points = json.loads(curve.read_text())["points"]
    assert points[-1]["objective"] == document["objective"]
    assert points[-1]["lower_bound"] == document["lower_bound"]
    assert planner("plan", topology, workload, "-o", output, "--trace", picture).code == 0
    assert picture.read_text().startswith("<svg ")


@pytest.mark.parametrize(
    ("name", "said"),
    [("trace.png", "no known format"), ("out.json", "where the placement goes"), ("no/t.svg", "no folder")],
)
def test_trace_that_cannot_be_written(topology, workload, output, tmp_path, name, said):
    """Told before anything is solved."""
    outcome = planner("plan", topology, workload, "-o", output, "--trace", tmp_path / name)
    assert outcome.code == 2
    assert said in outcome.err
    assert not output.exists()
