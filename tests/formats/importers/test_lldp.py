from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path

import pytest

from planner.errors import InputError
from planner.formats.importers.lldp import read, recognises
from planner.formats.site.derive import derive
from planner.formats.site.join import join
from planner.formats.site.site import Source
from tests.formats.site.fabrics import codes, partition

SAMPLE = Path(__file__).parents[4] / "shared/data/samples/lldp/lldp_leaf0.json"


def neighbour(name, port, *, station=False, descr="Linux", speed=None):
    """What lldpcli says of one port."""
    capability = [{"type": "Station", "enabled": station}, {"type": "Bridge", "enabled": not station}]
    told = {"id": {"type": "ifname", "value": port}, "descr": f"port {port}", "ttl": "120"}
    if speed:
        told["auto-negotiation"] = {"supported": True, "enabled": True, "current": speed}
    chassis = {"id": {"type": "mac", "value": "00:00:00:00:00:01"}, "descr": descr, "capability": capability}
    return {"via": "LLDP", "chassis": {name: chassis} if name else chassis, "port": told}


def printed(ports, name="lldp_leaf0.json"):
    """A file of lldpcli -f json."""
    return Source(
        name, json.dumps({"lldp": {"interface": [{port: data} for port, data in ports.items()]}}, indent=1)
    )


PORTS = {
    "swp1": neighbour("h0", "eth0", station=True, speed="100GbaseCR4 - 100G twinax"),
    "swp2": neighbour("h1", "enp3s0", speed="100GbaseCR4 - 100G twinax"),
    "swp9": neighbour("spine0", "swp1", descr="Cumulus Linux version 5.9", speed="400GbaseSR8"),
    "eth0": neighbour("oob", "swp3", descr="Cumulus Linux version 5.9"),
}


def ends(site):
    """Ends and bandwidths of all links."""
    return sorted((tuple(sorted(link.ends)), link.bytes_per_s) for link in site.links)


EXPECTED = [(("h0", "leaf0"), 12.5e9), (("h1", "leaf0"), 12.5e9), (("leaf0", "spine0"), 50e9)]


def test_of_a_switch():
    """Hosts and switches are told apart, and the port of the switch's management is left out."""
    site = read(printed(PORTS))
    assert ends(site) == EXPECTED
    assert sorted(site.hosts) == ["h0", "h1"]
    assert sorted(site.switches) == ["leaf0", "spine0"]
    assert site.findings == []


def test_of_a_host():
    """A device with nothing but a host's ports is a host, and its neighbours are switches."""
    site = read(printed({"eth0": neighbour("leaf0", "swp1"), "eth1": neighbour("leaf1", "swp1")}, "h7.json"))
    assert list(site.hosts) == ["h7"]
    assert sorted(site.switches) == ["leaf0", "leaf1"]


def test_interfaces_as_a_mapping():
    """A mapping of interfaces, which older programs print, is the same."""
    assert ends(read(Source("leaf0", json.dumps({"lldp": {"interface": PORTS}})))) == EXPECTED


def test_json0():
    """So is json0, where everything is a list."""
    interfaces = []
    for port, told in deepcopy(PORTS).items():
        ((name, chassis),) = told["chassis"].items()
        chassis = {
            "name": [{"value": name}],
            "descr": [{"value": chassis["descr"]}],
            "capability": chassis["capability"],
        }
        own = {"id": [told["port"]["id"]], "descr": [{"value": told["port"]["descr"]}]}
        if "auto-negotiation" in told["port"]:
            own["auto-negotiation"] = [{"current": [{"value": told["port"]["auto-negotiation"]["current"]}]}]
        interfaces.append({"name": port, "chassis": [chassis], "port": [own]})
    source = Source("leaf0.json0", json.dumps({"lldp": [{"interface": interfaces}]}))
    assert recognises(source)
    assert ends(read(source)) == EXPECTED


def test_devices_by_name():
    """Outputs of several devices in one file are under their names."""
    text = json.dumps({"leaf0": json.loads(printed(PORTS).text), "leaf1": json.loads(printed(PORTS).text)})
    assert len(read(Source("all.json", text)).links) == 6


