"""Networks of ASTRA-sim as nested tiers."""

from __future__ import annotations

import pytest

from planner.errors import InputError
from planner.formats.importers import astra_sim
from planner.formats.importing import write_up
from planner.formats.site.given import NOTHING
from planner.formats.site.site import Source


def _text(kinds, sizes, bandwidths):
    joined = ", ".join
    return (
        f"# A network\ntopology: [ {joined(kinds)} ]  # kinds\n"
        f"npus_count: [ {joined(map(str, sizes))} ]\n"
        f"bandwidth: [ {joined(map(str, bandwidths))} ]  # GB/s\n"
        f"latency: [ {joined('9' for _ in sizes)} ]  # ns\n"
    )


def _read(*parts):
    text = Source("net.yml", _text(*parts))
    assert astra_sim.recognises(text)
    return astra_sim.read(text)


def test_dimensions_are_tiers():
    """The first is the node; out of a group goes what its GPUs have in the next."""
    site = _read(["Switch", "FullyConnected", "Ring"], [8, 4, 3], [400, 50.0, 25])
    assert (site.node.gpus, site.node.scale_up_bytes_per_s) == (8, 400e9)
    assert [nic.bytes_per_s for nic in site.node.nics] == [150e9] * 8
    assert (len(site.hosts), site.tiers) == (12, ["dim2"])
    assert len({host.groups["dim2"] for host in site.hosts.values()}) == 3
    assert set(site.uplink_bytes_per_s["dim2"].values()) == {8 * 4 * 50e9}


@pytest.mark.parametrize(
    ("kind", "size", "links"),
    [("Ring", 4, 2), ("Ring", 2, 1), ("FullyConnected", 8, 7), ("Switch", 8, 1), ("switch", 1, None)],
)
def test_links_of_a_gpu(kind, size, links):
    """Its bandwidth in a dimension is that of all its links there."""
    node = _read([kind], [size], [10]).node
    assert node.scale_up_bytes_per_s == (links and links * 10e9)
    assert node.nics is None


def test_it_loads_as_a_cluster():
    """With as many GPUs as the simulation, and the bandwidths it has."""
    cluster = write_up(_read(["Ring", "Switch", "Switch"], [4, 8, 2], [100, 50, 25]), NOTHING).cluster
    assert [(tier.name, tier.domains) for tier in cluster.tiers] == [
        ("node", 16),
        ("dim2", 2),
        ("cluster", 1),
    ]
    assert cluster.gpus == 64


def test_a_first_dimension_too_large_for_a_node():
    """Then every GPU is a node."""
    site = _read(["Switch"], [2048], [50])
    assert (site.node.gpus, len(site.hosts), site.node.nics[0].bytes_per_s) == (1, 2048, 50e9)


def test_a_kind_that_is_not_known():
    """It is taken as a switch, and told where it stands."""
    site = _read(["Ring", "Mesh"], [2, 2], [1, 1])
    assert [(problem.code, problem.position.line) for problem in site.findings] == [("I073", 2)]


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        ((["Ring"], [2, 2], [1, 1]), 3),
        ((["Ring"], [0], [1]), 3),
        ((["Ring"], ["x"], [1]), 3),
        ((["Ring"], [2], ["-1"]), 4),
        ((["Ring"], [2], ["true"]), 4),
        ((["Ring"] * 3, [1000] * 3, [1] * 3), 3),
        (([], [], []), 3),
    ],
)
def test_what_makes_no_cluster(parts, line):
    """An error at the value that is wrong."""
    with pytest.raises(InputError, match="I072") as caught:
        _read(*parts)
    assert caught.value.problems[0].position.line == line


def test_a_key_that_is_missing():
    """It is named."""
    with pytest.raises(InputError, match="bandwidth is missing"):
        astra_sim.read(Source("x", "topology: [Ring]\nnpus_count: [4]\n"))
