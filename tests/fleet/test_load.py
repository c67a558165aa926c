"""Reading fleet files; mistakes in them are in the corpus of broken files."""

from __future__ import annotations

import pytest

from planner.errors import InputError
from planner.fleet.load import different_cluster, load_fleet
from planner.fleet.recognise import is_fleet_file
from planner.library import shipped
from planner.placement.file import write_placement
from planner.topology.load import load_topology
from tests.builders import claimed, grid_cluster, grid_workload, ragged_cluster

CLUSTER = grid_cluster(2, 2, 4, uplinks=(10.0, 10.0))
WORKLOAD = """\
format_version: 1
name: small
parallelism: {tp: 2, dp: 4}
traffic:
  tp: {kind: all_reduce, bytes: 8}
  dp: {kind: all_reduce, bytes: 4}
"""
FLEET = """\
format_version: 1
name: both
jobs:
  - {name: fixed, workload: small.yaml, priority: 2.5}
  - {name: elastic, workload: small.yaml, dp: {min: 1, max: 3}}
  - {name: runs, running: runs.placement.json}
rules:
  - apart: {jobs: [runs, fixed], tier: rack}
  - together: {jobs: [fixed], tier: rack}
  - pin: {job: elastic, to: [r01, r00/n00/gpu1]}
"""


@pytest.fixture
def folder(tmp_path):
    """A fleet file with what it names beside it."""
    (tmp_path / "small.yaml").write_text(WORKLOAD)
    (tmp_path / "fleet.yaml").write_text(FLEET)
    work = grid_workload(dp=3, families=[("dp", "all_reduce", 5.0)])
    write_placement(claimed(CLUSTER, work, [0, 1, 2]), tmp_path / "runs.placement.json")
    return tmp_path


def test_what_a_file_says(folder):
    """Jobs with their sizes, workloads beside the file, rules by index."""
    fleet = load_fleet(folder / "fleet.yaml", CLUSTER)
    fixed, elastic, runs = fleet.jobs
    assert (fixed.priority, fixed.sizes.elastic, fixed.sizes.ranks(4)) == (2.5, False, 8)
    assert (list(elastic.sizes.values), elastic.sizes.workload(3).mesh.dp) == ([1, 2, 3], 3)
    assert runs.running is not None
    assert fleet.new_jobs == [0, 1]
    apart, together = fleet.tier_rules
    assert (apart.jobs, apart.tier, apart.text) == ((0, 2), 1, "apart: [runs, fixed] by rack")
    assert (together.kind, together.position.line) == ("together", 9)
    assert [int(pin.gpus.sum()) for pin in fleet.pins] == [9]
    assert (fixed.position.line, fixed.position.column) == (4, 12)


def test_a_job_that_runs_elsewhere(folder):
    """On another cluster its GPUs mean nothing."""
    with pytest.raises(InputError, match="J004"):
        load_fleet(folder / "fleet.yaml", grid_cluster(2, 3, 4, uplinks=(10.0, 10.0)))


def test_mistakes_of_a_workload_are_told_where_it_is_named(folder):
    """With the place in the workload file itself."""
    (folder / "small.yaml").write_text(WORKLOAD.replace("tp: 2", "tp: two"))
    with pytest.raises(InputError) as caught:
        load_fleet(folder / "fleet.yaml", CLUSTER)
    assert {(each.code, each.position.line) for each in caught.value.problems} == {("V003", 3)}


def test_health_may_differ():
    """A job runs on, though hardware elsewhere has failed since; but not where a rack has another shape."""
    assert different_cluster(grid_cluster(2, 2, 4, down=[3]), grid_cluster(2, 2, 4)) is None
    assert different_cluster(grid_cluster(2, 2, 4), grid_cluster(4, 4)) == "its tiers are node, rack, cluster"
    assert different_cluster(grid_cluster(2, 2, 4), grid_cluster(2, 3, 4)) == "it has 16 GPUs, not 24"
    assert different_cluster(ragged_cluster([[3, 5]]), ragged_cluster([[4, 4]])) == "its nodes differ"
    assert (
        different_cluster(ragged_cluster([[4, 4], [4]]), ragged_cluster([[4], [4, 4]])) == "its nodes differ"
    )


def test_fleet_files_are_told_from_workloads(folder, monkeypatch):
    """By what is in a file, and by the kind of a shipped name; what cannot be read is not one."""
    monkeypatch.chdir(folder)
    (folder / "broken.yaml").write_text("jobs: [")
    assert is_fleet_file("fleet.yaml")
    assert [is_fleet_file(each) for each in ("small.yaml", "broken.yaml", "none.yaml", "llama-8b-32")] == [
        False
    ] * 4
    assert all(is_fleet_file(name) for name in shipped("fleet"))


@pytest.mark.parametrize("name", shipped("fleet"))
def test_shipped_fleets_load(name):
    """Each on the cluster that it is for."""
    cluster = load_topology("lab-4x8" if name.startswith("lab") else "gb300-220k-degraded")
    assert load_fleet(name, cluster).name == name
