"""A cluster as a tree."""

from __future__ import annotations

import pytest

from planner.report.topology import topology_document, topology_view, usual_uplink
from planner.topology.load import load_topology
from tests.builders import grid_cluster, ragged_cluster
from tests.report.jobs import text_of


def test_document():
    """Counts, bandwidth and health of every tier, innermost first."""
    cluster = grid_cluster(2, 3, 4, uplinks=(100e9, 150e9), nics=4, down=(0, 1, 2, 3, 5))
    document = topology_document(cluster)
    assert (document["gpus"], document["gpus_in_service"], document["nodes"]) == (24, 19, 6)
    assert document["nodes_out_of_service"] == ["r00/n00"]
    assert document["nodes_partly_in_service"] == ["r00/n01"]
    node, rack, _ = document["tiers"]
    assert (node["name"], node["domains"], node["domains_in_service"]) == ("node", 6, 5)
    assert node["gpus_in_service"] == [
        {"gpus": 4, "domains": 4},
        {"gpus": 3, "domains": 1},
        {"gpus": 0, "domains": 1},
    ]
    assert (rack["uplink_bytes_per_s"], rack["total_uplink_bytes_per_s"]) == (150e9, 300e9)


def test_the_usual_uplink_is_that_of_most_domains():
    """One degraded domain does not change what the tier is said to have."""
    cluster = grid_cluster(4, 2, uplinks=([8.0, 8.0, 2.0, 8.0],))
    assert usual_uplink(cluster, 0) == 8.0
    assert usual_uplink(cluster, 1) is None


def test_view_of_a_sound_cluster():
    """Tiers from the whole cluster inwards, each indented."""
    lines = text_of(topology_view(grid_cluster(2, 3, 4, uplinks=(100e9, 150e9))), 80).splitlines()
    names = [line.rstrip().split("  ")[0].strip() for line in lines]
    assert [name for name in names if name in {"cluster", "└ rack"}] == ["cluster", "└ rack"]
    assert any("└ node" in line and "100 GB/s" in line and "600 GB/s" in line for line in lines)
    assert any("2:1" in line for line in lines)
    assert "everything in service" in lines


def test_view_of_a_troubled_cluster():
    """What is down, uneven, degraded and spare is told by name and number."""
    cluster = ragged_cluster(
        [[4, 4], [4, 3]], uplinks=([9.0, 9.0, 5.0, 9.0],), down=(0, 1, 2, 3, 4), spare=(14,)
    )
    text = text_of(topology_view(cluster), 80)
    assert "5 GPUs out of service" in text
    assert "1 whole node: r00/n00" in text
    assert "part of 1 node: r00/n01" in text
    assert "1 node with less uplink than usual" in text
    assert "1 GPU kept spare" in text
    assert "GPUs in service by node: 2 of 3, 1 of 4, 1 of 0" in text


@pytest.mark.parametrize("name", ["lab-4x8", "mixed-nics", "gb300-220k", "gb300-220k-degraded"])
def test_shipped_clusters_fit_eighty_columns(name):
    """No figure is cut."""
    text = text_of(topology_view(load_topology(name)), 80)
    assert "\N{HORIZONTAL ELLIPSIS}" not in text
    assert "scale-up" in text
