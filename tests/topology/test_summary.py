"""Facts of a cluster for people."""

from __future__ import annotations

import pytest

from planner.source import parse_document
from planner.topology.load import load_topology, to_cluster
from planner.topology.summary import summarize

TEXT = """\
format_version: 1
name: small
gpu: h100
tiers:
  - {name: node, scale_up: 450 GB/s, nics: {count: 4, bandwidth: 400 Gb/s}}
  - {name: rack, uplink: 100 GB/s}
  - {name: cluster}
domains:
  - {rack: "r[1-3]", node: "n[1-2]", gpus: 8}
down: [r1/n1, r2/n1/gpu0, r2/n2/nic1]
spare: [r3/n2, r1/n1/gpu0]
degraded: [{at: r3, uplink: 60 GB/s}]
"""


@pytest.fixture(scope="module")
def summary():
    """Three racks, one node of which is down."""
    return summarize(to_cluster(parse_document(TEXT)))


def test_counts(summary):
    """What there is and what is in service; a spare that is down does not count."""
    assert (summary.gpus, summary.gpus_in_service, summary.gpus_spare) == (48, 39, 8)
    assert (summary.nodes, summary.nodes_in_service) == (6, 5)
    assert (summary.nics, summary.nics_in_service) == (24, 19)
    assert summary.gpu_kinds == {"h100": 48}
    assert summary.boundary == "node"


def test_tiers(summary):
    """Domains, capacities and bandwidth of each tier, counted by hand."""
    node, rack, cluster = summary.tiers
    assert (node.domains, node.in_service, node.capacities) == (6, 5, {8: 4, 7: 1, 0: 1})
    assert (rack.domains, rack.in_service, rack.capacities) == (3, 3, {16: 1, 15: 1, 8: 1})
    assert (cluster.domains, cluster.in_service, cluster.capacities) == (1, 1, {39: 1})
    assert node.uplink_bytes_per_s == 950e9
    assert rack.uplink_bytes_per_s == 260e9
    assert cluster.uplink_bytes_per_s is None
    assert node.scale_up_bytes_per_s == 450e9


def test_oversubscription(summary):
    """What comes from beneath over what can go on."""
    assert [tier.oversubscription for tier in summary.tiers] == [None, pytest.approx(950 / 260), None]


def test_degraded(summary):
    """The node without one NIC and the rack with less uplink; a node that is down is not degraded."""
    assert [tier.degraded for tier in summary.tiers] == [1, 1, 0]


def test_racks_of_seventeen_trays_are_not_degraded():
    """A rack that lacks trays has less uplink, but all its trays have theirs."""
    node, rack, unit, *_ = summarize(load_topology("gb300-220k-degraded")).tiers
    assert (node.degraded, rack.degraded, unit.degraded) == (0, 0, 5)
