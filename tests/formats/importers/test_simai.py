from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from planner.errors import InputError
from planner.formats.importers.simai import read, recognises
from planner.formats.importing import write_up
from planner.formats.site.derive import derive
from planner.formats.site.given import NOTHING
from planner.formats.site.site import Source
from tests.formats.site.fabrics import codes, partition

SAMPLES = Path(__file__).parents[4] / "shared/data/samples/simai"


def cluster(planes=1):
    """Four servers of two GPUs in two segments with a leaf for each rail and plane, and a spine a plane."""
    gpus, leaves = 8, 4 * planes
    first = gpus + 4
    lines = [f"{gpu} {gpus + gpu // 2} 2400Gbps 0.000025ms 0" for gpu in range(gpus)]
    for gpu, plane in product(range(gpus), range(planes)):
        leaf = first + plane * 4 + gpu // 4 * 2 + gpu % 2
        lines.append(f"{gpu} {leaf} {400 // planes}Gbps 0.0005ms 0")
    lines += [f"{first + leaf} {first + leaves + leaf // 4} 400Gbps 0.0005ms 0" for leaf in range(leaves)]
    switches = leaves + planes
    head = f"{first + switches} 2 4 {switches} {len(lines)} H100"
    return "\n".join([head, " ".join(str(number) for number in range(gpus, first + switches)), *lines, ""])


def source(text):
    """A source of some text."""
    return Source("topology", text)


def test_rails():
    """A server is a host, a GPU's link its NIC, and NVLink is the bandwidth inside."""
    site = derive(read(source(cluster())))
    assert sorted(site.hosts) == ["server0", "server1", "server2", "server3"]
    assert (site.node.gpus, site.node.gpu_model) == (2, "H100")
    assert site.node.scale_up_bytes_per_s == 300e9
    assert [(nic.rail, nic.bytes_per_s) for nic in site.hosts["server3"].node.nics] == [(0, 50e9), (1, 50e9)]
    assert site.tiers == ["unit"]
    assert partition(site, "unit") == {frozenset({"server0", "server1"}), frozenset({"server2", "server3"})}
    assert set(site.uplink_bytes_per_s["unit"].values()) == {100e9}
    assert site.findings == []


def test_planes():
    """A NIC whose links go to two planes is one NIC of both."""
    site = derive(read(source(cluster(planes=2))))
    assert [nic.bytes_per_s for nic in site.hosts["server0"].node.nics] == [50e9, 50e9]
    assert site.assumptions == ["the switches are 2 planes: each adapter is split over them"]
    assert partition(site, "unit") == {frozenset({"server0", "server1"}), frozenset({"server2", "server3"})}


def test_written():
    """The topology file that comes of it loads."""
    loaded = write_up(derive(read(source(cluster()))), NOTHING).cluster
    assert (loaded.gpus, loaded.nodes, len(loaded.nic_node)) == (8, 4, 8)


def test_last_server_is_smaller():
    """GPUs that fill no server make one with fewer."""
    text = cluster().replace("17 2 4", "17 3 4", 1)
    site = read(source(text))
    assert [host.node.gpus for host in site.hosts.values()] == [None, None, 2]


def test_impossible_bandwidth():
    """A link as fast as no machine's is a line that cannot be read."""
    for speed in ("0", "1" * 30, "1.2.3", "."):
        site = read(source(cluster().replace(" 400Gbps", f" {speed}Gbps", 1)))
        assert codes(site) == ["I040", "I041"]


def test_cut_off():
    """A file that ends early keeps its links, and is reported."""
    text = cluster()
    site = read(source(text[: text.rindex("400Gbps") + 4]))
    assert codes(site) == ["I040", "I041"]
    assert len(site.links) == 8 + 3


@pytest.mark.parametrize("text", ["", "1 2 3\n", "999999999 8 0 0 0 H100\n\n", "4 8 2 2 0 H100\n4 5 6 7\n"])
def test_refused(text):
    """What is no such file, or has no GPUs or too many, is refused."""
    with pytest.raises(InputError):
        read(source(text))


def test_recognised():
    """A first line of five numbers and a model, and a second of numbers, are recognised."""
    assert recognises(source(cluster()))
    assert not recognises(source("1 2 3 4 5 H100\nno numbers\nx\n"))
    assert not recognises(source(""))


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the sample is not here")
def test_sample():
    """The published cluster of 128 GPUs on two planes: 16 servers under one group of leaves."""
    (path,) = SAMPLES.iterdir()
    site = derive(read(Source(path.name, path.read_text())))
    assert len(site.hosts) == 16
    assert {len(host.node.nics) for host in site.hosts.values()} == {8}
    assert {nic.bytes_per_s for host in site.hosts.values() for nic in host.node.nics} == {50e9}
    assert site.assumptions == ["the switches are 2 planes: each adapter is split over them"]
    assert site.findings == []
