"""A part of the cluster: room for the job, few domains, the largest, and nothing where most are needed."""

from __future__ import annotations

import numpy as np
import pytest

from planner.placement.placement import Objective
from planner.solve.setup.narrowed import ROOM, narrowed
from planner.solve.setup.problem import Problem
from tests.builders import grid_workload, ragged_cluster


def part_of(nested, ranks, down=()):
    """The problem of a job of single ranks, and the part it is narrowed down to."""
    cluster = ragged_cluster(nested, down=down)
    problem = Problem(cluster, grid_workload(dp=ranks), Objective.WEIGHTED, cluster.gpu_in_service)
    return problem, narrowed(problem)


@pytest.mark.parametrize("ranks", [5, 20, 33, 60])
def test_few_domains_with_room_enough(ranks):
    """The part has room for a tenth more than the job, in no more racks and nodes than that needs."""
    problem, part = part_of([[4] * 5] * 10, ranks)
    needed = ROOM * ranks
    assert part.available.sum() >= needed
    assert not (part.available & ~problem.available).any()
    racks = np.unique(problem.cluster.domain_of_gpu[1][part.available])
    assert len(racks) == -(-needed // 20)


def test_the_largest_are_kept():
    """Racks that have lost GPUs are left out where others are enough."""
    problem, part = part_of([[4] * 2] * 6, 10, down=(0, 1, 9, 17, 18))
    assert np.unique(problem.cluster.domain_of_gpu[1][part.available]).tolist() == [3, 4]


def test_inner_tiers_are_narrowed_as_well():
    """A job that a tenth of a rack has room for gets few nodes of one rack."""
    problem, part = part_of([[4] * 20] * 2, 8)
    assert len(np.unique(problem.cluster.gpu_node[part.available])) == 3


def test_nothing_where_most_is_needed():
    """A job of more than half of the racks, and of most nodes of each, has all of them to lie in."""
    assert part_of([[4] * 2] * 6, 30)[1] is None
