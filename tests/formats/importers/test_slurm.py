"""The importer of Slurm's files."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.errors import InputError
from planner.formats.importers.slurm import read, recognises
from planner.formats.site.derive import derive
from planner.formats.site.site import Source

SAMPLES = Path(__file__).parents[4] / "shared" / "data" / "samples" / "slurm"

TREE = """\
# two pods
switchname=top Switches=pod[1-2]
SwitchName=pod1 SWITCHES=leaf[1-2]   # a comment
SwitchName=pod2 Switches=\\
leaf[3-4] LinkSpeed=400000
SwitchName=leaf1 Nodes=n[01-02]
SwitchName=leaf2 Nodes=n[03-04]
SwitchName=leaf3 Nodes = "n05,n06"
SwitchName=leaf4 Nodes=n[07-08]
"""
TREE_DUMP = """\
SwitchName=top Level=2 LinkSpeed=1 Nodes=n[01-04] Switches=pod1
SwitchName=pod1 Level=1 LinkSpeed=1 Nodes=n[01-04] Switches=leaf[1-2]
SwitchName=leaf1 Level=0 LinkSpeed=1 Nodes=n[01-02]
SwitchName=leaf2 Level=0 LinkSpeed=1 Nodes=n[03-04]
"""
BLOCKS = """\
BlockName=b1 Nodes=n[01-02]
BlockName=b2 Nodes=n[03-04]
BlockName=b3 Nodes=n[05-06]
BlockSizes=2,4
"""
BLOCK_DUMP = """\
BlockName=b1 BlockIndex=0 Nodes=n[01-02] BlockSize=2
BlockName=b2 BlockIndex=1 Nodes=n[03-04] BlockSize=2
BlockName=b3 BlockIndex=2 Nodes=n[05-06] BlockSize=2
AggregatedBlock=b[1-2] BlockIndex=3 Nodes=n[01-04] BlockSize=4
"""
YAML = """\
- topology: spare
  cluster_default: false
  flat: true
- topology: main
  cluster_default: true
  tree:
    switches:
      - {switch: top, children: "leaf[1-2]"}
      - {switch: leaf1, nodes: "n[01-02]"}
      - {switch: leaf2, nodes: "n[03-04]"}
"""
TOPOCONF = """\
---
- topology: main
  cluster_default: true
  tree: {}
  block:
    block_sizes: [2, 4]
    blocks:
    - {block: b1, nodes: "n[01-02]"}
    - {block: b2, nodes: "n[03-04]"}
    - {block: b3, nodes: "n[05-06]"}
  ring: {}
...
"""
CONF = """\
ClusterName=lab
NodeName=DEFAULT Gres=gpu:h100:8(S:0-1) State=UNKNOWN
NodeName=n[1-3] CPUs=64
NodeName=n4 Gres=gpu:4,nic:4 State=DRAIN Reason="bad fan"
NodeName=n5 State=FUTURE
NodeName=login Gres=
DownNodes=n2 State=FAIL Reason=psu
PartitionName=all Nodes=ALL
"""
NODE_DUMP = """\
NodeName=n1 Arch=x86_64 CoresPerSocket=1
   CPUAlloc=0 CPUTot=2 CPULoad=0.39
   Gres=gpu:h100:8(S:0)
   OS=Linux 6.1.0 #1 SMP Debian
   State=IDLE ThreadsPerCore=1 TmpDisk=0

NodeName=n2 Arch=x86_64 CoresPerSocket=1
   CPUAlloc=0 CPUTot=2 CPULoad=0.39
   Gres=(null)
   State=MIXED+DRAIN ThreadsPerCore=1
   Reason=bad fan, to be replaced [root@2024-01-01T00:00:00]

