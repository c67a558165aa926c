"""`planner replan`."""

from __future__ import annotations

import pytest

from tests.cli.commands import planner, process

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


@pytest.fixture
def roomy(tmp_path, workload):
    """A placement of sixteen ranks on twenty-four GPUs."""
    (tmp_path / "roomy.yaml").write_text(ROOMY)
    path = tmp_path / "roomy.json"
    assert planner("plan", tmp_path / "roomy.yaml", workload, "-o", path).code == 0
    return path


def host_of(path, rank):
    """Path of the node that holds a rank."""
    from planner.placement.file import read_placement

    stored = read_placement(path)
    return stored.cluster.domain_path(0, int(stored.cluster.gpu_node[stored.gpu_of_rank[rank]]))


def test_a_node_fails(roomy, tmp_path):
    """Its ranks move and no others; check and diff agree."""
    new = tmp_path / "new.json"
    outcome = planner("replan", roomy, "--down", host_of(roomy, 0), "-o", new, "--json")
    assert outcome.code == 0, outcome.err
    document = outcome.document
    assert document["moved_ranks"] == document["moved_lower_bound"] == document["failed_ranks"] == 4
    assert {"objective", "lower_bound", "gap", "seconds"} <= document.keys()
    assert planner("check", new).code == 0
    found = planner("diff", roomy, new, "--json").document
    assert found["moved_ranks"] == document["moved"]


def test_only_the_changed_rows(roomy, tmp_path):
    """They are written beside the placement, as export writes them; never into a folder of other files."""
    new, rows, other = tmp_path / "new.json", tmp_path / "rows", tmp_path / "other"
    command = ("replan", roomy, "--down", host_of(roomy, 0), "-o", new, "--changed-rows", rows)
    assert planner(*command).code == 0
    assert planner("export", new, "--to", "c", "--changed-from", roomy, "-o", other).code == 0
    patch = (rows / "placement.patch").read_bytes()
    assert patch == (other / "placement.patch").read_bytes()
    refused = planner(*command)
    assert (refused.code, "E005" in refused.err) == (2, True)


def test_the_whole_map_of_a_smaller_job(placement, tmp_path):
    """Where the job has fewer ranks than before no row of its old map holds."""
    new, rows = tmp_path / "new.json", tmp_path / "rows"
    command = ("replan", placement, "--down", "r1/n1/gpu0", "-o", new, "--changed-rows", rows)
    assert planner(*command).code == 0
    assert (rows / "placement.map").exists()
    assert not (rows / "placement.patch").exists()


def test_no_room_for_all(placement, tmp_path):
    """Where spares run out fewer replicas go on, and it says how many."""
    new = tmp_path / "new.json"
    outcome = planner("replan", placement, "--down", "r1/n1/gpu0", "-o", new)
    assert outcome.code == 0, outcome.err
    assert "goes on with dp 3 of 4" in outcome.out
    assert planner("check", new).code == 0


def test_no_shrink(placement, tmp_path):
    """Unless that is not wanted."""
    outcome = planner("replan", placement, "--down", "r1/n1", "--no-shrink", "-o", tmp_path / "new.json")
    assert outcome.code == 4
    assert "S005" in outcome.err
    assert "at most dp 3" in outcome.err
    assert not (tmp_path / "new.json").exists()


