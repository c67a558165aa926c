from __future__ import annotations

from collections import Counter

import pytest

from planner.errors import InputError
from planner.formats.importers.ibnetdiscover import read, recognises
from planner.formats.site.derive import derive
from tests.formats.reading.infiniband.discovered import listing, recorded, sample, source
from tests.formats.site.fabrics import codes, partition

CABLES = [
    ("S1", 1, "n1 HCA-1", 1),
    ("S1", 2, "n2 HCA-1", 1),
    ("S2", 1, "n3 HCA-1", 1),
    ("S2", 2, "n4 HCA-1", 1),
    ("S1", 8, "S9", 1),
    ("S2", 8, "S9", 2),
]


def ends(site):
    """Parallel links by their ends in order of names."""
    count = Counter()
    for link in site.links:
        count[tuple(sorted(link.ends))] += link.count
    return count


def test_recorded():
    """A fabric as the real program prints it: its hosts, their adapters, its switches and links."""
    site = read(recorded("two-units.ibnetdiscover"))
    assert sorted(site.hosts) == [f"u{unit}-n{node:02d}" for unit in (1, 2) for node in (1, 2, 3)]
    assert sorted(site.switches) == ["leaf-1-1", "leaf-1-2", "leaf-2-1", "leaf-2-2", "spine-1", "spine-2"]
    assert [nic.name for nic in site.hosts["u1-n01"].node.nics] == ["HCA-1", "HCA-2"]
    assert [nic.bytes_per_s for nic in site.hosts["u1-n01"].node.nics] == [25e9, 25e9]
    assert ends(site)["leaf-1-1", "spine-1"] == 2
    assert ends(site)["leaf-2-2", "spine-2"] == 1
    assert ends(site)["leaf-1-2", "u1-n03"] == 1


def test_degraded_link():
    """A link slower than the others of its kind keeps its bandwidth and is reported at its place."""
    site = read(recorded("two-units.ibnetdiscover"))
    (finding,) = site.findings
    assert finding.code == "I044"
    assert "4xEDR" in finding.position.text
    slow = [link for link in site.links if link.bytes_per_s == 12.5e9]
    assert [set(link.ends) for link in slow] == [{"leaf-1-1", "spine-1"}]


@pytest.mark.parametrize(
    "text",
    [
        listing(CABLES, between=""),
        listing(CABLES).replace("-0000", "-"),
        listing(CABLES).replace("Ca\t", "Hca\t"),
        "# Topology file\n\nvendid=0x2c9\n" + listing(CABLES, between="\nvendid=0x2c9\ncaguid=0x1\n"),
        listing(CABLES).replace("[8]\t", "[8][ext 3]\t"),
    ],
    ids=["no blank lines", "no leading zeros", "hca", "identifiers", "ports of a chassis"],
)
def test_forms(text):
    """Every way in which such files are written gives the same fabric."""
    site = read(source(text))
    assert ends(site) == ends(read(source(listing(CABLES))))
    assert site.findings == []


def test_ends_without_and_with_leading_zeros():
    """A GUID is the same with and without its leading zeros."""
    text = listing(CABLES)
    site = read(source(text.replace('"S-0000', '"S-', 1)))
    assert sorted(site.switches) == ["S1", "S2", "S9"]


@pytest.mark.parametrize(
    ("word", "gigabits"),
    [
        ("1xSDR", 2),
        ("4xDDR", 16),
        ("4xQDR", 32),
        ("4xFDR10", 40),
        ("12xEDR", 300),
        ("2xNDR", 200),
        ("4xXDR", 800),
    ],
)
def test_speeds(word, gigabits):
    """A link is as fast as its lanes together."""
    site = read(source(listing(CABLES, speed=word)))
    assert {link.bytes_per_s for link in site.links} == {gigabits * 1e9 / 8}


def test_unknown_speed():
    """A link of a speed nobody knows is kept without a bandwidth, and reported once."""
    site = read(source(listing(CABLES, speed="4xABC")))
    assert {link.bytes_per_s for link in site.links} == {None}
    assert codes(site) == ["I049"]


