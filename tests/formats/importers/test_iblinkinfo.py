from __future__ import annotations

import re
from collections import Counter

import pytest

from planner.errors import InputError
from planner.formats.importers import ibnetdiscover
from planner.formats.importers.iblinkinfo import read, recognises
from tests.formats.reading.infiniband.discovered import recorded, source
from tests.formats.site.fabrics import codes


def links(site):
    """Parallel links by ends, bandwidth and adapter."""
    count = Counter()
    for link in site.links:
        count[tuple(sorted(link.ends)), link.bytes_per_s, link.nic] += link.count
    return count


@pytest.mark.parametrize("name", ["two-units.iblinkinfo", "two-units.iblinkinfo-line"])
def test_same_as_ibnetdiscover(name):
    """Both programs tell of the same fabric."""
    site, other = read(recorded(name)), ibnetdiscover.read(recorded("two-units.ibnetdiscover"))
    assert links(site) == links(other)
    assert sorted(site.hosts) == sorted(other.hosts)
    assert codes(site) == ["I044"]


def test_lids_not_assigned():
    """Without LIDs devices are found by name."""
    text = recorded("two-units.iblinkinfo").text
    zeroed = re.sub(r"\d+(?=\s+\d+\[)", "0", text)
    assert links(read(source(zeroed))) == links(read(recorded("two-units.iblinkinfo")))


def test_switches_only():
    """Adapters that only switches mention are kept."""
    text = recorded("two-units.iblinkinfo").text
    site = read(source(text[text.index("Switch:") :]))
    assert sorted(site.hosts) == [f"u{unit}-n{node:02d}" for unit in (1, 2) for node in (1, 2, 3)]
    assert "I041" in codes(site)


LINES = """\
0x0000000000000064 "leaf1"  1  1[  ] ==( 4X  106.25 Gbps Active/  LinkUp)==>  0x000000000000000b  6  1[  ] "n1 mlx5_0" ( )
0x0000000000000064 "leaf1"  1  2[  ] ==(              Down/ Polling)==>             [  ] "" ( )
0x0000000000000065 "leaf2"  2  1[  ] ==( 4X  106.25 Gbps Active/  LinkUp)==>  0x000000000000000c  7  2[  ] "n1 mlx5_0" ( )
0x0000000000000065 "leaf2"  2  2[  ] ==(              Down/ Polling)==>             [  ] "" ( )
0x000000000000000b "n1 mlx5_0"  6  1[  ] ==( 4X  106.25 Gbps Active/  LinkUp)==>  0x0000000000000064  1  1[  ] "leaf1" ( )
0x000000000000000c "n1 mlx5_0"  7  2[  ] ==( 4X  106.25 Gbps Active/  LinkUp)==>  0x0000000000000065  2  1[  ] "leaf2" ( )
"""  # noqa: E501


def test_two_ports_of_an_adapter():
    """In line mode two ports of one adapter, each with a GUID of its own, are one adapter."""
    site = read(source(LINES))
    assert sorted(site.switches) == ["leaf1", "leaf2"]
    assert [nic.bytes_per_s for nic in site.hosts["n1"].node.nics] == [100e9]
    assert Counter(tuple(sorted(link.ends)) for link in site.links) == {
        ("leaf1", "n1"): 1,
        ("leaf2", "n1"): 1,
    }
    assert site.findings == []


def test_odd_lines():
    """Lines that the program does not print are reported."""
    site = read(source(recorded("two-units.iblinkinfo").text + "==( broken\nnot a port\n"))
    finding = next(finding for finding in site.findings if finding.code == "I040")
    assert finding.position.text == "==( broken"


def test_no_link():
    """A file without a link is refused."""
    with pytest.raises(InputError, match="describes no link"):
        read(source("Switch: 0x1 leaf:\n"))


def test_recognised():
    """Ports are recognised, other texts not."""
    assert recognises(recorded("two-units.iblinkinfo"))
    assert recognises(recorded("two-units.iblinkinfo-line"))
    assert not recognises(recorded("two-units.ibnetdiscover"))
    assert not recognises(source(""))
