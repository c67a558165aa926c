"""Scotch's input files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.benchmarks.peers.job import PATH
from tests.benchmarks.peers.scotch import graph_file, halves, target_file
from tests.benchmarks.peers.test_job import GRID, JOB

# Racks of two nodes and of one.
TREE = replace(
    JOB,
    task=replace(GRID, room=np.array([2, 2, 2])),
    domain=np.array([[0, 1, 2], [0, 0, 1]]),
    cost=np.array([16, 40]),
)


def test_graph():
    """Degrees, then weight and number of each neighbour, from cell 0 on."""
    lines = graph_file(GRID, PATH).splitlines()
    assert lines[:3] == ["0", "6 14", "0 010"]
    assert lines[3:5] == ["2 600 1 180 3", "3 600 0 600 2 180 4"]


def test_one_tier():
    """A complete graph with the room of the nodes as weights."""
    assert target_file(JOB, np.array([0, 1])) == "cmpltw 2 4 2\n"


def test_halves():
    """The outermost tier is halved first; node 2 is the second half of the whole."""
    assert halves(TREE, np.arange(3)) == {0: 4, 1: 5, 2: 3}


def test_tree():
    """Nodes with room and number; then how far each is from those before it."""
    lines = target_file(TREE, np.arange(3)).splitlines()
    assert lines == ["deco", "0", "3 5", "0 2 4", "1 2 5", "2 2 3", "16", "56 56"]
