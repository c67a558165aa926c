"""`planner topology`."""

from __future__ import annotations

from tests.cli.commands import planner


def test_show(topology):
    """Tiers as a tree, the cluster first."""
    outcome = planner("topology", "show", topology)
    assert outcome.code == 0
    assert "└ rack" in outcome.out
    assert "everything in service" in outcome.out


def test_show_json(topology):
    """The keys that scripts rely on."""
    document = planner("topology", "show", topology, "--json").document
    assert (document["name"], document["gpus"], document["gpus_in_service"], document["nodes"]) == (
        "little",
        16,
        16,
        4,
    )
    assert [(tier["name"], tier["domains"], tier["uplink_bytes_per_s"]) for tier in document["tiers"]] == [
        ("node", 4, 200e9),
        ("rack", 2, 400e9),
        ("cluster", 1, None),
    ]


def test_validate(topology):
    """A valid file is said to be, in one line."""
    outcome = planner("topology", "validate", topology)
    assert (outcome.code, outcome.out) == (0, "little: valid, 4 nodes, 16 GPUs\n")
    assert planner("topology", "validate", topology, "--json").document == {
        "ok": True,
        "problems": [],
        "more": 0,
    }


def test_validate_lists_every_mistake(topology):
    """Two mistakes, two messages with places, exit 3."""
    text = topology.read_text().replace("gpu: h100", "gpu: h10").replace("gpus: 4", "gpus: four")
    topology.write_text(text)
    outcome = planner("topology", "validate", topology)
    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err.count("error[") == 2
    assert outcome.err.count("^") >= 2
    problems = planner("topology", "validate", topology, "--json").document["problems"]
    assert {problem["line"] for problem in problems} == {3, 9}
    assert all(problem["file"] == str(topology) and problem["code"] for problem in problems)


def test_shipped_names_and_near_misses():
    """A name needs no path, and a mistyped one gets a suggestion."""
    assert planner("topology", "show", "lab-4x8").code == 0
    outcome = planner("topology", "show", "lab-4x9")
    assert outcome.code == 3
    assert "did you mean 'lab-4x8'?" in outcome.err


def test_diff(tmp_path):
    """Exits with 0 where two files are of one cluster, with 1 and a list where they differ."""
    one, other = tmp_path / "one.yaml", tmp_path / "other.yaml"
    one.write_text(TWO_RACKS)
    other.write_text(TWO_RACKS.replace("n[1-2]", "n[1-3]"))
    assert planner("topology", "diff", one, one).code == 0
    outcome = planner("topology", "diff", one, other)
    assert outcome.code == 1
    assert "extra" in outcome.out
    document = planner("topology", "diff", one, other, "--json").document
    assert document["changes"][0]["names"] == ["r1-n3", "r2-n3"]


TWO_RACKS = """\
format_version: 1
name: two
tiers: [{name: node, uplink: 50 GB/s}, {name: rack, uplink: 50 GB/s}, {name: cluster}]
domains: [{rack: "r[1-2]", node: "n[1-2]", gpus: 4}]
"""
