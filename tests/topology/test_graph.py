"""The graph of nodes and switches."""

from __future__ import annotations

import math

import networkx as nx
import pytest

from planner.source import parse_document
from planner.topology.fabric_schema import Clos
from planner.topology.graph import to_graph
from planner.topology.load import load_topology, to_cluster

NODES = """\
format_version: 1
name: small
tiers:
  - {name: node, nics: {count: 4, bandwidth: 400 Gb/s}}
  - {name: rack, uplink: 100 GB/s}
  - {name: cluster}
domains:
  - {rack: "r[1-3]", node: "n[1-2]", gpus: 8}
down: [r1/n1, r2, r3/n2/gpu0]
"""
NVLINK = """\
format_version: 1
name: small
tiers:
  - {name: tray, nics: {count: 2, bandwidth: 800 Gb/s}}
  - {name: rack, scale_up: 900 GB/s}
  - {name: unit}
  - {name: cluster}
domains:
  - {unit: "u[1-2]", rack: "r[1-2]", tray: "t[1-3]", gpus: 4}
"""


def cluster_of(text):
    """The cluster that `text` describes."""
    return to_cluster(parse_document(text))


def kinds(graph):
    """How many nodes and how many switches a graph has."""
    found = nx.get_node_attributes(graph, "kind").values()
    return sum(kind == "node" for kind in found), sum(kind == "switch" for kind in found)


def test_tiers_are_the_fabric():
    """Without a fabric each domain is one switch, and its uplink the edge to the next."""
    graph = to_graph(cluster_of(NODES))
    assert kinds(graph) == (6, 4)
    assert nx.is_tree(graph)
    assert graph.edges["r3/n1", "r3"] == {"bytes_per_s": 200e9, "links": 1, "scale_up": False}
    assert graph.edges["r3", "cluster"]["bytes_per_s"] == 100e9


def test_service_is_marked():
    """Nodes and switches say whether anything beneath them is in service."""
    graph = to_graph(cluster_of(NODES))
    assert graph.nodes["r3/n2"] == {
        "kind": "node",
        "tier": "node",
        "name": "r3-n2",
        "gpus": 8,
        "gpus_in_service": 7,
        "in_service": True,
    }
    out = {name for name, live in graph.nodes(data="in_service") if not live}
    assert out == {"r1/n1", "r2", "r2/n1", "r2/n2"}


def test_scale_up_domain_is_a_switch_of_its_own():
    """Trays join their rack by NVLink, the rack goes on with its NICs; a free tier is unlimited."""
    graph = to_graph(cluster_of(NVLINK))
    assert graph.edges["u1/r1/t1", "u1/r1"] == {"bytes_per_s": 3600e9, "links": 1, "scale_up": True}
    assert graph.edges["u1/r1", "u1"] == {"bytes_per_s": 600e9, "links": 1, "scale_up": False}
    assert graph.edges["u1", "cluster"]["bytes_per_s"] == math.inf


def test_clos_splits_uplinks_over_switches():
    """With several switches a domain, each uplink is split over the links and keeps its sum."""
    cluster = cluster_of(NODES)
    graph = to_graph(cluster, Clos(kind="clos", switches={"rack": 2, "cluster": 4}))
    assert kinds(graph) == (6, 3 * 2 + 4)
    assert graph.number_of_edges() == 6 * 2 + 3 * 2 * 4
    leaves = [name for name, tier in graph.nodes(data="tier") if tier == "rack" and name.startswith("r3")]
    up = sum(data["bytes_per_s"] for a, b, data in graph.edges(leaves, data=True) if "cluster" in a + b)
    assert up == pytest.approx(100e9)


@pytest.mark.parametrize("name", ["lab-4x8", "mixed-nics", "llama3-24k", "gb200-nvl72-5120"])
def test_bandwidth_out_of_each_tier_is_the_tiers_uplink(name):
    """Over all domains of a tier the edges outwards sum to the uplinks of the tier."""
    cluster = load_topology(name)
    graph = to_graph(cluster)
    for index in range(cluster.boundary, len(cluster.tiers) - 1):
        inner, outer = cluster.tiers[index].name, cluster.tiers[index + 1].name
        tier = nx.get_node_attributes(graph, "tier")
        out = sum(
            speed for a, b, speed in graph.edges(data="bytes_per_s") if {tier[a], tier[b]} == {inner, outer}
        )
        assert out == pytest.approx(cluster.tiers[index].uplink_bytes_per_s.sum())
