"""Two clusters compared: nodes, devices, domains, switches and links."""

from __future__ import annotations

import pytest

from planner.source import parse_document
from planner.topology.difference import compare
from planner.topology.load import to_cluster

TEXT = """\
format_version: 1
name: small
gpu: h100
tiers:
  - {name: node, nics: {count: 2, bandwidth: 400 Gb/s}}
  - {name: unit, uplink: 800 GB/s}
  - {name: cluster}
domains:
  - {unit: "u[1-3]", node: "n[1-4]", gpus: 8}
"""
FABRIC = """\
fabric:
  kind: links
  switches: ["leaf[1-3]-[0-1]", "spine[1-4]"]
  links:
    - {ends: ["leaf[1-3]-[0-1]", "spine[1-4]"], bandwidth: 400 Gb/s, count: 2}
    - {ends: [u1, leaf1-0], bandwidth: 400 Gb/s, nic: 0}
    - {ends: [u1, leaf1-1], bandwidth: 400 Gb/s, nic: 1}
    - {ends: [u2, leaf2-0], bandwidth: 400 Gb/s, nic: 0}
    - {ends: [u2, leaf2-1], bandwidth: 400 Gb/s, nic: 1}
    - {ends: [u3, leaf3-0], bandwidth: 400 Gb/s, nic: 0}
    - {ends: [u3, leaf3-1], bandwidth: 400 Gb/s, nic: 1}
"""
TRUNKS = '    - {ends: ["leaf[1-3]-[0-1]", "spine[1-4]"], bandwidth: 400 Gb/s, count: 2}\n'


def cluster(*changes, text=TEXT):
    """The cluster of `text` with some parts of it replaced."""
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return to_cluster(parse_document(text))


def changes(*edits, text=TEXT):
    """What differs once a text is edited."""
    return list(compare(cluster(text=text), cluster(*edits, text=text)).changes)


def told(change):
    """A change without its names."""
    return change.part, change.kind, change.expected, change.found


def test_the_same():
    """A cluster does not differ from itself, with and without switches."""
    assert compare(cluster(), cluster()).same
    assert compare(cluster(text=TEXT + FABRIC), cluster(text=TEXT + FABRIC)).same


def test_nodes_missing_and_extra():
    """Nodes are matched by host name."""
    missing, extra = changes(('"n[1-4]"', '"n[1-3,9]"'))
    assert told(missing) == ("node", "missing", "", "")
    assert missing.names == ("u1-n4", "u2-n4", "u3-n4")
    assert extra.names == ("u1-n9", "u2-n9", "u3-n9")


def test_host_names_count():
    """Nodes whose paths differ and whose host names do not are the same."""
    rows = "".join(
        f'  - {{unit: rack{unit}, node: "n[1-4]", gpus: 8, host_name: "u{unit}-{{node}}"}}\n'
        for unit in (1, 2, 3)
    )
    other = TEXT.replace('  - {unit: "u[1-3]", node: "n[1-4]", gpus: 8}\n', rows)
    assert compare(cluster(), cluster(text=other)).same


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (("gpus: 8", "gpus: 4"), ("gpu", "fewer", "8", "4")),
        (("gpu: h100", "gpu: a100"), ("gpu", "different", "h100", "a100")),
        (("count: 2, bandwidth: 400", "count: 3, bandwidth: 400"), ("nic", "more", "2", "3")),
    ],
)
def test_devices(edit, expected):
    """Nodes made of something else are one change."""
    (change,) = changes(edit)
    assert told(change) == expected
    assert len(change.names) == 12


def test_slower_nics():
    """NICs of another bandwidth are named by their number."""
    found = changes(("400 Gb/s", "200 Gb/s"))
    assert [told(change) for change in found] == [
        ("nic0", "slower", "50 GB/s", "25 GB/s"),
        ("nic1", "slower", "50 GB/s", "25 GB/s"),
    ]


def test_out_of_service():
    """Nodes, GPUs and NICs that are out of service in one file, a whole node as such alone."""
    down = TEXT + "down: [u1/n1, 'u2/n[1-2]/gpu5', u3/n4/nic1]\n"
    found = compare(cluster(), cluster(text=down)).changes
    assert [(change.part, change.kind, change.names) for change in found] == [
        ("node", "down", ("u1-n1",)),
        ("gpu5", "down", ("u2-n1", "u2-n2")),
        ("nic1", "down", ("u3-n4",)),
    ]
    assert {change.kind for change in compare(cluster(text=down), cluster()).changes} == {"up"}


def test_uplinks():
    """Domains are matched by their nodes, whatever they and their tier are called."""
    renamed = TEXT.replace("unit", "rack") + "degraded: [{at: u2, uplink: 700 GB/s}]\n"
    (change,) = compare(cluster(), cluster(text=renamed)).changes
    assert told(change) == ("unit", "slower", "800 GB/s", "700 GB/s")
    assert change.names == ("u2",)


