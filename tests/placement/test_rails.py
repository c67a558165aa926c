"""Rails: which bytes change from one to another between nodes."""

from __future__ import annotations

import numpy as np

from planner.placement.rails import rail_changes, rail_of_rank
from tests.builders import claimed, grid_cluster, grid_workload


def changes(workload, gpus, **options):
    """Changed bytes and ranks at fault of every family, on two nodes of four GPUs and NICs."""
    cluster = grid_cluster(2, 4, nics=4, **options)
    found = rail_changes(claimed(cluster, workload, gpus))
    return {each.family: (each.changed_bytes, each.ranks.tolist()) for each in found}


def test_rail_of_ranks():
    """Four GPUs share two NICs, two each."""
    cluster = grid_cluster(1, 4, nics=2)
    assert rail_of_rank(cluster, np.array([3, 0, 1])).tolist() == [1, 0, 0]


def test_neighbours_on_their_rail():
    """Stages on the same index of their nodes change no rail."""
    workload = grid_workload(tp=4, pp=2, families=[("pp", "path", 10)])
    assert changes(workload, np.arange(8)) == {"pp": (0.0, [])}


def test_neighbours_on_another_rail():
    """Two of four pairs cross over: 2 * 10 bytes, sent by ranks 0 and 1."""
    workload = grid_workload(tp=4, pp=2, families=[("pp", "path", 10)])
    assert changes(workload, [0, 1, 2, 3, 5, 4, 6, 7]) == {"pp": (20.0, [0, 1])}


def test_neighbours_in_one_node_use_no_rail():
    """Stages 0 and 1 in one node differ in rail but use none."""
    workload = grid_workload(pp=2, families=[("pp", "path", 10)])
    assert changes(workload, [0, 1]) == {"pp": (0.0, [])}


def test_ring_back_to_the_first_stage():
    """Both edges of a ring of two change rail, entries 3 and 4."""
    workload = grid_workload(pp=2, vp=2, families=[("pp", "ring", (3, 4))])
    assert changes(workload, [0, 5]) == {"pp": (7.0, [0, 1])}


def test_replicas_on_their_rail():
    """Each dp pair sits on one index: an all-reduce stays on its rail."""
    workload = grid_workload(tp=4, dp=2, families=[("dp", "all_reduce", 10)])
    assert changes(workload, np.arange(8)) == {"dp": (0.0, [])}


def test_replica_on_another_rail():
    """The pair of GPUs 0 and 5 shares no rail: half its 2 * 10 bytes are counted as changing.

    Of the two rails the lesser is taken as the group's, so the rank on the other is at fault; the
    pair of 1 and 4 alike.
    """
    workload = grid_workload(tp=4, dp=2, families=[("dp", "all_reduce", 10)])
    assert changes(workload, [0, 1, 2, 3, 5, 4, 6, 7]) == {"dp": (20.0, [1, 4])}


def test_group_with_a_rank_on_every_rail():
    """A group that fills both nodes has all rails in both: nothing has to change."""
    workload = grid_workload(dp=8, families=[("dp", "all_reduce", 10), ("dp", "all_to_all", 1)])
    assert changes(workload, [0, 2, 4, 6, 1, 3, 5, 7]) == {"dp": (0.0, [])}
