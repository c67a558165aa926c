from __future__ import annotations

import pytest

from planner.formats.reading.infiniband.bystanders import set_aside
from planner.formats.site.site import Host, Nic, Node, Site


def site_of(**adapters):
    """A site of ten hosts with four adapters, and of others with as many as are given."""
    hosts = {f"n{number:02d}": 4 for number in range(10)} | adapters
    return Site(
        hosts={
            name: Host(name, Node(nics=[Nic(f"mlx5_{index}") for index in range(count)]))
            for name, count in hosts.items()
        }
    )


def test_management_node():
    """A host with half the adapters and a name like no other is taken out of service, and not into rails."""
    site = site_of(manager=2)
    set_aside(site)
    assert [name for name, host in site.hosts.items() if host.down] == ["manager"]
    assert [nic.rail for nic in site.hosts["manager"].node.nics] == [0, 1]
    assert [finding.code for finding in site.findings] == ["I047"]


@pytest.mark.parametrize("name", ["localhost", "localhost.localdomain", "ubuntu"])
def test_default_names(name):
    """A host with the name that an installer left cannot be reached by it."""
    site = site_of(**{name: 4})
    set_aside(site)
    assert site.hosts[name].down == "has the name that an installer left"


def test_others_stay():
    """Hosts that lack an adapter, are many, or have a name of their own and all adapters, are in service."""
    site = site_of(n99=2, special=4, m1=2, m2=2, m3=2)
    set_aside(site)
    assert not any(host.down for host in site.hosts.values())
    assert site.findings == []


def test_small_fabric():
    """Among a few hosts nothing tells which is odd."""
    site = Site(
        hosts={"a": Host("a", Node(nics=[Nic("x")])), "b": Host("b", Node(nics=[Nic("x"), Nic("y")]))}
    )
    set_aside(site)
    assert site.findings == []
