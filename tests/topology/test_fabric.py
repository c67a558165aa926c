"""Rails, tori, dragonflies and explicit links."""

from __future__ import annotations

import networkx as nx
import pytest

from planner.errors import InputError
from planner.source import parse_document
from planner.topology.graph import to_graph
from planner.topology.load import load_topology, to_cluster

TEXT = """\
format_version: 1
name: small
tiers:
  - {name: node, scale_up: 450 GB/s, nics: {count: 4, bandwidth: 400 Gb/s}}
  - {name: unit, uplink: 400 GB/s}
  - {name: cluster}
domains:
  - {unit: "u[1-3]", node: "n[1-4]", gpus: 8}
down: [u1/n1/nic0]
fabric:
"""


def graph_of(fabric, text=TEXT):
    """The graph of twelve nodes in three units with the fabric given."""
    return to_graph(to_cluster(parse_document(f"{text}  {fabric}\n")))


def of_tier(graph, tier):
    """Names of all vertices of a tier."""
    return [name for name, own in graph.nodes(data="tier") if own == tier]


def speeds(graph, name):
    """Bandwidth of each edge of a vertex in GB/s, by the name of its other end."""
    return {other: data["bytes_per_s"] / 1e9 for other, data in graph.adj[name].items()}


def test_rails():
    """NIC i of each node goes to the leaf of rail i; a leaf's share of the uplink goes to the spines."""
    graph = graph_of("{kind: rail_optimized, unit: unit, rails: 4, spines: 2}")
    assert len(of_tier(graph, "unit")) == 12
    assert speeds(graph, "u2/n3") == {f"u2/plane0/rail{rail}/leaf0": 50.0 for rail in range(4)}
    assert speeds(graph, "u1/n1")["u1/plane0/rail0/leaf0"] == 0.0
    assert speeds(graph, "u3/plane0/rail1/leaf0") == {
        **{f"u3/n{node}": 50.0 for node in range(1, 5)},
        "plane0/spine0": 50.0,
        "plane0/spine1": 50.0,
    }


def test_planes_and_leaves():
    """Each NIC is split over the planes, and the nodes of a unit over the leaves of a rail."""
    graph = graph_of("{kind: rail_optimized, unit: unit, rails: 4, planes: 2, leaves: 2, spines: 3}")
    assert len(of_tier(graph, "unit")) == 3 * 4 * 2 * 2
    assert len(of_tier(graph, "cluster")) == 6
    assert speeds(graph, "u1/n2")["u1/plane1/rail3/leaf1"] == 25.0
    assert nx.number_connected_components(graph) == 1
    planes = nx.get_node_attributes(graph, "plane")
    assert all(planes[a] == planes[b] for a, b in graph.edges if a in planes and b in planes)


def test_rails_without_an_uplink_send_on_what_comes():
    """Where the unit has no uplink, a leaf's uplinks carry all that its nodes send."""
    graph = graph_of(
        "{kind: rail_optimized, unit: unit, rails: 4, spines: 2}", TEXT.replace(", uplink: 400 GB/s", "")
    )
    up = speeds(graph, "u2/plane0/rail0/leaf0")
    assert up["plane0/spine0"] + up["plane0/spine1"] == 200.0


@pytest.mark.parametrize(
    ("name", "leaves", "spines"),
    [("dgx-h100-superpod", 32, 16), ("gb300-superpod", 128, 72), ("hpn-15k", 240, 120)],
)
def test_published_switch_counts(name, leaves, spines):
    """The rail fabrics that ship have the switches of their sources, and full use of the uplinks."""
    cluster = load_topology(name)
    graph = to_graph(cluster)
    outermost = cluster.tiers[-1].name
    assert len(of_tier(graph, cluster.fabric.unit)) == leaves
    assert len(of_tier(graph, outermost)) == spines
    into_spines = sum(graph.degree(spine, weight="bytes_per_s") for spine in of_tier(graph, outermost))
    assert into_spines == pytest.approx(cluster.tier_uplink_bytes_per_s[-2])


def test_torus():
    """Every node has two neighbours along each dimension of three or more, one doubled along two."""
    graph = graph_of("{kind: torus, dims: [4, 3], bandwidth: 90 GB/s}")
    assert graph.number_of_edges() == 12 * 2
    assert speeds(graph, "u1/n1") == {"u1/n2": 90.0, "u1/n4": 90.0, "u2/n1": 90.0, "u3/n1": 90.0}
    cube = graph_of("{kind: torus, dims: [3, 2, 2, 1], bandwidth: 90 GB/s}")
    assert cube.number_of_edges() == 12 + 6 + 6
    assert speeds(cube, "u1/n1") == {"u1/n2": 90.0, "u1/n3": 90.0, "u1/n4": 180.0, "u2/n3": 180.0}


def test_dragonfly():
    """Switches of a group are fully joined, and each two groups have one link."""
    graph = graph_of("{kind: dragonfly, group: unit, switches: 4, local: 100 GB/s, between_groups: 50 GB/s}")
    routers = of_tier(graph, "unit")
    assert len(routers) == 12
    between = [
        data["bytes_per_s"]
        for a, b, data in graph.edges(routers, data=True)
        if a.split("/")[0] != b.split("/")[0]
    ]
    assert between == [50e9] * 3
    assert speeds(graph, "u1/n2") == {"u1/router1": 200.0}
    assert graph.number_of_edges() == 3 * 6 + 3 + 12


def test_links():
    """Explicit links join switches by name and nodes by selector; parallel links add up."""
    graph = graph_of(
        "{kind: links, switches: ['leaf[1-3]', spine], links: ["
        "{ends: ['leaf[1-3]', spine], bandwidth: 400 Gb/s, count: 2}, "
        "{ends: [u1, leaf1], bandwidth: 200 GB/s}, "
        "{ends: ['u[2-3]/*', leaf2], bandwidth: 100 GB/s}]}"
    )
    assert graph.edges["leaf1", "spine"] == {"links": 2, "bytes_per_s": 100e9, "scale_up": False}
    assert graph.degree("leaf1") == 5
    assert graph.degree("leaf2") == 9
    assert graph.degree("leaf3") == 1


def nic_links(nic=1):
    """Four leaves, each joined to one NIC of every node; the last of NIC `nic`."""
    numbers = [0, 2, 3, nic]
    links = ", ".join(f"{{ends: ['u[1-3]', leaf{n}], bandwidth: 400 Gb/s, nic: {n}}}" for n in numbers)
    return f"{{kind: links, switches: ['leaf[0-9]'], links: [{links}]}}"


def test_links_of_a_nic():
    """Links of a NIC that is out of service are there and carry nothing; those of others are whole."""
    graph = graph_of(nic_links())
    assert graph.edges["u1/n1", "leaf0"] == {"links": 1, "bytes_per_s": 0.0, "scale_up": False, "nics": {0}}
    assert speeds(graph, "u1/n1") == {"leaf0": 0.0, "leaf1": 50.0, "leaf2": 50.0, "leaf3": 50.0}
    assert speeds(graph, "u1/n2")["leaf0"] == 50.0


def test_link_of_a_nic_that_is_not_there():
    """A link can only be of a NIC that some node has."""
    with pytest.raises(InputError, match=r"no node has a NIC 4(.|\n)*a number below 4"):
        graph_of(nic_links(4))
