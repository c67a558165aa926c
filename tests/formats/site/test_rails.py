from __future__ import annotations

import pytest

from planner.formats.site.derive import derive
from planner.formats.site.rails import UNSEEN
from planner.formats.site.site import Link, Nic
from tests.formats.site.fabrics import SPEED, codes, fabric, two_tier


def renamed(site, *patterns):
    """The site with the i-th adapter of each host called by the i-th pattern."""
    for host in site.hosts.values():
        for nic, name in zip(host.node.nics, patterns, strict=False):
            nic.name = name
    return site


def rails(site, host):
    """Rail and name of each adapter of a host."""
    return [(nic.rail, nic.name) for nic in site.hosts[host].node.nics]


@pytest.mark.parametrize(
    "names", [("mlx5_0", "mlx5_4", "mlx5_5"), ("HCA-1", "HCA-5", "HCA-6"), ("ib0", "ib1", "ib3")]
)
def test_numbers(names):
    """The rail is the place of an adapter's number among those of all hosts like it."""
    site = derive(renamed(two_tier(rails=3), *names))
    assert rails(site, "u1-h1") == list(enumerate(names))


def test_hole():
    """A host that lacks an adapter keeps all rails, the missing one out of service; links follow."""
    site = two_tier(rails=4)
    del site.hosts["u0-h0"].node.nics[2]
    site.links = [link for link in site.links if link.ends != ("u0-h0", "leaf0-2")]
    last = next(place for place, link in enumerate(site.links) if link.ends == ("u0-h0", "leaf0-3"))
    site.links[last] = Link(("u0-h0", "leaf0-3"), SPEED, 1, 2)
    derive(site)
    nics = site.hosts["u0-h0"].node.nics
    assert [nic.down for nic in nics] == [None, None, UNSEEN, None]
    assert [nic.rail for nic in nics] == [0, 1, 2, 3]
    assert nics[2].bytes_per_s == SPEED
    assert site.links[last].nic == 3
    (finding,) = site.findings
    assert finding.code == "I036"
    assert "rail 2 was seen of 'u0-h0'" in finding.message


def test_half_is_another_kind():
    """A host with half of the adapters of others is a host of another kind."""
    site = fabric(
        {
            f"l{rail}": [*(f"n{i}" for i in range(6)), *(["m0", "m1"] if rail < 2 else [])]
            for rail in range(4)
        },
        nics=True,
    )
    derive(site)
    assert len(site.hosts["m0"].node.nics) == 2
    assert site.findings == []


def test_crossed():
    """Adapters that were swapped keep the rails of their numbers and are reported."""
    site = two_tier(rails=2, hosts=8)
    for place, link in enumerate(site.links):
        if link.ends[0] == "u1-h3":
            site.links[place] = Link(
                (link.ends[0], f"leaf1-{1 - link.nic}"), SPEED, 1, link.nic, link.position
            )
    derive(site)
    assert codes(site) == ["I035"]
    assert "rail 0 on 'leaf1-1', a leaf of rail 1" in site.findings[0].message


def test_rail_of_the_leaf():
    """Adapters without numbers are on the rail that their leaf serves."""
    site = two_tier(rails=3)
    host = site.hosts["u0-h1"]
    host.node.nics = [Nic("", SPEED), Nic("", SPEED), Nic("", SPEED)]
    for place, link in enumerate(site.links):
        if link.ends[0] == "u0-h1":
            site.links[place] = Link(link.ends, SPEED, 1, 2 - link.nic)
    derive(site)
    assert [link.nic for link in site.links if link.ends == ("u0-h1", "leaf0-0")] == [0]


def test_adapters_that_no_source_tells():
    """Hosts without adapters have one for each link, where its bandwidth is known."""
    site = derive(fabric({"b": ["n1", "n2"], "a": ["n1", "n2"]}))
    assert [nic.bytes_per_s for nic in site.hosts["n1"].node.nics] == [SPEED, SPEED]
    assert {link.ends[1]: link.nic for link in site.links if link.ends[0] == "n1"} == {"a": 0, "b": 1}
    assert derive(fabric({"a": ["n1", "n2"]}, speed=None)).hosts["n1"].node.nics is None


def test_rails_given():
    """Adapters whose rails a source tells stay as they are."""
    site = two_tier(rails=2)
    for host in site.hosts.values():
        host.node.nics = [Nic("x", SPEED, 1), Nic("y", SPEED, 0)]
    derive(site)
    assert rails(site, "u0-h0") == [(1, "x"), (0, "y")]
