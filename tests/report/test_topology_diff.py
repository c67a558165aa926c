"""Two clusters compared, for people and as plain data."""

from __future__ import annotations

import json

import pytest

from planner.report.topology_diff import topology_diff_document, topology_diff_view
from planner.topology.changes import Change
from planner.topology.difference import TopologyDifference, compare
from tests.report.jobs import text_of
from tests.topology.test_difference import FABRIC, TEXT, TRUNKS, cluster


def difference():
    """A cluster that lost four nodes, one NIC of all others, and a trunk."""
    whole = cluster(text=TEXT + FABRIC)
    edited = (TEXT + FABRIC + "down: ['u[2-3]/*/nic1']\n").replace('unit: "u[1-3]"', 'unit: "u[2-3]"')
    edited = edited.replace(TRUNKS, TRUNKS.replace("leaf[1-3]-[0-1]", "leaf[1-2]-[0-1],leaf3-0"))
    for rail in (0, 1):
        edited = edited.replace(f"    - {{ends: [u1, leaf1-{rail}], bandwidth: 400 Gb/s, nic: {rail}}}\n", "")
    return compare(whole, cluster(text=edited))


def test_view():
    """All that have something in common are told once, with ranges of names."""
    text = text_of(topology_diff_view(difference()), 120)
    assert "the first should have 12 nodes, the second has 8; 8 by the same name" in text
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[lines.index("missing: 4 nodes") + 1] == "u1-n[1-4]"
    assert lines[lines.index("down: nic1 of 8 nodes") + 1] == "u[2-3]-n[1-4]"
    assert "missing: 4 pairs of switches, 2 x 50 GB/s expected" in lines
    assert "leaf3-1 spine[1-4] 4" in lines


def test_view_of_the_same():
    """No difference is one line."""
    assert text_of(topology_diff_view(compare(cluster(), cluster())), 80).strip() == "the same: 12 nodes"


def test_document():
    """Every name is in the plain data."""
    document = json.loads(json.dumps(topology_diff_document(difference())))
    assert document["same"] is False
    assert document["nodes"] == {"authored": 12, "imported": 8, "in_both": 8}
    by_part = {change["part"]: change for change in document["changes"]}
    assert by_part["node"]["names"] == ["u1-n1", "u1-n2", "u1-n3", "u1-n4"]
    assert by_part["switch link"]["count"] == 4
    assert by_part["switch link"]["links"][0] == ["leaf3-1", "spine1"]
    assert by_part["switch link"]["found"] is None


def test_many_ranges():
    """Of many ranges the first are shown."""
    names = tuple(f"n{number}x" + "y" * (number % 30) for number in range(60))
    change = Change("node", "missing", names)
    shown = text_of(topology_diff_view(TopologyDifference(cluster(), cluster(), (change,), 0)), 100)
    assert "missing: 60 nodes" in shown
    assert "and 10 more ranges" in shown


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (Change("gpu", "fewer", ("a", "b"), (), "8", "4"), "fewer: GPUs of 2 nodes, 8 expected, 4 found"),
        (Change("switch", "extra", ("a", "b")), "extra: 2 switches"),
        (Change("unit", "missing", ("a",)), "missing: 1 unit"),
        (Change("leaf", "missing", ("a", "b")), "missing: 2 leaves"),
        (Change("node link", "missing", ("a",), ("b",), "1 link"), "missing: 1 pair of a node and a switch"),
    ],
)
def test_what(change, told):
    """Each kind of thing is told in words."""
    assert told in text_of(topology_diff_view(TopologyDifference(cluster(), cluster(), (change,), 0)), 100)
