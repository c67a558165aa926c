"""`planner replan` of a fleet's folder, and what other commands say of one."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from planner.cost.deadlock import Safety
from planner.fleet.check import FleetReport
from planner.placement.check import Finding, check
from tests.cli.commands import planner

FLEET = """\
format_version: 1
name: both
jobs:
  - {name: one, workload: small.yaml, dp: 2, priority: 2}
  - {name: two, workload: small.yaml, dp: {min: 1, max: 8}}
"""


@pytest.fixture
def folder(topology, workload, tmp_path):
    """A fleet that fills the little cluster."""
    path = topology.parent / "fleet.yaml"
    path.write_text(FLEET)
    assert planner("plan", topology, path, "-o", tmp_path / "fleet", "--time-limit", "5s").code == 0
    return tmp_path / "fleet"


def node_of(folder, name):
    """Path of the node that holds the first rank of a job."""
    from planner.placement.file import read_placement

    stored = read_placement(folder / f"{name}.placement.json")
    return stored.cluster.domain_path(0, int(stored.cluster.gpu_node[stored.gpu_of_rank[0]]))


def test_a_node_fails_and_returns(folder, tmp_path):
    """The elastic job gives way to the other, grows again, and every folder passes the check."""
    node, less, again = node_of(folder, "one"), tmp_path / "less", tmp_path / "again"
    done = planner("replan", folder, "--down", node, "-o", less, "--json")
    assert done.code == 0, done.err
    document = done.document
    assert [each["dp"] for each in document["repairs"]] == [2, 1]
    assert document["repairs"][1]["gave_way_to"] == "one"
    assert document["moved_ranks"] == 4
    assert document["output"] == str(less)
    done = planner("replan", less, "--up", node, "-o", again)
    assert done.code == 0
    assert "grew" in done.out
    assert "stays" in done.out
    for each in (less, again):
        assert planner("check", each).code == 0
    assert json.loads((again / "fleet.json").read_text())["jobs"][1]["size"] == "dp 2"


def test_health_of_a_file(folder, tmp_path):
    """All that is out of service can be told in a file."""
    (tmp_path / "health.yaml").write_text(f"format_version: 1\ndown: [{node_of(folder, 'two')}]\n")
    done = planner(
        "replan", folder / "fleet.json", "--health", tmp_path / "health.yaml", "-o", tmp_path / "new"
    )
    assert done.code == 0, done.err
    assert "shrank" in done.out


def test_no_room(folder, tmp_path):
    """A fleet that cannot go on ends with 4, and nothing is written."""
    done = planner("replan", folder, "--down", "r1", "--down", "r2/n1", "-o", tmp_path / "new")
    assert done.code == 4
    assert "S005" in done.err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("option", [("--dp", "1"), ("--max-moves", "3"), ("--budget", "1 GB"), ("--front",)])
def test_options_about_one_placement(folder, tmp_path, option):
    """What is asked of one job cannot be asked of all."""
    done = planner("replan", folder, "--down", "r1/n1", *option, "-o", tmp_path / "new")
    assert done.code == 2
    assert f"{option[0]}: this is about one placement" in done.err


def test_the_folder_itself_stays(folder):
    """What is read is not written over, and a folder of other files is not replaced."""
    assert planner("replan", folder, "--down", "r1/n1", "-o", folder).code == 2
    assert planner("replan", folder, "--down", "r1/n1", "-o", folder.parent).code == 2


def test_what_fails_the_check_is_not_written(folder, tmp_path, monkeypatch):
    """The independent checker has the last word."""

    def broken(placed):
        reports = tuple(check(each.placement) for each in placed.jobs)
        return FleetReport((Finding("J021", "two jobs on a GPU"),), reports)

    monkeypatch.setattr("planner.fleet.check.check_fleet", broken)
    done = planner("replan", folder, "--down", node_of(folder, "one"), "-o", tmp_path / "new")
    assert done.code == 6
    assert "X002" in done.err
    assert "J021" in done.err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "line", ["explain", "simulate", "compare", "export --to csv -o t.csv", "diff FOLDER"]
)
def test_commands_about_one_placement_name_those_of_the_fleet(folder, line, monkeypatch):
    """They say which files there are."""
    monkeypatch.chdir(folder.parent)
    name, *more = line.split()
    for path in (folder, folder / "fleet.json"):
        done = planner(name, path, *(str(path) if each == "FOLDER" else each for each in more))
        assert done.code == 3
        assert f"one of its jobs: {folder / 'one.placement.json'}, " in done.err.replace("\n", " ")


def test_steps_of_jobs(folder, monkeypatch):
    """Each job's step is run where it has a schedule; a standstill of one fails the check."""
    done = planner("check", folder, "--schedule")
    assert done.code == 0
    assert "two: no schedule" in done.out
    assert planner("check", folder, "--schedule", "--json").document["schedules"] == {
        "one": None,
        "two": None,
    }
    runs = Safety(12, (), in_a_circle=False, mismatches=())
    stands = replace(runs, mismatches=("a send of 1 meets no receive",))
    for step, code, said in ((runs, 0, "one: a step runs to its end"), (stands, 1, "K018")):
        monkeypatch.setattr("planner.fleet.schedules.examine_jobs", lambda *_, step=step: {"one": step})
        done = planner("check", folder, "--schedule")
        assert done.code == code
        assert said in done.out
        document = planner("check", folder, "--schedule", "--json").document
        assert document["ok"] == document["schedules"]["one"]["ok"] == (code == 0)
    assert "schedules" not in planner("check", folder, "--json").document


def test_rules_are_about_one_placement(folder):
    """Assertions in a file cannot be asked of a fleet."""
    done = planner("check", folder, "--rules", "rules.yaml")
    assert done.code == 2
    assert "--rules: this is about one placement" in done.err