NodeName=n3 CPUAlloc=0 Gres=gpu:2 State=IDLE*
"""


def site_of(text):
    """The site that a text describes."""
    return read(Source("slurm.txt", text))


def groups(site, tier):
    """Hosts of each domain of a tier."""
    found = {}
    for name, host in site.hosts.items():
        found.setdefault(host.groups.get(tier), []).append(name)
    return found


def codes(site):
    """Code and line of each finding."""
    return [(problem.code, problem.position.line if problem.position else None) for problem in site.findings]


@pytest.mark.parametrize("text", [TREE, TREE_DUMP, BLOCKS, BLOCK_DUMP, YAML, TOPOCONF, CONF, NODE_DUMP])
def test_recognised(text):
    """Every form of Slurm's is known by its content, and nothing in it is odd."""
    assert recognises(Source("x", text))
    assert {code for code, _ in codes(site_of(text))} <= {"I026"}


@pytest.mark.parametrize("text", ["", "name: lab\n", "{}", "- topology: x\n", 'Switch 4 "S-1"\n', "a=b\n"])
def test_not_recognised(text):
    """Other text is not taken for Slurm's, and read as such is an error."""
    assert not recognises(Source("x", text))
    with pytest.raises(InputError) as caught:
        site_of(text)
    assert caught.value.problems[0].code == "I028"


def test_tree():
    """A tree is switches and links: keys in any case, continued lines, comments, quotes."""
    site = site_of(TREE)
    assert {name: switch.level for name, switch in site.switches.items()} == {
        **dict.fromkeys(("leaf1", "leaf2", "leaf3", "leaf4"), 1),
        "pod1": 2,
        "pod2": 2,
        "top": 3,
    }
    derive(site)
    assert groups(site, "leaf")["leaf3"] == ["n05", "n06"]
    assert groups(site, "pod") == {"pod1": ["n01", "n02", "n03", "n04"], "pod2": ["n05", "n06", "n07", "n08"]}
    assert not site.findings


def test_names_of_switches():
    """Brackets in the name of a switch are part of it, as in Slurm, and an escaped comment sign is."""
    site = site_of("SwitchName=s[1-2] Nodes=n1\nSwitchName=s\\#3 Nodes=n2 # a comment\n")
    assert list(site.switches) == ["s[1-2]", "s#3"]


def test_link_speed():
    """A usual rate is the bandwidth of the uplink in Mb/s, and said to be assumed; Slurm's own 1 is none."""
    site = site_of(TREE)
    assert {link.ends: link.bytes_per_s for link in site.links if link.bytes_per_s} == {("top", "pod2"): 50e9}
    assert any("LinkSpeed" in sentence for sentence in site.assumptions)
    assert not site_of(TREE_DUMP).assumptions


def test_continued_line_has_its_own_position():
    """A value on a continued line is pointed at where it stands."""
    site = site_of(TREE.replace("leaf[3-4]", "leaf[4-3]"))
    place = next(problem.position for problem in site.findings if problem.code == "I020")
    assert (place.line, place.column, place.text) == (5, 1, "leaf[4-3] LinkSpeed=400000")


def test_tree_dump():
    """Upper levels of a dump list all nodes beneath them, which are joined to their leaves alone."""
    site = derive(site_of(TREE_DUMP))
    assert {link.ends for link in site.links if link.ends[1] in site.hosts} == {
        ("leaf1", "n01"),
        ("leaf1", "n02"),
        ("leaf2", "n03"),
        ("leaf2", "n04"),
    }


@pytest.mark.parametrize("text", [BLOCKS, BLOCK_DUMP, TOPOCONF])
def test_blocks(text):
    """Blocks and larger sizes are tiers, the same from a file, a dump and a printed configuration."""
    site = site_of(text)
    assert site.tiers == ["block", "block_x2"]
    assert groups(site, "block")["b2"] == ["n03", "n04"]
    assert groups(site, "block_x2") == {"b1-b2": ["n01", "n02", "n03", "n04"], "b3": ["n05", "n06"]}


def test_yaml_default():
    """Of several topologies the cluster's default is taken, and the others are findings."""
    site = site_of(YAML)
    assert codes(site) == [("I026", 1)]
    assert list(site.switches) == ["top", "leaf1", "leaf2"]


def test_ring():
    """Rings are a tier."""
    site = site_of('- topology: r\n  ring:\n    rings: [{ring: a, nodes: "n[1-2]"}, {ring: b, nodes: n3}]\n')
    assert groups(site, "ring") == {"a": ["n1", "n2"], "b": ["n3"]}


