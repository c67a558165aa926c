"""The folder of a placed fleet."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from planner.errors import CheckError, InputError, UsageError
from planner.fleet.check import check_fleet
from planner.fleet.file import fleet_files, read_fleet
from planner.fleet.file_schema import NAME_IN_FOLDER
from planner.fleet.folder import require_replaceable, write_folder
from planner.fleet.plan import plan_fleet
from planner.fleet.rules import PinRule, selected
from planner.placement.check import check
from planner.placement.file import read_placement
from tests.builders import grid_cluster, grid_workload
from tests.fleet.fleets import fleet, job, tier_rule

CLUSTER = grid_cluster(2, 2, 4, uplinks=(10.0, 20.0))
WORK = grid_workload(dp=6, families=[("dp", "all_reduce", 5.0)])
PIN = PinRule(1, ("r01",), selected(CLUSTER, ("r01",)))


@pytest.fixture(scope="module")
def placed():
    """Two jobs with a rule of each kind."""
    rules = [tier_rule("apart", [0, 1], 1), tier_rule("together", [0], 1), PIN]
    return plan_fleet(CLUSTER, fleet(job("a", WORK, 2.0), job("b", WORK), rules=rules), time_limit_s=5.0)


@pytest.fixture
def folder(placed, tmp_path):
    """The folder that they are written to."""
    write_folder(tmp_path / "fleet", fleet_files(placed))
    return tmp_path / "fleet"


def test_what_is_written_is_read(placed, folder):
    """Jobs, rules and claims come back; the check holds; each file is a placement of its own."""
    found = read_fleet(folder)
    assert [each.name for each in found.jobs] == ["a", "b"]
    assert [each.priority for each in found.jobs] == [2.0, 1.0]
    assert found.claims == placed.claims
    assert [each.text.split(":")[0] for each in found.rules] == ["apart", "together", "pin"]
    assert check_fleet(found).ok
    assert check(read_placement(folder / "a.placement.json")).ok
    assert fleet_files(placed) == {path.name: path.read_bytes() for path in folder.iterdir()}
    assert read_fleet(folder / NAME_IN_FOLDER).name == found.name


def test_a_file_that_was_changed(folder):
    """The index knows the digest of every job's file."""
    path = folder / "a.placement.json"
    path.write_bytes(path.read_bytes().replace(b'"gpu": [', b'"gpu":  ['))
    with pytest.raises(CheckError, match="P006"):
        read_fleet(folder)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda index: index | {"format": "something"}, "P001"),
        (lambda index: index | {"format_version": 7}, "P002"),
        (lambda index: index | {"name": 7}, "P004"),
        (lambda index: index | {"jobs": []}, "P004"),
        (lambda index: index | {"rules": [{"kind": "apart", "jobs": ["a", "x"], "tier": "rack"}]}, "P005"),
        (lambda index: index | {"rules": [{"kind": "apart", "jobs": ["a", "b"], "tier": "row"}]}, "P005"),
        (lambda index: index | {"rules": [{"kind": "pin", "jobs": ["a"], "to": ["r77"]}]}, "P005"),
        (lambda index: index | {"jobs": [index["jobs"][0] | {"file": "../a.json"}]}, "P005"),
        (lambda index: index | {"jobs": [index["jobs"][0] | {"file": "c.json"}]}, "F001"),
    ],
)
def test_an_index_that_is_none(folder, change, code):
    """Each way in which an index can be wrong has its code."""
    path = folder / NAME_IN_FOLDER
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(InputError) as caught:
        read_fleet(folder)
    assert caught.value.problems[0].code == code


def test_jobs_of_different_clusters(placed, folder):
    """Files that were put together from two fleets."""
    other = grid_cluster(2, 3, 4, uplinks=(10.0, 20.0))
    more = fleet_files(plan_fleet(other, fleet(job("a", WORK), job("b", WORK)), time_limit_s=5.0))
    index, theirs = json.loads((folder / NAME_IN_FOLDER).read_text()), json.loads(more[NAME_IN_FOLDER])
    (folder / "b.placement.json").write_bytes(more["b.placement.json"])
    index["jobs"][1] = theirs["jobs"][1]
    (folder / NAME_IN_FOLDER).write_text(json.dumps(index))
    with pytest.raises(InputError, match="another cluster"):
        read_fleet(folder)


def test_no_fleet_there(tmp_path):
    """A folder without an index, and one that is not there."""
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match=NAME_IN_FOLDER):
            read_fleet(path)


def test_a_fleet_replaces_another_whole(folder):
    """Files of a job that is gone go too."""
    write_folder(folder, {NAME_IN_FOLDER: b"{}"})
    assert [path.name for path in folder.iterdir()] == [NAME_IN_FOLDER]
    assert [path.name for path in folder.parent.iterdir()] == ["fleet"]


def test_a_folder_of_other_things_is_left_alone(folder, tmp_path):
    """Only an empty folder, none, or a placed fleet may be replaced."""
    (tmp_path / "mine").mkdir()
    for path in (folder, tmp_path / "mine", tmp_path / "new"):
        require_replaceable(path)
    (tmp_path / "mine" / "notes.txt").write_text("notes")
    with pytest.raises(UsageError, match="E005"):
        require_replaceable(tmp_path / "mine")


def test_all_or_nothing(folder, monkeypatch):
    """Where the new folder cannot be put in place, the old one is there as it was."""
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    plain = Path.rename

    def fail(path, target):
        if path.name == "new":
            raise OSError(28, "No space left on device")
        return plain(path, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(InputError, match="No space left"):
        write_folder(folder, {NAME_IN_FOLDER: b"{}"})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == ["fleet"]


def test_nowhere_to_write(tmp_path):
    """A folder that is not there."""
    with pytest.raises(InputError, match="F004"):
        write_folder(tmp_path / "none" / "fleet", {NAME_IN_FOLDER: b"{}"})
