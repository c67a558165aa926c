from __future__ import annotations

from planner.formats.importers.ibnetdiscover import read
from planner.formats.site.derive import derive
from tests.formats.reading.infiniband.discovered import listing, source
from tests.formats.site.fabrics import codes, partition

LOST = "MT4129 ConnectX7   Mellanox Technologies"


def rails(hosts=4, leaves=3, moved=()):
    """Cables of hosts with one adapter on each of several leaves, host i on port i of each.

    `moved` has another port for some pairs of host and leaf.
    """
    moved = dict(moved)
    return [
        (f"S{leaf}", moved.get((host, leaf), host), f"n{host} mlx5_{leaf}", 1)
        for host in range(1, hosts + 1)
        for leaf in range(leaves)
    ]


def test_one_adapter_lost_its_name():
    """An adapter on the port of a host that lacks exactly it is that host's."""
    site = derive(read(source(listing(rails(), {"n2 mlx5_1": LOST}))))
    assert sorted(site.hosts) == ["n1", "n2", "n3", "n4"]
    assert [(nic.name, nic.down) for nic in site.hosts["n2"].node.nics] == [
        ("mlx5_0", None),
        ("", None),
        ("mlx5_2", None),
    ]
    assert codes(site) == ["I043"]


def test_a_whole_host_lost_its_name():
    """Adapters on the same port of the leaves of a group are one host, which is out of service."""
    called = {f"n2 mlx5_{leaf}": LOST for leaf in range(3)}
    site = derive(read(source(listing(rails(), called))))
    assert sorted(site.hosts) == ["n1", "n3", "n4", "unnamed-S0-2"]
    host = site.hosts["unnamed-S0-2"]
    assert host.down is not None
    assert [nic.rail for nic in host.node.nics] == [0, 1, 2]
    assert codes(site) == ["I043"]


def test_ports_that_differ():
    """What is left over in a group, each on another leaf, is taken for one host."""
    called = {f"n{host} mlx5_{leaf}": LOST for host in (2, 3) for leaf in range(3)}
    site = read(source(listing(rails(moved={(2, 1): 9}), called)))
    unnamed = [host for host in site.hosts.values() if host.down]
    assert [len(host.node.nics) for host in unnamed] == [3, 3]


def test_hosts_of_one_name():
    """Hosts whose adapters share their names are kept apart by the ports they are on."""
    called = {f"n{host} mlx5_{leaf}": f"localhost mlx5_{leaf}" for host in (2, 3) for leaf in range(3)}
    site = derive(read(source(listing(rails(), called))))
    assert sorted(site.hosts) == ["localhost-S0-2", "localhost-S0-3", "n1", "n4"]
    assert all(site.hosts[name].down for name in ("localhost-S0-2", "localhost-S0-3"))
    assert codes(site) == ["I042", "I043"]


def test_all_lost():
    """Where no adapter has a name none is lost, each port of each leaf being a host."""
    cables = rails(leaves=1)
    site = read(source(listing(cables, {cable[2]: LOST for cable in cables})))
    assert len(site.hosts) == 4


def test_groups_apart():
    """Adapters on the same port in different groups are different hosts."""
    cables = [
        *rails(),
        *(
            (f"S{leaf + 3}", port, f"m{host} mlx5_{number}", 1)
            for leaf, port, host, number in ((int(c[0][1:]), c[1], c[1], int(c[0][1:])) for c in rails())
        ),
    ]
    called = {f"{letter}2 mlx5_{leaf}": LOST for letter in "nm" for leaf in range(3)}
    site = derive(read(source(listing(cables, called))))
    assert {"unnamed-S0-2", "unnamed-S3-2"} < set(site.hosts)
    assert len(partition(site, "unit")) == 2