def test_torus():
    """Nodes of a torus lie in rows and planes by their coordinates, x fastest."""
    text = '- topology: t\n  torus3d:\n    toruses: [{name: t, dims: {x: 2, y: 2, z: 2}, nodes: "n[1-8]"}]\n'
    site = site_of(text)
    assert groups(site, "row")["t-z1-y0"] == ["n5", "n6"]
    assert groups(site, "plane") == {"t-z0": ["n1", "n2", "n3", "n4"], "t-z1": ["n5", "n6", "n7", "n8"]}
    assert "2 x 2 x 2" in site.assumptions[0]
    assert codes(site_of(text.replace("8]", "9]"))) == [("I027", 3)]


def test_flat():
    """A flat topology names no nodes, which is no error: they come from slurm.conf."""
    site = site_of("- topology: f\n  cluster_default: true\n  flat: true\n")
    assert not site.hosts
    assert site.assumptions


def test_nodes():
    """GPUs and health come from slurm.conf, with the defaults of its DEFAULT lines."""
    site = site_of(CONF)
    assert site.name == "lab"
    assert {name: (host.node.gpus, host.node.gpu_model) for name, host in site.hosts.items()} == {
        **dict.fromkeys(("n1", "n2", "n3", "n5"), (8, "h100")),
        "n4": (4, None),
        "login": (0, None),
    }
    assert {name: host.down for name, host in site.hosts.items() if host.down} == {
        "n2": "FAIL: psu",
        "n4": "DRAIN: bad fan",
        "n5": "FUTURE",
    }


def test_node_dump():
    """Records of scontrol have states with flags and reasons with spaces, or one line each."""
    site = site_of(NODE_DUMP)
    assert {name: (host.node.gpus, host.down) for name, host in site.hosts.items()} == {
        "n1": (8, None),
        "n2": (0, "DRAIN: bad fan, to be replaced [root@2024-01-01T00:00:00]"),
        "n3": (2, "not responding"),
    }


ODD = {
    "two leaves": ("SwitchName=a Nodes=n[1-2]\nSwitchName=b Nodes=n[2-3]\n", [("I024", 2)]),
    "two parents": (
        "SwitchName=s Switches=a\nSwitchName=t Switches=a\nSwitchName=a Nodes=n1\n",
        [("I025", 2)],
    ),
    "no such switch": ("SwitchName=s Switches=a,b\nSwitchName=a Nodes=n1\n", [("I023", 1)]),
    "nothing beneath": ("SwitchName=s\nSwitchName=a Nodes=n1\n", [("I023", 1)]),
    "nodes and switches": ("SwitchName=s Nodes=n1 Switches=a\nSwitchName=a Nodes=n2\n", [("I023", 1)]),
    "twice": ("SwitchName=a Nodes=n1\nSwitchName=a Nodes=n2\n", [("I082", 2)]),
    "circle": ("SwitchName=a Switches=b\nSwitchName=b Switches=a,c\nSwitchName=c Nodes=n1\n", [("I025", 2)]),
    "itself": ("SwitchName=a Switches=a,b\nSwitchName=b Nodes=n1\n", [("I025", 1)]),
    "unknown key": ("SwitchName=a Nods=n1 Nodes=n1\n", [("I022", 1)]),
    "stray word": ("SwitchName=a Nodes=n1, n2\n", [("I022", 1)]),
    "key twice": ("SwitchName=a Nodes=n2 nodes=n1\n", [("I022", 1)]),
    "all": ("SwitchName=a Nodes=ALL\nSwitchName=b Nodes=n1\n", [("I023", 1), ("I023", 1)]),
    "speed": ("SwitchName=a Nodes=n1 LinkSpeed=fast\n", [("I022", 1)]),
    "odd name": ("SwitchName=a Nodes=n{1},n1\nSwitchName=b Nodes=n{1}\n", [("I024", 2)]),
    "bad host list": ("SwitchName=a Nodes=n[2-1]\nSwitchName=b Nodes=n1\n", [("I020", 1), ("I023", 1)]),
    "include": ("Include other.conf\nSwitchName=s Switches=a,b\nSwitchName=a Nodes=n1\n", [("I029", 1)]),
    "two blocks": ("BlockName=a Nodes=n[1-2]\nBlockName=b Nodes=n[2-3]\n", [("I024", 2)]),
    "empty block": ("BlockName=a Nodes=n1\nBlockName=b\n", [("I023", 2)]),
    "block sizes": ("BlockName=a Nodes=n1\nBlockSizes=2,6,x\n", [("I027", 2), ("I027", 2)]),
    "two kinds": ("SwitchName=a Nodes=n1\nBlockName=b Nodes=n1\n", [("I026", 2)]),
    "gres": ("NodeName=n1 Gres=gpu:a:b:c\n", [("I022", 1)]),
    "models": ("NodeName=n1 Gres=gpu:a100:1,gpu:h100:1\n", [("I022", 1)]),
    "node twice": ("NodeName=n[1-2]\nNodeName=n2\n", [("I082", 2)]),
    "down unknown": ("NodeName=n1\nDownNodes=n2\n", [("I023", 2)]),
    "no dims": (
        """\
- topology: t
  torus3d:
    toruses: [{name: a, nodes: n1}, {name: b, nodes: n1, dims: {x: 1, y: 1, z: 1}}]
""",
        [("I027", 3)],
    ),
    "two defaults": (
        """\
- {topology: one, cluster_default: true, tree: {switches: [{switch: s, nodes: n1}]}}
- {topology: two, cluster_default: true, flat: true}
""",
        [("I026", 2)],
    ),
    "no name": ("- {topology: a, block: {blocks: [{nodes: n1}, {block: b, nodes: n2}]}}\n", [("I081", None)]),
}


