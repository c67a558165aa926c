"""What binds."""

from __future__ import annotations

import numpy as np
import pytest

from planner.placement.placement import Objective
from planner.report.binding import binding, binding_view
from tests.builders import claimed, grid_cluster, grid_workload
from tests.report.jobs import text_of, two_racks


def test_the_costliest_tier_binds():
    """Worked by hand: 24 pairs of 200 MB cross nodes, 8 of them racks."""
    found = binding(two_racks())
    node, rack = found.tiers
    assert found.tier == 0
    assert (node.crossing_bytes, rack.crossing_bytes) == (24 * 2e8, 8 * 2e8)
    assert node.uplink_s == pytest.approx(4.8e9 / (4 * 400e9))
    assert node.share == pytest.approx(0.75)
    assert node.families == (("pp", 4.8e9),)


def test_families_are_listed_most_first():
    """Scattered ranks make every family cross, and the fullest is named first."""
    families = binding(two_racks(np.random.default_rng(5).permutation(32))).tiers[0].families
    assert {name for name, _ in families} == {"tp", "dp", "pp"}
    assert [size for _, size in families] == sorted((size for _, size in families), reverse=True)


def test_most_of_it_is_more_than_half():
    """What fills a tier is called most of it where it is, and the largest part where it is not."""
    assert "most of it pp" in text_of(binding_view(binding(two_racks())), 200)
    scattered = binding(two_racks(np.random.default_rng(5).permutation(32)))
    cluster = grid_cluster(2, 4, uplinks=(1e9,))
    kinds = [("dp", "all_reduce", 1.0), ("dp", "all_gather", 1.9), ("dp", "reduce_scatter", 1.9)]
    even = claimed(cluster, grid_workload(dp=8, families=kinds), np.arange(8))
    assert scattered.tier is not None
    assert "the largest part of it" in text_of(binding_view(binding(even)), 200)


def test_cross_node_binds_at_the_boundary():
    """The objective says which tier is looked at."""
    cluster = grid_cluster(2, 2, 2, uplinks=(1e12, 1.0), boundary=0)
    workload = grid_workload(dp=8, families=[("dp", "all_reduce", 8.0)])
    weighted = claimed(cluster, workload, np.arange(8))
    crossed = claimed(cluster, workload, np.arange(8), objective=Objective.CROSS_NODE)
    assert binding(weighted).tier == 1
    assert binding(crossed).tier == 0


def test_bottleneck_binds_at_the_slowest_domain():
    """One node of a slow uplink is named."""
    cluster = grid_cluster(2, 2, 2, uplinks=([9.0, 9.0, 1.0, 9.0], 9.0))
    workload = grid_workload(dp=8, families=[("dp", "all_reduce", 8.0)])
    found = binding(claimed(cluster, workload, np.arange(8), objective=Objective.BOTTLENECK))
    assert found.tier == 0
    assert found.hotspot == "node r01/n00"
    assert found.hotspot_s == pytest.approx(2 * 8 * 3 / 4)
    assert "The slowest single domain is node r01/n00, 12 s." in text_of(binding_view(found), 200)


def test_nothing_binds_where_nothing_is_limited():
    """Crossing a tier without an uplink is free, and is said to be."""
    cluster = grid_cluster(2, 2)
    found = binding(claimed(cluster, grid_workload(dp=4, families=[("dp", "all_reduce", 8.0)]), np.arange(4)))
    assert found.tier is None
    assert found.hotspot is None
    text = text_of(binding_view(found))
    assert "nothing binds" in text
    assert "free" in text


def test_a_lost_uplink_is_endless_and_still_json():
    """An uplink of zero makes infinite seconds, which JSON shows as null."""
    cluster = grid_cluster(2, 2, uplinks=(0.0,))
    workload = grid_workload(dp=4, families=[("dp", "all_reduce", 8.0)])
    found = binding(claimed(cluster, workload, np.arange(4)))
    document = found.document()
    assert found.tier == 0
    assert document["tiers"][0]["uplink_s"] == np.inf

    assert "unbounded" in text_of(binding_view(found))