def test_moved_node():
    """A node in another domain than its neighbours has moved."""
    rows = """\
  - {unit: u1, node: "n[1-3]", gpus: 8}
  - {unit: u2, node: "n[1-4]", gpus: 8}
  - {unit: u2, node: m4, gpus: 8, host_name: u1-n4}
  - {unit: u3, node: "n[1-4]", gpus: 8}
"""
    (change,) = changes(('  - {unit: "u[1-3]", node: "n[1-4]", gpus: 8}\n', rows))
    assert told(change) == ("node", "moved", "u1", "u2")
    assert change.names == ("u1-n4",)


def test_domain_that_is_not_there():
    """A domain whose nodes lie apart is missing."""
    flat = TEXT.replace("  - {name: unit, uplink: 800 GB/s}\n", "").replace(
        'unit: "u[1-3]", node: "n[1-4]"', 'node: "u[1-3]-n[1-4]"'
    )
    (change,) = compare(cluster(), cluster(text=flat)).changes
    assert (change.part, change.kind, change.names) == ("unit", "missing", ("u1", "u2", "u3"))


def test_domains_with_the_same_nodes():
    """A domain that is all of the one around it is compared with that of its own tier."""
    nested = TEXT.replace("  - {name: cluster}\n", "  - {name: pod, uplink: 100 GB/s}\n  - {name: cluster}\n")
    nested = nested.replace('unit: "u[1-3]"', "pod: p1, unit: u1").replace(
        "gpus: 8}", 'gpus: 8}\n  - {pod: p2, unit: "u[2-3]", node: "n[1-4]", gpus: 8}'
    )
    assert compare(cluster(text=nested), cluster(text=nested)).same


def test_links():
    """Pairs without links, with fewer, and slower ones, and extra ones, are told apart."""
    edited = """\
    - {ends: ["leaf[1-3]-0", "spine[1-4]"], bandwidth: 400 Gb/s, count: 2}
    - {ends: [leaf1-1, "spine[2-4]"], bandwidth: 400 Gb/s, count: 2}
    - {ends: [leaf2-1, "spine[1-4]"], bandwidth: 400 Gb/s}
    - {ends: [leaf3-1, "spine[1-4]"], bandwidth: 200 Gb/s, count: 2}
    - {ends: [spine1, spine2], bandwidth: 100 Gb/s}
"""
    found = {change.kind: change for change in changes((TRUNKS, edited), text=TEXT + FABRIC)}
    assert set(found) == {"missing", "fewer", "slower", "extra"}
    assert list(zip(found["missing"].names, found["missing"].others, strict=True)) == [("leaf1-1", "spine1")]
    assert told(found["missing"]) == ("switch link", "missing", "2 x 50 GB/s", "")
    assert (found["fewer"].expected, found["fewer"].found) == ("2 x 50 GB/s", "1 x 50 GB/s")
    assert found["fewer"].others == ("spine1", "spine2", "spine3", "spine4")
    assert set(found["slower"].names) == {"leaf3-1"}
    assert told(found["extra"]) == ("switch link", "extra", "", "1 x 12.5 GB/s")


def test_links_of_nodes():
    """A node on another leaf misses its link and has an extra one."""
    found = changes(
        ("{ends: [u3, leaf3-1]", "{ends: ['u3/n[1-3]', leaf3-1]"),
        ("links:\n", "links:\n    - {ends: [u3/n4, leaf2-1], bandwidth: 400 Gb/s, nic: 1}\n"),
        text=TEXT + FABRIC,
    )
    assert [(*told(change)[:2], change.names, change.others) for change in found] == [
        ("node link", "missing", ("u3-n4",), ("leaf3-1",)),
        ("node link", "extra", ("u3-n4",), ("leaf2-1",)),
    ]


def test_missing_switch():
    """The links of a switch that is not there are not listed one by one."""
    (change,) = changes(("spine[1-4]", "spine[1-3]"), text=TEXT + FABRIC)
    assert (change.part, change.kind, change.names) == ("switch", "missing", ("spine4",))


def test_nic_down_is_no_link_lost():
    """What carries nothing because its NIC is out of service is told once."""
    down = TEXT + FABRIC + "down: [u1/n1/nic0]\n"
    (change,) = compare(cluster(text=TEXT + FABRIC), cluster(text=down)).changes
    assert (change.part, change.kind) == ("nic0", "down")


def test_switches_of_other_names():
    """Switches that a pattern of the file names are matched by what lies beneath them."""
    rails = TEXT + "fabric: {kind: rail_optimized, unit: unit, rails: 2, spines: 4}\n"
    assert compare(cluster(text=rails), cluster(text=TEXT.replace("800 GB/s", "800 GB/s") + FABRIC)).same
    lost = (TEXT + FABRIC).replace(
        TRUNKS,
        TRUNKS.replace("leaf[1-3]-[0-1]", "leaf[1-3]-0,leaf[2-3]-1")
        + '    - {ends: [leaf1-1, "spine[1-3]"], bandwidth: 400 Gb/s, count: 2}\n',
    )
    (change,) = compare(cluster(text=rails), cluster(text=lost)).changes
    assert (change.kind, change.names, change.others) == (
        "missing",
        ("u1/plane0/rail1/leaf0",),
        ("plane0/spine3",),
    )


def test_one_file_without_switches():
    """Links are compared only where both files describe them."""
    assert compare(cluster(), cluster(text=TEXT + FABRIC)).same
