"""GPUs of a cluster by how fast they and their links are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.strategy.grades import ground, grounds, left_out
from planner.topology.load import load_topology
from tests.builders import grid_cluster, ragged_cluster
from tests.strategy.questions import with_models


def sizes(cluster):
    """GPUs of each ground."""
    return [int(each.sum()) for each in grounds(cluster)]


def test_alike():
    """There is nothing to leave out where all is alike; spares are no part of it."""
    cluster = grid_cluster(2, 2, 4, uplinks=(400.0, 800.0), spare=[0], down=[5])
    assert sizes(cluster) == [14]
    assert ground(cluster, 4) is cluster


def test_slower_models_come_last():
    """Those as fast as each other come together, whatever their memory."""
    cluster = with_models(grid_cluster(4, 4), "a100", "h100", "h200", "b200")
    assert sizes(cluster) == [4, 12, 16]
    assert grounds(cluster)[0][12:].all()


def test_slower_links_come_last():
    """Of a node that has half the uplink for each GPU; one that has fewer GPUs has more for each."""
    cluster = ragged_cluster([[4, 4], [4, 2]], uplinks=((40.0, 20.0, 40.0, 40.0),))
    assert sizes(cluster) == [10, 14]
    assert left_out(cluster, ground(cluster, 10)) == ["r00/n01"]


def test_models_count_before_links():
    """A slow link of a fast model comes before any slower model."""
    cluster = with_models(grid_cluster(3, 4, uplinks=((40.0, 20.0, 40.0),)), "h100", "h100", "a100")
    assert sizes(cluster) == [4, 8, 12]


def test_about_alike_is_alike():
    """A pod with one GPU in a hundred out of service is no faster."""
    assert sizes(ragged_cluster([[100], [99]], uplinks=(None, 400.0))) == [199]


@pytest.mark.parametrize(("wanted", "held"), [(1, 4), (4, 4), (5, 12), (12, 12), (13, 16), (17, 16)])
def test_ground_is_the_smallest_that_is_enough(wanted, held):
    """All of the cluster where no part is."""
    cluster = with_models(grid_cluster(4, 4), "a100", "h100", "h200", "b200")
    found = ground(cluster, wanted)
    assert np.count_nonzero(found.gpu_in_service) == held


def test_what_is_left_out_is_named_in_the_largest_domains():
    """Whole racks, else nodes, else GPUs."""
    cluster = grid_cluster(2, 2, 4)
    staying = np.ones(16, np.bool_)
    staying[[0, 1, 2, 3, 5, *range(8, 16)]] = False
    found = left_out(cluster, replace(cluster, gpu_in_service=staying))
    assert found == ["r01", "r00/n00", "r00/n01/gpu1"]


def test_nothing_in_service():
    """No ground at all, but no error either."""
    assert sizes(grid_cluster(2, 4, down=range(8))) == [0]


def test_units_that_lost_their_uplinks():
    """On the degraded cluster the five are left out, first the two with half of it."""
    cluster = load_topology("gb300-220k-degraded")
    assert left_out(cluster, ground(cluster, 200_000)) == [
        "p02/u14",
        "p09/u16",
        "p16/u11",
        "p18/u03",
        "p23/u07",
    ]
    assert left_out(cluster, ground(cluster, 215_000)) == ["p02/u14", "p16/u11"]
