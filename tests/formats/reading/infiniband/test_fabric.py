from __future__ import annotations

import pytest

from planner.formats.importers.ibnetdiscover import read
from planner.formats.reading.infiniband.fabric import split_description
from tests.formats.reading.infiniband.discovered import guid, listing, source
from tests.formats.site.fabrics import codes

CABLES = [("S1", 1, "n1 HCA-1", 1), ("S1", 2, "n2 HCA-1", 1), ("S1", 8, "S2", 1), ("S2", 2, "n3 HCA-1", 1)]


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ("node01 HCA-1", ("node01", "HCA-1")),
        ("node01 mlx5_bond_0", ("node01", "mlx5_bond_0")),
        ("node01", ("node01", "")),
        ("gpu node 7 mlx5_2", ("gpu-node-7", "mlx5_2")),
        ("'node01' HCA-2", ("node01", "HCA-2")),
        ("rack/1:node", ("rack-1-node", "")),
    ],
)
def test_descriptions(description, expected):
    """The last word of a description is the adapter where it looks like one."""
    assert split_description(description) == expected


def test_aggregation_nodes():
    """Aggregation nodes are no hosts; how many there are is said."""
    cables = [*CABLES, ("S1", 65, "a1", 1), ("S2", 65, "a2", 1)]
    called = dict.fromkeys(("a1", "a2"), "Mellanox Technologies Aggregation Node")
    site = read(source(listing(cables, called)))
    assert sorted(site.hosts) == ["n1", "n2", "n3"]
    assert site.assumptions == ["2 aggregation nodes, which are parts of switches, are left out"]
    assert site.findings == []


def test_routers():
    """A router is left out and reported."""
    site = read(source(listing([*CABLES, ("S1", 9, "R1", 1), ("S2", 9, "R1", 2)])))
    (finding,) = site.findings
    assert finding.code == "I046"
    assert "2 links" in finding.message


def test_nameless_switches():
    """Switches that nobody named are told apart by their GUIDs."""
    called = {"S1": "Quantum Mellanox Technologies", "S2": "Quantum Mellanox Technologies"}
    site = read(source(listing(CABLES, called)))
    assert sorted(site.switches) == sorted(f"switch-{guid(name)[2:].lstrip('0')}" for name in ("S1", "S2"))
    assert codes(site) == ["I045"]


def test_switches_of_one_name():
    """Switches with the same description stay two switches."""
    site = read(source(listing(CABLES, {"S1": "leaf", "S2": "leaf"})))
    assert len(site.switches) == 2
    assert codes(site) == ["I042"]


def test_adapters_of_one_host():
    """Adapters are in the order of their numbers, not of the file."""
    cables = [("S1", number, f"n1 mlx5_{number}", 1) for number in (10, 2, 0)]
    site = read(source(listing(cables)))
    assert [nic.name for nic in site.hosts["n1"].node.nics] == ["mlx5_0", "mlx5_2", "mlx5_10"]
    assert {link.nic: link.position.text for link in site.links}[2].count("mlx5_10") == 1


def test_many_slow_links():
    """Twenty slow links are named, the others counted."""
    cables = [("S1", port, f"n{port} HCA-1", 1, "4xHDR" if port > 40 else "4xNDR") for port in range(1, 71)]
    site = read(source(listing(cables)))
    slow = [finding for finding in site.findings if finding.code == "I044"]
    assert len(slow) == 21
    assert slow[-1].message == "10 more links are slow"


def test_a_host_that_is_called_as_a_switch():
    """Links tell their ends by name, so that both need one of their own."""
    site = read(source(listing([("S1", 1, "leaf HCA-1", 1), ("S1", 2, "n2 HCA-1", 1)], {"S1": "leaf"})))
    assert (list(site.switches), sorted(site.hosts)) == (["leaf"], ["leaf-host", "n2"])
    assert {frozenset(link.ends) for link in site.links} == {
        frozenset(("leaf", host)) for host in ("leaf-host", "n2")
    }