@pytest.mark.parametrize("name", ODD)
def test_odd(name):
    """What is odd is a finding at its place, and drops no node that can be read."""
    text, expected = ODD[name]
    site = site_of(text)
    assert codes(site) == expected
    assert ("n1" in site.hosts) == (name != "no name")


def test_node_in_two_leaves_keeps_both_links():
    """A node under two switches stays one node, joined to both."""
    site = site_of(ODD["two leaves"][0])
    assert [link.ends for link in site.links] == [("a", "n1"), ("a", "n2"), ("b", "n2"), ("b", "n3")]


def test_too_many_hosts(monkeypatch):
    """Lists that name hosts without end are an error, not a wait."""
    monkeypatch.setattr("planner.formats.reading.slurm.layout.MOST_NAMES", 100)
    line = "SwitchName=s{} Nodes=a[1-10]b[1-8]\n"
    with pytest.raises(InputError, match="too many hosts"):
        site_of("".join(line.format(number) for number in range(2)))


SCRAPS = ("", "[", "]", ",", "=", "\n", '"', "\\\n", "#", "9" * 30, "-", ":", "\x00", "{")
TEXTS = (TREE, TREE_DUMP, BLOCKS, BLOCK_DUMP, YAML, TOPOCONF, CONF, NODE_DUMP)


@given(data=st.data())
def test_mangled(data):
    """A text cut short and with some characters changed is read or refused, and never fails otherwise."""
    text = data.draw(st.sampled_from(TEXTS))
    text = text[: data.draw(st.integers(0, len(text)))]
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(text)))
        put = data.draw(st.sampled_from(SCRAPS))
        text = text[:at] + put + text[at + data.draw(st.integers(0, 3)) :]
    source = Source("x", text)
    recognises(source)
    with suppress(InputError):
        site = derive(read(source))
        assert site.hosts or site.switches or site.findings


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples are not beside the repository")
@pytest.mark.parametrize(
    ("name", "hosts"),
    [
        ("block.scontrol-show-topology", 96),
        ("several-kinds.topology.yaml", 16),
        ("three-trunks.topology.conf", 40),
        ("torus3d.topology.yaml", 16),
        ("tree-10k-nodes.topology.conf", 10_000),
        ("tree-small.topology.conf", 400),
        ("tree.scontrol-show-topology", 96),
    ],
)
def test_samples(name, hosts):
    """Files of others load whole."""
    source = Source(name, (SAMPLES / name).read_text())
    assert recognises(source)
    assert len(read(source).hosts) == hosts
