from __future__ import annotations

from planner.topology.fabric_summary import Rail, Trunks, summarize_fabric
from tests.topology.test_difference import FABRIC, TEXT, TRUNKS, cluster


def test_whole():
    """Levels with their links and bandwidth both ways, full trunks, and the NICs of each rail."""
    facts = summarize_fabric(cluster(text=TEXT + FABRIC))
    leaves, spines = facts.levels
    assert (leaves.level, len(leaves.switches), leaves.down_links, leaves.up_links) == (1, 6, 24, 48)
    assert (leaves.down_bytes_per_s, leaves.up_bytes_per_s) == (1200e9, 2400e9)
    assert (spines.level, spines.switches) == (2, ("spine1", "spine2", "spine3", "spine4"))
    assert (spines.down_links, spines.up_links) == (48, 0)
    assert facts.trunks == (Trunks(1, 2, {2: 24}),)
    assert facts.rails == (Rail(0, 12, 12, 3), Rail(1, 12, 12, 3))


def test_missing_and_thin_trunks():
    """Pairs of switches with fewer links, or none, are counted."""
    text = (TEXT + FABRIC + "down: [u1/n1/nic1]\n").replace(
        TRUNKS,
        TRUNKS.replace("leaf[1-3]-[0-1]", "leaf[1-3]-0,leaf1-1")
        + '    - {ends: [leaf2-1, "spine[1-3]"], bandwidth: 400 Gb/s}\n'
        + '    - {ends: [leaf3-1, "spine[1-4]"], bandwidth: 400 Gb/s, count: 2}\n',
    )
    facts = summarize_fabric(cluster(text=text))
    assert facts.trunks == (Trunks(1, 2, {2: 20, 1: 3, 0: 1}),)
    assert facts.rails[1] == Rail(1, 12, 11, 3)


def test_separate_networks():
    """Switches of different networks are no missing pairs."""
    text = (TEXT + FABRIC).replace(
        TRUNKS,
        '    - {ends: ["leaf[1-3]-0", "spine[1-2]"], bandwidth: 400 Gb/s}\n'
        '    - {ends: ["leaf[1-3]-1", "spine[3-4]"], bandwidth: 400 Gb/s}\n',
    )
    assert summarize_fabric(cluster(text=text)).trunks == (Trunks(1, 2, {1: 12}),)


def test_switch_that_nobody_reaches():
    """A switch without links has no level."""
    text = (TEXT + FABRIC).replace('"spine[1-4]"]\n', '"spine[1-5]"]\n', 1)
    assert [(level.level, len(level.switches)) for level in summarize_fabric(cluster(text=text)).levels] == [
        (0, 1),
        (1, 6),
        (2, 4),
    ]
