"""Several fabrics of the same hosts, joined into one site."""

from __future__ import annotations

from planner.formats.importers.ibnetdiscover import read
from planner.formats.importing import write_up
from planner.formats.site.given import NOTHING
from planner.formats.site.join import join
from planner.formats.site.site import Host, Nic, Node, Site
from tests.formats.reading.infiniband.discovered import listing, source


def _fabric(adapters, leaf, hosts=("n1", "n2")):
    """Hosts whose adapters of these numbers are on one leaf."""
    cables = [
        (leaf, 10 * place + number, f"{host} mlx5_{number}", 1)
        for place, host in enumerate(hosts)
        for number in adapters
    ]
    return read(source(listing(cables, {leaf: leaf}), f"{leaf}.txt"))


def _ends(site, host):
    """Leaf of each adapter of a host, by name."""
    nics = site.hosts[host].node.nics
    return {
        nics[link.nic].name: next(end for end in link.ends if end != host)
        for link in site.links
        if host in link.ends
    }


def test_each_fabric_has_adapters_of_its_own():
    """As where every plane has a subnet of its own: hosts have the adapters of all."""
    site = join([_fabric([1], "S1"), _fabric([0], "S0"), _fabric([2], "S2")])
    assert [nic.name for nic in site.hosts["n1"].node.nics] == ["mlx5_0", "mlx5_1", "mlx5_2"]
    assert _ends(site, "n2") == {"mlx5_0": "S0", "mlx5_1": "S1", "mlx5_2": "S2"}
    assert site.findings == []
    cluster = write_up(site, NOTHING).cluster
    assert len(cluster.nic_node) == 6


def test_the_same_fabric_twice():
    """Once with a cable that was gone: each adapter keeps its own link."""
    whole, gone = _fabric([0, 1, 2], "S"), _fabric([0, 2], "S")
    for sites in ([whole, gone], [gone, whole]):
        site = join(sites)
        assert [nic.name for nic in site.hosts["n1"].node.nics] == ["mlx5_0", "mlx5_1", "mlx5_2"]
        assert {link.nic for link in site.links if "n1" in link.ends} <= {0, 1, 2}
        write_up(site, NOTHING)


def test_fewer_adapters_inside_than_on_the_fabric():
    """A source from inside the host says which count, and links of the others are no adapter's."""
    inside = Site(hosts={"n1": Host("n1", Node(2, nics=[Nic("mlx5_2"), Nic("mlx5_0")]))})
    site = join([inside, _fabric([0, 1, 2], "S", ["n1"])])
    assert [nic.name for nic in site.hosts["n1"].node.nics] == ["mlx5_2", "mlx5_0"]
    assert sorted(str(link.nic) for link in site.links) == ["0", "1", "None"]
    write_up(site, NOTHING)
