"""Uplinks of the domains of a site."""

from __future__ import annotations

from planner.formats.site.author import author
from planner.formats.site.site import Host, Nic, Node, Site
from planner.source import parse_document
from planner.topology.load import to_cluster
from tests.formats.site.fabrics import codes


def test_a_domain_whose_uplink_nobody_tells():
    """It is taken for whole, as the fastest is, and told."""
    hosts = [Host(f"n{number}", Node(8, "h100", {}, [Nic("", 50e9)] * 8)) for number in range(6)]
    for number, host in enumerate(hosts):
        host.groups["leaf"] = f"l{number // 2}"
    site = Site("x", {host.name: host for host in hosts}, tiers=["leaf"])
    site.uplink_bytes_per_s["leaf"] = {"l0": 400e9, "l1": 200e9}
    cluster = to_cluster(parse_document(author(site)))
    assert cluster.tiers[1].uplink_bytes_per_s.tolist() == [400e9, 200e9, 400e9]
    assert codes(site) == ["I018"]
