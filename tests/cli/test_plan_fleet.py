"""`planner plan`, `check` and the others on fleets."""

from __future__ import annotations

import json
import os
import signal
import subprocess

import pytest

from planner.fleet.check import FleetReport
from planner.placement.check import Finding, check
from tests.cli.commands import command, planner

FLEET = """\
format_version: 1
name: both
jobs:
  - {name: one, workload: small.yaml, dp: 2, priority: 2}
  - {name: two, workload: small.yaml, dp: {min: 1, max: 8}}
"""


@pytest.fixture
def fleet(topology, workload):
    """Two jobs for the little cluster."""
    path = topology.parent / "fleet.yaml"
    path.write_text(FLEET)
    return path


@pytest.fixture
def output(tmp_path):
    """Where to write."""
    return tmp_path / "out"


def test_plan_and_check(topology, fleet, output):
    """A folder with a file for each job; the check of it passes, and that of each file."""
    done = planner("plan", topology, fleet, "-o", output, "--time-limit", "5s")
    assert done.code == 0, done.err
    assert "one: " in done.err
    assert f"written to {output}/" in done.out
    assert sorted(path.name for path in output.iterdir()) == [
        "fleet.json",
        "one.placement.json",
        "two.placement.json",
    ]
    for path in (output, output / "fleet.json", output / "one.placement.json"):
        checked = planner("check", path)
        assert checked.code == 0
        assert "every claim holds" in checked.out
    assert planner("export", output / "two.placement.json", "--to", "csv", "-o", output / "t.csv").code == 0
    assert planner("explain", output / "one.placement.json").code == 0


def test_as_json(topology, fleet, output):
    """One document with objective, bound, what is shared, and each job."""
    document = planner("plan", topology, fleet, "-o", output, "--json", "--time-limit", "5s").document
    assert (document["fleet"], document["status"]) == ("both", "optimal")
    assert document["objective"] == pytest.approx(
        sum(each["priority"] * each["weighted_s"] for each in document["jobs"]) + document["shared_s"]
    )
    assert [(each["name"], each["ranks"], each["size"]) for each in document["jobs"]] == [
        ("one", 8, None),
        ("two", 8, "dp 2"),
    ]
    assert document["gpus"] == {"total": 16, "in_service": 16, "free": 0}
    assert {each["tier"]: each["shared_domains"] for each in document["tiers"]} == {
        "node": 0,
        "rack": 0,
        "cluster": 0,
    }
    checked = planner("check", output, "--json").document
    assert (checked["ok"], [each["ok"] for each in checked["jobs"]]) == (True, [True, True])


def test_a_job_beside_one_that_runs(topology, fleet, output):
    """The placement of the one goes into the next fleet file, and nothing of it moves."""
    planner("plan", topology, fleet, "-o", output, "--time-limit", "5s")
    more = FLEET.replace("workload: small.yaml, dp: 2, priority: 2", "running: out/one.placement.json")
    fleet.write_text(more.replace("{min: 1, max: 8}", "1"))
    second = output.parent / "second"
    done = planner("plan", topology, fleet, "-o", second, "--time-limit", "5s")
    assert done.code == 0, done.err
    assert "stays" in done.out
    same = planner("diff", output / "one.placement.json", second / "one.placement.json")
    assert (same.code, "none moved" in same.out) == (0, True)


def test_what_does_not_fit(topology, fleet, output):
    """Exit 4, with the place of the rule, and nothing is written."""
    fleet.write_text(FLEET + "rules:\n  - together: {jobs: [one, two], tier: node}\n")
    done = planner("plan", topology, fleet, "-o", output)
    assert done.code == 4
    assert "fleet.yaml:7:5: error[J011]: rule together: [one, two] by node fails" in done.err
    assert not output.exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--objective", "bottleneck"), "--objective: a fleet is not planned by bottleneck"),
        (("--trace", "trace.json"), "--trace: a fleet has no single trace"),
    ],
)
def test_options_that_a_fleet_has_no_use_for(topology, fleet, output, options, said):
    """They are refused before anything is read."""
    done = planner("plan", topology, fleet, "-o", output, *options)
    assert (done.code, said in done.err) == (2, True)


def test_where_not_to_write(topology, fleet, tmp_path):
    """A file, or a folder of other things, is never replaced."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes").write_text("mine")
    for path, code in ((tmp_path / "file", "E007"), (tmp_path / "mine", "E005"), (tmp_path, "E005")):
        done = planner("plan", topology, fleet, "-o", path)
        assert (done.code, code in done.err) == (2, True)


def test_a_fleet_that_fails_its_check_is_not_written(topology, fleet, output, monkeypatch):
    """What the checker finds is an internal error."""

    def find(placed):
        reports = tuple(check(each.placement) for each in placed.jobs)
        return FleetReport((Finding("J021", "both are on GPU 1"),), reports)

    monkeypatch.setattr("planner.fleet.check.check_fleet", find)
    done = planner("plan", topology, fleet, "-o", output, "--time-limit", "5s")
    assert (done.code, "X002" in done.err, "J021" in done.err) == (6, True, True)
    assert not output.exists()


def test_a_fleet_that_was_changed(topology, fleet, output):
    """A claim that does not hold is told, exit 1."""
    planner("plan", topology, fleet, "-o", output, "--time-limit", "5s")
    index = json.loads((output / "fleet.json").read_text())
    index["jobs"][0]["priority"] = 7.0
    (output / "fleet.json").write_text(json.dumps(index))
    checked = planner("check", output)
    assert (checked.code, "error[J025]" in checked.out) == (1, True)
    assert planner("check", output, "--rules", fleet).code == 2


def test_an_interrupt_keeps_the_best_of_every_job(topology, fleet, output):
    """Ctrl-C while it plans: everything is placed and written, exit 130."""
    with subprocess.Popen(
        command("plan", topology, fleet, "-o", output), stderr=subprocess.PIPE, text=True, cwd=fleet.parent
    ) as process:
        assert process.stderr is not None
        process.stderr.readline()
        os.kill(process.pid, signal.SIGINT)
        process.communicate()
    assert process.returncode == 130
    assert planner("check", output).code == 0
