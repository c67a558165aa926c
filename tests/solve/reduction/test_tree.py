"""The tree of domains that hold cells."""

from __future__ import annotations

import numpy as np

from planner.placement.placement import Objective
from planner.solve.reduction.tree import Tree, summed
from planner.solve.setup.blocks import candidate_blocks
from planner.solve.setup.problem import Problem, lay_out
from tests.builders import grid_workload, ragged_cluster


def tree_of(nested, **options):
    """The tree of single cells on nodes."""
    cluster = ragged_cluster(nested, **options)
    problem = Problem(cluster, grid_workload(dp=2), Objective.WEIGHTED, cluster.gpu_in_service)
    return Tree.of(problem, lay_out(problem, candidate_blocks(problem.workload.mesh)[-1]))


def test_rooms_add_up_to_the_root():
    """Each level's room is that of its children; GPUs out of service are left out."""
    tree = tree_of([[[4, 4], [3]], [[2, 4]]], down=(0, 8))
    assert [level.room.tolist() for level in tree.levels] == [[3, 4, 2, 2, 4], [7, 2, 6], [9, 6], [15]]
    assert [level.tier for level in tree.levels] == [0, 1, 2, 3]


def test_domains_of_equal_shape_are_one_class():
    """Racks are of one class where they hold as many nodes of each size, in any order."""
    tree = tree_of([[4, 2], [2, 4], [4, 4], [3, 3]])
    racks = tree.levels[1].kind.tolist()
    assert racks[0] == racks[1]
    assert len({racks[0], racks[2], racks[3]}) == 3


def test_equal_room_is_not_equal_shape():
    """Racks of the same room but other nodes are different classes."""
    tree = tree_of([[3, 3], [4, 2]])
    assert tree.levels[1].room.tolist() == [6, 6]
    assert tree.levels[1].kind[0] != tree.levels[1].kind[1]


def test_width_vectors_add_up():
    """The vector of an enclosing domain is the sum of those inside it."""
    widths = np.asarray([[1, 0], [2, 3], [0, 5]], np.int32)
    assert summed(widths, np.asarray([0, 0, 1]), 3).tolist() == [[3, 3], [0, 5], [0, 0]]
    assert summed(widths, np.asarray([0, 0, 0]), 1).tolist() == [[3, 8]]
