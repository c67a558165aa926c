"""A fabric as a table, and whether its trunks and rails are whole."""

from __future__ import annotations

import json

from planner.report.topology import topology_document, topology_view
from tests.report.jobs import text_of
from tests.topology.test_difference import FABRIC, TEXT, TRUNKS, cluster

LOST = (TEXT + FABRIC + "down: [u1/n1/nic1]\n").replace(
    TRUNKS,
    TRUNKS.replace("leaf[1-3]-[0-1]", "leaf[1-3]-0,leaf[1-2]-1")
    + '    - {ends: [leaf3-1, "spine[1-3]"], bandwidth: 400 Gb/s}\n',
)


def lines(text):
    """What is shown of a file, with single spaces."""
    return [" ".join(line.split()) for line in text_of(topology_view(cluster(text=text)), 100).splitlines()]


def test_view():
    """Switches by level, trunks by number of links, and rails."""
    shown = lines(LOST)
    assert "leaf 6 24 1.15 TB/s 43 2.15 TB/s" in shown
    assert "level 2 4 43 2.15 TB/s - -" in shown
    assert "leaf: leaf[1-3]-[0-1]" in shown
    assert "leaf to level 2, of 24 pairs: 20 with 2 links, 3 with 1 link, 1 with none" in shown
    assert "rail 0: 12 of 12 NICs in service on 3 leaves" in shown
    assert "rail 1: 11 of 12 NICs in service on 3 leaves" in shown


def test_view_of_rails_alike():
    """Rails that are alike share a line."""
    assert "rails 0, 1: 12 of 12 NICs in service on 3 leaves" in lines(TEXT + FABRIC)


def test_without_links():
    """A file that names no links shows no fabric."""
    assert not any("leaf" in line for line in lines(TEXT))
    assert topology_document(cluster())["fabric"] is None


def test_document():
    """The same as plain data."""
    fabric = json.loads(json.dumps(topology_document(cluster(text=LOST))["fabric"]))
    assert [level["switches"] for level in fabric["levels"]] == [6, 4]
    assert fabric["trunks"][0]["pairs"] == [
        {"links": 2, "pairs": 20},
        {"links": 1, "pairs": 3},
        {"links": 0, "pairs": 1},
    ]
    assert fabric["rails"][1] == {"rail": 1, "nics": 12, "in_service": 11, "leaves": 3}
