"""Several sources of one site, joined."""

from __future__ import annotations

import pytest

from planner.errors import Position
from planner.formats.site.join import join
from planner.formats.site.site import Host, Link, Nic, Node, Site, Switch


def site(*hosts, **facts):
    """A site of these hosts, by name."""
    return Site(hosts={host.name: host for host in hosts}, **facts)


def fabric(*names):
    """A site with each host under one leaf."""
    links = [Link((name, "leaf"), 50e9) for name in names]
    return site(*map(Host, names), switches={"leaf": Switch("leaf", 1)}, links=links)


def codes(joined):
    """Codes of all findings."""
    return [problem.code for problem in joined.findings]


def test_fabric_gpus_and_health():
    """Each from a source of its own, for hosts of the same names."""
    joined = join(
        [
            fabric("n1", "n2"),
            site(Host("n1", Node(gpus=8)), Host("n2", Node(gpus=4))),
            site(Host("n2", down="state DRAIN")),
        ]
    )
    assert [host.node.gpus for host in joined.hosts.values()] == [8, 4]
    assert [host.down for host in joined.hosts.values()] == [None, "state DRAIN"]
    assert len(joined.links) == 2
    assert not joined.findings


@pytest.mark.parametrize(("first", "second"), [("n1", "n1.hpc.example"), ("n1.hpc.example", "N1")])
def test_short_and_full_names(first, second):
    """Are one host, which keeps the name of the first source, in links too."""
    joined = join([site(Host(first)), fabric(second)])
    assert list(joined.hosts) == [first]
    assert joined.links[0].ends == (first, "leaf")


@pytest.mark.parametrize(
    ("first", "second"),
    [(["n1.a", "n1.b"], ["n1"]), (["n1"], ["n1.a", "n1.b"]), (["n1"], ["n1", "n1.a"])],
)
def test_names_that_could_be_several_hosts(first, second):
    """Are kept apart, with a finding."""
    joined = join([site(*map(Host, first)), site(*map(Host, second))])
    assert set(joined.hosts) == {*first, *second}
    assert set(codes(joined)) == {"I004"}


def test_full_names_of_two_domains_are_two_hosts():
    """Which is nothing odd."""
    joined = join([site(Host("n1.a")), site(Host("n1.b"))])
    assert list(joined.hosts) == ["n1.a", "n1.b"]
    assert not joined.findings


def test_the_more_specific_wins():
    """What is said of every host holds for those of which nothing else is said."""
    joined = join([Site(node=Node(gpus=8)), site(Host("n1", Node(gpus=4)), Host("n2"))])
    assert joined.node.gpus == 8
    assert [host.node.gpus for host in joined.hosts.values()] == [4, None]


def test_contradictions_are_findings():
    """The first source wins, and the place of the other is shown."""
    place = Position("nodes.json", 3, 1)
    joined = join(
        [
            site(Host("n1", Node(gpus=8), {"rack": "r1"}, "nvl1"), tiers=["rack"]),
            site(Host("n1", Node(gpus=4), {"rack": "r2"}, "nvl2", position=place), tiers=["rack"]),
        ]
    )
    assert codes(joined) == ["I005"] * 3
    assert {problem.position for problem in joined.findings} == {place}
    host = joined.hosts["n1"]
    assert (host.node.gpus, host.groups, host.scale_up) == (8, {"rack": "r1"}, "nvl1")


def test_health_is_the_worst_that_is_known():
    """Of hosts, GPUs and NICs."""
    first = Host("n1", Node(8, gpus_down={1: "Xid"}, nics=[Nic("a", 50e9), Nic("b", 50e9, down="link")]))
    second = Host("n1", Node(8, gpus_down={2: "lost"}, nics=[Nic("a", 25e9, 0, "port"), Nic("b")]), down="x")
    for sources in ([first, second], [second, first]):
        host = join([site(each) for each in sources]).hosts["n1"]
        assert host.down == "x"
        assert host.node.gpus_down == {1: "Xid", 2: "lost"}
        assert [nic.down for nic in host.node.nics] == ["port", "link"]
        assert [nic.bytes_per_s for nic in host.node.nics] == [25e9, 50e9]


def test_nics_by_name_in_order_or_not_at_all():
    """By name where both have them, else in order where there are as many, else the first source's."""
    by_name = join(
        [
            site(Host("n", Node(nics=[Nic("b"), Nic("a")]))),
            site(Host("n", Node(nics=[Nic("a", 1e9), Nic("b", 2e9)]))),
        ]
    )
    assert [nic.bytes_per_s for nic in by_name.hosts["n"].node.nics] == [2e9, 1e9]
    fewer = join([site(Host("n", Node(nics=[Nic("")]))), site(Host("n", Node(nics=[Nic("x"), Nic("y")])))])
    assert len(fewer.hosts["n"].node.nics) == 1
    assert codes(fewer) == ["I005"]


def test_hosts_that_the_network_does_not_know():
    """Are kept, with one finding."""
    joined = join([fabric("n1", "n2"), site(Host("n1.x"), Host("n8"), Host("n9"))])
    assert list(joined.hosts) == ["n1", "n2", "n8", "n9"]
    assert codes(joined) == ["I006"]
    assert "n[8-9]" in joined.findings[0].message


def test_hosts_without_gpus_need_no_network():
    """Nothing is said of those that are known to have none, such as hosts to log in to."""
    joined = join([fabric("n1"), site(Host("n1"), Host("login", Node(gpus=0)))])
    assert codes(joined) == []


def test_links_from_both_ends_count_once():
    """Those that two switches both report, as each lists its neighbours."""
    one = Site(switches={"a": Switch("a"), "b": Switch("b")}, links=[Link(("a", "b"), 50e9)] * 2)
    other = Site(switches={"b": Switch("b"), "c": Switch("c")})
    other.links = [Link(("b", "a"), 50e9), Link(("b", "c"), 50e9)]
    joined = join([one, other])
    assert sorted(sorted(link.ends) for link in joined.links) == [["a", "b"], ["a", "b"], ["b", "c"]]


def test_tiers_of_both_nest():
    """Those with more domains lie further in."""
    names = [f"n{number}" for number in range(8)]
    racks = site(*(Host(n, groups={"rack": f"r{i // 2}"}) for i, n in enumerate(names)), tiers=["rack"])
    rooms = site(
        *(Host(n, groups={"half": f"h{i // 4}"}) for i, n in enumerate(names)),
        tiers=["half"],
        uplink_bytes_per_s={"half": {"h0": 1e12}},
    )
    for sources in ([racks, rooms], [rooms, racks]):
        joined = join(sources)
        assert joined.tiers == ["rack", "half"]
        assert joined.uplink_bytes_per_s == {"half": {"h0": 1e12}}


def test_the_health_of_a_host_without_a_name():
    """Is not that of all hosts; on its own it is that of the one node."""
    inside = Site(node=Node(8, gpus_down={3: "off NVLink"}, nics=[Nic("a", 50e9, 0, "down")]))
    joined = join([fabric("n1", "n2"), inside])
    assert (joined.node.gpus, joined.node.gpus_down) == (8, {})
    assert joined.node.nics[0].down is None
    assert codes(joined) == ["I007"]
    assert join([inside]).node.gpus_down == {3: "off NVLink"}


def test_ten_thousand_hosts_with_full_names():
    """Each finds its other name, and those that have none stay as they are."""
    names = [f"n{number}" for number in range(10_000)]
    full = site(*(Host(f"{name}.example") for name in names[:5000]), *(Host(f"x{name}.y") for name in names))
    assert len(join([fabric(*names), full]).hosts) == 20_000