def test_one_end_only():
    """A file that is cut short keeps the links and devices that one end tells of."""
    whole = listing(CABLES)
    cut = whole[: whole.index("\nCa\t", whole.index("n2 HCA-1"))]
    site = read(source(cut))
    assert "n2" in site.hosts
    assert codes(site) == ["I041"]


def test_cut_anywhere():
    """Wherever a file is cut, what is left loads or is refused as no fabric."""
    whole = listing(CABLES)
    for length in range(0, len(whole), 7):
        try:
            derive(read(source(whole[:length])))
        except InputError as error:
            assert error.problems[0].code == "I038"  # noqa: PT017


def test_ends_that_disagree():
    """Where the two ends tell different speeds the lower one counts."""
    text = listing(CABLES).replace("4xNDR", "4xHDR", 1)
    site = read(source(text))
    assert min(link.bytes_per_s for link in site.links) == 25e9
    assert "I048" in codes(site)


def test_odd_lines():
    """Lines that the program does not print are reported once, with the first one's place."""
    site = read(source(listing(CABLES) + "\nwhat is this\n[x] nothing\n"))
    (finding,) = site.findings
    assert finding.code == "I040"
    assert finding.position.text == "what is this"
    assert "1 more" in finding.message


def test_no_fabric():
    """A file without a device is refused."""
    with pytest.raises(InputError, match="no switch and no adapter"):
        read(source("# Topology file\n"))


def test_recognised():
    """Records of devices are recognised, other texts not."""
    assert recognises(recorded("two-units.ibnetdiscover"))
    assert not recognises(recorded("two-units.iblinkinfo"))
    assert not recognises(source("SwitchName=s0 Nodes=n[1-4]\n"))
    assert not recognises(source(""))


def test_sample():
    """The real fabric keeps its 31 leaves, 9 spines and four rails, and none of its adapters is lost."""
    site = derive(read(sample()))
    assert Counter(switch.level for switch in site.switches.values()) == {1: 31, 2: 9}
    assert site.tiers == ["unit"]
    assert len(partition(site, "unit")) == 8
    nics = [nic for host in site.hosts.values() for nic in host.node.nics]
    assert len([nic for nic in nics if nic.down is None]) == 582 - 40
    jobs = [host for host in site.hosts.values() if host.down is None]
    assert len(jobs) == 119
    assert {len(host.node.nics) for host in jobs} == {4}
    holes = [[nic.rail for nic in host.node.nics if nic.down] for host in jobs]
    assert Counter(map(tuple, holes)) == {(): 109, (2,): 10}
    trunks = Counter(tuple(sorted(link.ends)) for link in site.links if link.nic is None)
    assert Counter(trunks.values()) == {2: 263, 1: 6}


def test_own_name_counts():
    """A device is called as its own record says, not as another calls it before."""
    first, rest = listing(CABLES).split("Ca\t", 1)
    site = read(source(first.replace("n1 HCA-1", "other HCA-1") + "Ca\t" + rest))
    assert sorted(site.hosts) == ["n1", "n2", "n3", "n4"]


PORTS = """\
CA    18  1 0x0002c90400001023 4x NDR - SW    12  3 0x0002c90200000012 ( 'n1 HCA-1' - 'leaf' )
SW    12  3 0x0002c90200000012 4x NDR - CA    18  1 0x0002c90400001023 ( 'leaf' - 'n1 HCA-1' )
SW    12  4 0x0002c90200000012 4x SDR                                    'leaf'
SW    12  5 0x0002c90200000012 4x HDR - CA     7  1 0x0002c90400001099 ( 'leaf' - 'it's n2 HCA-1' )
"""


def test_list_of_ports():
    """The list that the program prints with --ports."""
    assert recognises(source(PORTS))
    site = read(source(PORTS))
    assert ends(site) == {("leaf", "n1"): 1, ("it-s-n2", "leaf"): 1}
    assert {link.bytes_per_s for link in site.links} == {50e9, 25e9}
    assert codes(site) == ["I044"]
