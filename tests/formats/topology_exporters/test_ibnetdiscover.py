"""Fabrics as ibnetdiscover prints them."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from planner.errors import UsageError
from planner.formats.importers import ibnetdiscover as importer
from planner.formats.site.derive import derive
from planner.formats.site.site import Source
from planner.formats.topology_exporters import ibnetdiscover
from tests.formats.topology_exporters.clusters import LINKS, NVL, RAILS, TORUS, TREE, cluster


def text(of):
    """The file of a cluster."""
    return ibnetdiscover.text(of, {})


def site(of):
    """What our importer makes of it."""
    return derive(importer.read(Source("net", text(of))))


def bandwidth_of(found):
    """Bandwidth between each two things that are joined."""
    total = Counter()
    for link in found.links:
        total[frozenset(link.ends)] += link.count * link.bytes_per_s
    return total


def test_rails():
    """An adapter for each NIC on its own rail; leaves, spines and bandwidths as in the graph."""
    found = site(cluster(RAILS))
    assert not found.findings
    assert len(found.hosts) == 8
    assert len(found.switches) == 2 * 4 + 2
    assert [nic.rail for nic in found.hosts["u1-n01"].node.nics] == [0, 1, 2, 3]
    totals = bandwidth_of(found)
    assert sum(value for ends, value in totals.items() if "u1-n01" in ends) == 4 * 25e9
    assert sum(value for ends, value in totals.items() if any("spine" in end for end in ends)) == 800e9
    assert {name: host.groups["unit"] for name, host in found.hosts.items()} == {
        f"u{unit}-n0{node}": f"u{unit}" for unit in (1, 2) for node in (1, 2, 3, 4)
    }


def test_tiers():
    """Without a fabric the domains are switches, and uplinks as many links as adapters are fast."""
    found = site(cluster(TREE))
    assert len(found.switches) == 4 + 2 + 1
    assert sum(link.count for link in found.links) == 8 * 2 + 4 * 4 + 2 * 8
    assert found.hosts["p2-r1-n2"].groups.keys() == {"leaf", "pod"}
    assert not found.findings


def test_nvlink_domains():
    """What leaves an NVLink domain leaves through the adapters of its nodes."""
    found = site(cluster(NVL))
    assert set(found.switches) == {"p1", "p2", "cluster"}
    assert sum(link.count for link in found.links if "p1-r2-t1" in link.ends) == 4


def test_described_links():
    """Links of the file are links here, each on its own adapter; one that is down is left out."""
    out = text(cluster(LINKS))
    descriptions = re.findall(r'^Ca.*# "(.*)"', out, re.MULTILINE)
    assert descriptions == ["l1-n1 mlx5_0", "l1-n1 mlx5_1", "l1-n2 mlx5_0", "l1-n2 mlx5_1", "l2-n1 mlx5_1"]
    assert out.count("4xNDR") == 2 * 2 * 2
    assert out.count("4xHDR") == 2 * 5


def test_same_again():
    """GUIDs follow from names: the same cluster is the same file, and no two things share one."""
    out = text(cluster(RAILS))
    assert out == text(cluster(RAILS))
    guids = re.findall(r"^(?:switch|ca)guid=0x(\w+)", out, re.MULTILINE)
    assert len(set(guids)) == len(guids) == 8 * 4 + 10


def test_speeds_between():
    """A bandwidth that InfiniBand has not is written lower, and said to be."""
    out = text(cluster(RAILS, ("200 Gb/s", "150 Gb/s")))
    assert "next lower speed" in out.splitlines()[1]
    assert "4xEDR" in out
    assert "next lower speed" not in text(cluster(RAILS))


def test_too_many_ports():
    """A switch that cannot be is refused, with what to write instead."""
    with pytest.raises(UsageError) as caught:
        text(cluster(TREE, ("uplink: 100 GB/s", "uplink: 4 TB/s")))
    assert caught.value.problems[0].code == "E040"


def test_no_switches():
    """A torus is no fabric of InfiniBand."""
    with pytest.raises(UsageError) as caught:
        text(cluster(TORUS))
    assert caught.value.problems[0].code == "E041"
