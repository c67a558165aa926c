"""Fabrics that we write, played by ibsim and read back from the real ibnetdiscover."""

from __future__ import annotations

import shutil
from collections import Counter

import pytest

from planner.formats.importers import ibnetdiscover as importer
from planner.formats.site.derive import derive
from planner.formats.site.site import Source
from planner.formats.topology_exporters import ibnetdiscover
from planner.topology.load import load_topology
from tests.formats.topology_exporters.clusters import LINKS, NVL, RAILS, TREE, cluster
from tests.real.ibsim import Simulator

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        not all(map(shutil.which, ("ibsim", "ibsim-run", "ibnetdiscover"))),
        reason="ibsim and infiniband-diags are not installed; run tests/real/install.sh",
    ),
]


@pytest.fixture
def replay(tmp_path):
    """What ibnetdiscover prints of a net that ibsim plays."""

    def play(text):
        net = tmp_path / "net"
        net.write_text(text)
        simulator = Simulator(net, tmp_path)
        try:
            return simulator.run("ibnetdiscover")
        finally:
            simulator.stop()

    return play


def links_of(text):
    """How many links of which bandwidth there are between each two ends."""
    found = Counter()
    for link in importer.read(Source("net", text)).links:
        found[tuple(sorted(link.ends)), link.nic, link.bytes_per_s] += link.count
    return found


@pytest.mark.parametrize(
    "of",
    [
        cluster(RAILS),
        cluster(TREE),
        cluster(LINKS, ("400 Gb/s, count", "200 Gb/s, count")),
        cluster(NVL, ("400 Gb/s", "200 Gb/s"), ("3.2 TB/s", "800 GB/s")),
    ],
    ids=["rails", "tree", "links", "nvl"],
)
def test_small(of, replay):
    """Every link comes back with its ends, adapter and bandwidth."""
    text = ibnetdiscover.text(of, {})
    assert links_of(replay(text)) == links_of(text)
    assert sum(links_of(text).values()) > 0


def test_large(replay):
    """A SuperPOD comes back whole and in its four units; ibsim knows no speed as fast as its links."""
    of = load_topology("dgx-h100-superpod")
    site = derive(importer.read(Source("net", replay(ibnetdiscover.text(of, {})))))
    assert set(site.hosts) == set(of.host_names)
    assert sum(link.count for link in site.links) == 2048
    assert {host.groups["unit"] for host in site.hosts.values()} == {"su1", "su2", "su3", "su4"}