def test_joined():
    """The files of all leaves together are the fabric, each link once."""

    def leaf(number, hosts):
        ports = {f"swp{port}": neighbour(host, "eth0", station=True) for port, host in enumerate(hosts)}
        return read(
            printed({**ports, "swp9": neighbour("spine0", "swp1", descr="SONiC")}, f"leaf{number}.json")
        )

    spine = read(
        printed({f"swp{n}": neighbour(f"leaf{n}", "swp9", descr="SONiC") for n in (0, 1)}, "spine0.json")
    )
    site = derive(join([leaf(0, ["h0", "h1"]), leaf(1, ["h2", "h3"]), spine]))
    assert partition(site, "leaf") == {frozenset({"h0", "h1"}), frozenset({"h2", "h3"})}
    assert len(site.links) == 6


def test_without_a_name():
    """A neighbour without a name is called by its address, and reported."""
    site = read(printed({"swp1": neighbour("", "eth0", station=True)}))
    assert list(site.hosts) == ["00-00-00-00-00-01"]
    assert codes(site) == ["I045"]


def test_cut_off():
    """A file that was cut off keeps the neighbours that are whole."""
    whole = printed(PORTS).text
    for end in range(60, len(whole), 97):
        try:
            site = read(Source("leaf0.json", whole[:end]))
        except InputError as error:
            assert error.problems[0].code in ("I019", "I038")  # noqa: PT017
        else:
            assert codes(site) == ["I041"]
    assert "h0" in read(Source("leaf0.json", whole[: len(whole) // 2])).hosts


def test_netq_graph():
    """NetQ's graph has nodes with tiers, and links that bear the identities of both ends."""
    graph = {
        "nodes": [
            {
                "compounded_nodes": [
                    {"id": "1", "name": "h0", "tier": -1},
                    {"id": "2", "name": "leaf0", "tier": 1},
                ]
            },
            {"compounded_nodes": [{"id": "3", "name": "spine0", "tier": 2}]},
        ],
        "links": [
            {"id": "1-*-2"},
            {"id": "2-*-3", "compounded_links": [{"id": "a"}, {"id": "b"}]},
            {"id": "2-*-9"},
        ],
    }
    source = Source("netq.json", json.dumps([graph]))
    assert recognises(source)
    site = read(source)
    assert [(link.ends, link.count) for link in site.links] == [
        (("h0", "leaf0"), 1),
        (("leaf0", "spine0"), 2),
    ]
    assert codes(site) == ["I033"]


def test_netq_table():
    """NetQ's table lists each link from both ends."""
    rows = [
        {"hostname": "h0", "ifname": "eth1", "peer_hostname": "leaf0", "peer_ifname": "swp1"},
        {"hostname": "leaf0", "ifname": "swp1", "peer_hostname": "h0", "peer_ifname": "eth1"},
    ]
    site = read(Source("netq.json", json.dumps({"lldp": rows})))
    assert [link.ends for link in site.links] == [("h0", "leaf0")]
    assert (list(site.hosts), list(site.switches)) == (["h0"], ["leaf0"])


@pytest.mark.parametrize(
    "text", ['{"lldp": {}}', '{"lldp": {"interface": [null, 3, {"swp1": []}]}}', '{"lldp": 4}']
)
def test_nothing(text):
    """A file without a neighbour is refused."""
    with pytest.raises(InputError, match="names no neighbour"):
        read(Source("x", text))


def test_recognised():
    """Other JSON is not recognised."""
    assert recognises(printed(PORTS))
    assert not recognises(Source("x", '{"items": []}'))
    assert not recognises(Source("x", "lldp"))


@pytest.mark.skipif(not SAMPLE.exists(), reason="the sample is not here")
def test_sample():
    """A real file, cut off in the middle, keeps its two hosts."""
    site = read(Source(SAMPLE.name, SAMPLE.read_text()))
    assert sorted(site.hosts) == ["h0", "h1"]
    assert list(site.switches) == ["leaf0"]
