"""Domains of a site, and the hosts in each."""

from __future__ import annotations

from planner.formats.site.figures import settle
from planner.formats.site.given import NOTHING
from planner.formats.site.places import MOST_TIERS, places
from planner.formats.site.site import Host, Node, Site
from tests.formats.site.fabrics import codes


def test_more_tiers_than_a_file_can_have():
    """The innermost stay, and what is left out is told by name."""
    tiers = [f"t{index:02d}" for index in range(MOST_TIERS)]
    hosts = {}
    for number in range(MOST_TIERS + 3):
        name = f"n{number:02d}"
        # Every tier joins one host more.
        groups = {tier: "all" if number < index + 2 else name for index, tier in enumerate(tiers)}
        hosts[name] = Host(name, Node(8), groups)
    site = Site(hosts=hosts, tiers=tiers)
    found = places(site, settle(site, NOTHING))
    assert [tier.source for tier in found.tiers if tier.source] == tiers[:-1]
    assert codes(site) == ["I014"]
    assert tiers[-1] in site.findings[0].message
