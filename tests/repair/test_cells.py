"""What moves to spares as a whole."""

from __future__ import annotations

from planner.repair.cells import Cells
from planner.repair.failures import Components
from tests.builders import grid_cluster, ragged_cluster


def cells(cluster, tier):
    """The cells of a cluster."""
    return Cells.of(cluster, Components.of(cluster), tier)


def test_a_regular_cluster():
    """Nothing is lacking; the tiers around the cells are told apart."""
    found = cells(grid_cluster(2, 3, 4, 8), 1)
    assert (found.nodes, found.gpus, found.present) == (4, 8, 6)
    assert found.lacking.tolist() == [0] * 6
    assert found.of_node.tolist() == [cell for cell in range(6) for _ in range(4)]
    assert found.outer.tolist() == [[0, 0, 0, 1, 1, 1]]


def test_whole_is_what_most_are():
    """A larger node is used in part, a smaller one not at all; a rack with more nodes lacks none."""
    found = cells(ragged_cluster([[8, 8], [8, 16], [8, 4], [8, 8, 8], [8]], down=(0,)), 1)
    assert (found.nodes, found.gpus) == (2, 8)
    assert found.whole.tolist() == [False, True, True, True, True, False, True, True, True, True]
    assert found.lacking.tolist() == [1, 0, 1, 0, 1]


def test_an_empty_cell_is_not_there():
    """Where every GPU is out of service."""
    found = cells(grid_cluster(3, 2, 2, down=range(4)), 1)
    assert found.present == 2
    assert found.lacking.tolist() == [2, 0, 0]
