from __future__ import annotations

from planner.topology.levels import switch_levels

NODES = {f"leaf{i}": {f"n{i}{j}" for j in range(4)} for i in range(3)}
SWITCHES = {
    **{f"leaf{i}": {"s1", "s2"} for i in range(3)},
    "s1": {"leaf0", "leaf1", "leaf2", "core"},
    "s2": {"leaf0", "leaf1", "leaf2"},
    "core": {"s1"},
}
LEVELS = {"leaf0": 1, "leaf1": 1, "leaf2": 1, "s1": 2, "s2": 2, "core": 3}


def test_distance():
    """Leaves are of level 1, and each switch one above the nearest to the nodes."""
    assert switch_levels(NODES, SWITCHES) == LEVELS


def test_node_on_a_spine():
    """A spine with a node of its own is no leaf."""
    assert switch_levels({**NODES, "s1": {"manager"}}, SWITCHES) == LEVELS


def test_level_given():
    """A switch whose level is known is a leaf where it has nodes."""
    assert switch_levels({**NODES, "s1": {"manager"}}, SWITCHES, {"s1"})["s1"] == 1


def test_unreached():
    """Switches that no node can reach have no level."""
    assert "lost" not in switch_levels(NODES, {**SWITCHES, "lost": {"other"}, "other": {"lost"}})