def test_down_then_up(placement, tmp_path):
    """A job that shrank grows back to what it was, and nobody moves for it."""
    smaller, whole = tmp_path / "smaller.json", tmp_path / "whole.json"
    assert planner("replan", placement, "--down", "r2", "-o", smaller).code == 0
    assert "there is room for dp 4 now: --dp 4" in planner("replan", smaller, "--up", "r2", "-o", whole).out
    outcome = planner("replan", smaller, "--up", "r2", "--dp", 4, "-o", whole, "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.document["moved_ranks"] == 0
    assert outcome.document["new_ranks"] == 8
    assert planner("check", whole).code == 0


@pytest.mark.parametrize("down", [[], ["--down", "r1/n1"]], ids=["whole", "broken"])
def test_more_replicas_than_there_is_room_for(roomy, tmp_path, down):
    """As many go on as there is room for, and it says so; or, where asked, it is an error."""
    new = tmp_path / "new.json"
    options = [*down, "--dp", 99, "-o", new]
    outcome = planner("replan", roomy, *options)
    assert outcome.code == 0, outcome.err
    room = 5 if down else 6
    assert f"dp 99 was asked for; there is room for dp {room}" in outcome.out
    assert f"the job grows from dp 4 to {room}" in outcome.out
    assert planner("check", new).code == 0
    outcome = planner("replan", roomy, *options, "--json")
    assert (outcome.document["dp_wanted"], outcome.document["dp"]) == (99, room)
    assert "dp 99 was asked for" in outcome.err
    outcome = planner("replan", roomy, *options, "--no-shrink")
    assert outcome.code == 4
    assert f"expected: at most dp {room}" in outcome.err


def test_no_room_to_grow(placement, tmp_path):
    """On a full cluster the job stays as it is, and it says that as well."""
    outcome = planner("replan", placement, "--dp", 99, "-o", tmp_path / "new.json")
    assert outcome.code == 0, outcome.err
    assert "dp 99 was asked for; there is room for dp 4, as before" in outcome.out


def test_nothing_to_do(placement, tmp_path):
    """Without any change there is nothing to replan for."""
    assert planner("replan", placement, "-o", tmp_path / "new.json").code == 2


def test_unknown_selector(placement, tmp_path):
    """A selector that selects nothing is told."""
    outcome = planner("replan", placement, "--down", "r9", "-o", tmp_path / "new.json")
    assert outcome.code == 3
    assert "T006" in outcome.err


def test_health_file(roomy, tmp_path):
    """What a monitor writes serves as well."""
    (tmp_path / "health.yaml").write_text(f'format_version: 1\ndown: ["{host_of(roomy, 0)}"]\n')
    new = tmp_path / "new.json"
    outcome = planner("replan", roomy, "--health", tmp_path / "health.yaml", "-o", new, "--json")
    assert outcome.document["moved_ranks"] == 4


def test_in_a_process(roomy, tmp_path):
    """The same command in a process of its own writes the same file."""
    down = host_of(roomy, 0)
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    assert planner("replan", roomy, "--down", down, "-o", one).code == 0
    assert process("replan", roomy, "--down", down, "-o", other).code == 0
    assert one.read_bytes() == other.read_bytes()


def test_front(roomy, tmp_path):
    """More moves buy a smaller objective, the first point being what was written."""
    new = tmp_path / "new.json"
    outcome = planner("replan", roomy, "--down", host_of(roomy, 0), "--front", "-o", new, "--json")
    points = outcome.document["front"]
    assert points[0]["moved_ranks"] == outcome.document["moved_ranks"]
    assert points[0]["objective"] == pytest.approx(outcome.document["objective"])
    assert [p["objective"] for p in points] == sorted((p["objective"] for p in points), reverse=True)
    shown = planner("replan", roomy, "--down", host_of(roomy, 0), "--front", "-o", new).out
    assert "What further moves buy" in shown


def test_max_moves(roomy, tmp_path):
    """A limit below what has to move is told with the number that has to."""
    new, node = tmp_path / "new.json", host_of(roomy, 0)
    outcome = planner("replan", roomy, "--down", node, "--max-moves", 3, "-o", new)
    assert outcome.code == 4
    assert "at least 4 ranks have to move" in outcome.err
    assert planner("replan", roomy, "--down", node, "--max-moves", 8, "-o", new).code == 0
    assert len(planner("diff", roomy, new, "--json").document["moved_ranks"]) <= 8


def test_budget_needs_a_model(roomy, tmp_path):
    """The state of a rank is not known where traffic is given outright; a bad quantity is told too."""
    new = tmp_path / "new.json"
    outcome = planner("replan", roomy, "--down", "r1/n1", "--budget", "2 TB", "-o", new)
    assert outcome.code == 2
    assert "names no model" in outcome.err
    assert planner("replan", roomy, "--down", "r1/n1", "--budget", "2 horses", "-o", new).code == 2


def test_budget(tmp_path):
    """With a model, as much state moves as the budget allows, and not less than has to."""
    (tmp_path / "lab.yaml").write_text(ROOMY.replace("h100", "h200").replace("n[1-3]", "n[1-5]"))
    (tmp_path / "job.yaml").write_text(
        "format_version: 1\nname: job\nmodel: llama-3.1-8b\nparallelism: {tp: 4, pp: 2, dp: 4}\n"
        "batch: {global: 64, micro: 1, sequence: 4096}\nkeep: {tp: node}\n"
    )
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    assert planner("plan", tmp_path / "lab.yaml", tmp_path / "job.yaml", "-o", old).code == 0
    down = host_of(old, 0)
    tight = planner("replan", old, "--down", down, "--budget", "1 GB", "-o", new)
    assert tight.code == 4
    assert "S006" in tight.err
    wide = planner("replan", old, "--down", down, "--budget", "1 TB", "-o", new, "--json")
    assert wide.code == 0, wide.err
    assert 0 < wide.document["moved_bytes"] <= 1e12
    assert planner("check", new).code == 0


def test_keep_batch(tmp_path):
    """The global batch shrinks with the replicas, unless it is to stay: then dp has to divide it."""
    (tmp_path / "lab.yaml").write_text(ROOMY.replace("h100", "h200").replace("n[1-3]", "n[1-4]"))
    (tmp_path / "job.yaml").write_text(
        "format_version: 1\nname: job\nmodel: llama-3.1-8b\nparallelism: {tp: 4, dp: 8}\n"
        "batch: {global: 64, micro: 1, sequence: 4096}\nkeep: {tp: node}\n"
    )
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    assert planner("plan", tmp_path / "lab.yaml", tmp_path / "job.yaml", "-o", old).code == 0
    assert planner("replan", old, "--down", "r1/n1", "-o", new, "--json").document["dp"] == 7
    kept = planner("replan", old, "--down", "r1/n1", "--keep-batch", "-o", new, "--json").document
    assert kept["dp"] == 4
