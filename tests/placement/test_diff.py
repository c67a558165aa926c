"""What moved between two placements."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from planner.placement.diff import Flow, diff
from planner.placement.placement import Objective
from tests.builders import claimed, grid_cluster, grid_workload, ragged_cluster
from tests.placement.samples import sample


def job():
    """Eight ranks with an all-reduce."""
    return grid_workload(tp=2, dp=4, families=[("tp", "all_reduce", 5), ("dp", "all_reduce", 1)])


def test_nothing_moved():
    """A placement is the same as itself."""
    found = diff(sample(), sample())
    assert found.same
    assert (found.moved.size, found.flows, found.ranks) == (0, (), 16)


def test_ranks_that_moved():
    """Swapping ranks 0 and 1 inside a node, and 2 with 4 across: four moved, two to another node."""
    cluster = grid_cluster(2, 4)
    after = np.array([1, 0, 4, 3, 2, 5, 6, 7])
    found = diff(claimed(cluster, job(), np.arange(8)), claimed(cluster, job(), after))
    assert found.moved.tolist() == [0, 1, 2, 4]
    assert found.changed_node.tolist() == [2, 4]
    assert found.flows == (Flow("n00", "n00", 2), Flow("n00", "n01", 1), Flow("n01", "n00", 1))
    assert not found.same


def test_what_it_did_to_each_tier():
    """In order, tp stays inside and dp touches both nodes: 2 * 1 * 2 groups = 4 bytes.

    With ranks 2 and 4 swapped, tp groups (2, 3) and (4, 5) are split: 2 * 5 * 2 = 20 more.
    """
    cluster = grid_cluster(2, 4)
    after = np.array([0, 1, 4, 3, 2, 5, 6, 7])
    found = diff(claimed(cluster, job(), np.arange(8)), claimed(cluster, job(), after))
    assert [(each.tier, each.before_bytes, each.after_bytes) for each in found.tiers] == [
        ("node", 4.0, 24.0),
        ("cluster", 0.0, 0.0),
    ]


def test_clusters_are_compared_by_host_name():
    """A node put in front shifts every GPU number, but no rank moved."""
    small, large = grid_cluster(2, 4), ragged_cluster([4, 4, 4])
    large = replace(large, host_names=["new", *small.host_names])
    found = diff(claimed(small, job(), np.arange(8)), claimed(large, job(), np.arange(4, 12)))
    assert found.moved.size == 0
    assert found.cluster_changes == ("host new added", "8 GPUs against 12")


def test_changes_of_the_cluster_in_words():
    """Health, uplinks and tiers that differ are told."""
    before = grid_cluster(2, 2, 4, uplinks=(1.0, 2.0))
    after = grid_cluster(2, 2, 4, uplinks=(1.0, 3.0), down=(15,))
    found = diff(claimed(before, job(), np.arange(8)), claimed(after, job(), np.arange(8)))
    assert found.cluster_changes == (
        "1 GPU newly out of service, 0 back in service",
        "uplinks of tier rack",
    )
    flat = diff(claimed(before, job(), np.arange(8)), claimed(grid_cluster(2, 8), job(), np.arange(8)))
    assert "tiers node, rack, cluster against node, cluster" in flat.cluster_changes
    assert [each.tier for each in flat.tiers] == ["node", "rack", "cluster"]
    assert flat.tiers[1].after_bytes is None


def test_changes_of_the_workload_in_words():
    """Another mesh is told, and only the ranks that both have are compared."""
    cluster = grid_cluster(2, 4)
    other = grid_workload(tp=2, dp=2, families=[("tp", "all_reduce", 5), ("dp", "all_reduce", 2)])
    found = diff(claimed(cluster, job(), np.arange(8)), claimed(cluster, other, np.arange(4)))
    assert found.workload_changes == (
        "dp 4 against 2: replicas are compared by where they run",
        "traffic of dp",
    )
    assert (found.ranks, found.moved.size) == (4, 0)
    deep = grid_workload(tp=2, pp=2, families=[("tp", "all_reduce", 5)])
    found = diff(claimed(cluster, job(), np.arange(8)), claimed(cluster, deep, np.arange(4)))
    assert found.workload_changes[:2] == (
        "pp 1 against 2: a rank is another part of the job",
        "dp 4 against 1: a rank is another part of the job",
    )


def test_replicas_that_go_on_are_found_by_where_they_run():
    """Without its second replica, a job of four numbers the last as the second; only rank 1 moved."""
    cluster = grid_cluster(2, 4)
    smaller = grid_workload(tp=2, dp=3, families=[("tp", "all_reduce", 5), ("dp", "all_reduce", 1)])
    found = diff(claimed(cluster, job(), np.arange(8)), claimed(cluster, smaller, [0, 2, 6, 7, 4, 5]))
    assert found.earlier.tolist() == [0, 1, 6, 7, 4, 5]
    assert found.moved.tolist() == [1]
    grown = diff(claimed(cluster, smaller, [0, 1, 6, 7, 4, 5]), claimed(cluster, job(), np.arange(8)))
    assert grown.earlier.tolist() == [0, 1, -1, -1, 4, 5, 2, 3]
    assert (grown.ranks, grown.moved.size) == (6, 0)


def test_different_objectives():
    """Values of different objectives are both given, with no common name."""
    found = diff(sample(Objective.WEIGHTED), sample(Objective.CROSS_NODE))
    assert found.objective is None
    assert found.values[0] < 1 < found.values[1]
