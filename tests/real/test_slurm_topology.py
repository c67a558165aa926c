"""Topologies that we write, accepted and given back by Slurm's own controller."""

from __future__ import annotations

import pytest

from planner.formats.hostlist import compress
from planner.formats.importers import slurm
from planner.formats.site.derive import derive
from planner.formats.site.site import Source
from planner.formats.topology_exporters import topology_exporter
from planner.topology.load import load_topology
from tests.formats.importers.test_slurm import ODD
from tests.real.slurmctld import Controller, require_sid, require_slurmctld

pytestmark = pytest.mark.real

TORUS = """\
format_version: 1
name: torus
tiers:
  - {name: node, nics: {count: 4, bandwidth: 400 Gb/s}}
  - {name: pod, uplink: 1 TB/s}
  - {name: cluster}
domains: [{pod: "p[1-2]", node: "n[1-8]", gpus: 4}]
fabric: {kind: torus, dims: [4, 2, 2], bandwidth: 50 GB/s}
"""


def written(cluster, to, kind="tree"):
    """The file of a format."""
    return topology_exporter(to).text(cluster, {"kind": kind, "tier": ""})


def nodes_of(cluster):
    """The line of slurm.conf for all nodes."""
    return f"NodeName={compress(cluster.host_names)} NodeAddr=127.0.0.1 CPUs=1 State=UNKNOWN"


def read(text):
    """The site that a text of Slurm's describes, with its tiers."""
    return derive(slurm.read(Source("slurm", text)))


def tiers_of(site):
    """Domain of every host, by tier."""
    return {name: host.groups for name, host in site.hosts.items()}


@pytest.mark.parametrize("name", ["lab-4x8", "dgx-h100-superpod", "gb300-superpod"])
def test_topology_conf(name, tmp_path):
    """A tree is accepted without a word, and printed by Slurm it is the same tree."""
    require_slurmctld()
    cluster = load_topology(name)
    text = written(cluster, "slurm")
    plugin = "TopologyPlugin=topology/tree"
    with Controller(tmp_path / "c", nodes_of(cluster), ("topology.conf", text), plugin=plugin) as running:
        dumped = read(running.show("topology"))
        assert "error" not in running.said()
    ours = read(text)
    assert ours.switches
    assert dumped.switches.keys() == ours.switches.keys()
    assert sorted(link.ends for link in dumped.links) == sorted(link.ends for link in ours.links)
    assert set(dumped.hosts) == set(cluster.host_names)
    assert not dumped.findings


@pytest.mark.parametrize(
    ("name", "to", "kind"),
    [
        ("lab-4x8", "slurm-yaml", "tree"),
        ("dgx-h100-superpod", "slurm-yaml", "tree"),
        ("gb300-superpod", "slurm-yaml", "tree"),
        ("gb300-superpod", "slurm-yaml", "block"),
        ("gb300-superpod", "slurm", "block"),
        ("dgx-h100-superpod", "slurm", "tree"),
    ],
)
def test_newer_slurm(name, to, kind, tmp_path):
    """The newer Slurm accepts both files; what it prints in two ways are the same tiers as ours."""
    require_sid()
    cluster = load_topology(name)
    text = written(cluster, to, kind)
    plugin, file = f"TopologyPlugin=topology/{kind}", "topology.conf"
    if to == "slurm-yaml":
        plugin, file = "", "topology.yaml"
    with Controller(tmp_path / "c", nodes_of(cluster), (file, text), plugin=plugin, newer=True) as running:
        # The configuration is printed where it is topology.yaml.
        printed = [running.show(what) for what in ("topology", "topoconf")][: 1 + (to == "slurm-yaml")]
        assert "error" not in running.said()
    ours = tiers_of(read(text))
    assert set(ours) == set(cluster.host_names)
    assert [tiers_of(read(each)) for each in printed] == [ours] * len(printed)


@pytest.mark.parametrize("kind", ["torus3d", "ring"])
def test_torus(kind, tmp_path):
    """A torus and a ring are accepted; what the newer Slurm prints of its configuration is the same."""
    require_sid()
    path = tmp_path / "torus.yaml"
    path.write_text(TORUS if kind == "torus3d" else TORUS.replace("[4, 2, 2]", "[16]"))
    cluster = load_topology(str(path))
    text = written(cluster, "slurm-yaml", kind)
    with Controller(tmp_path / "c", nodes_of(cluster), ("topology.yaml", text), newer=True) as running:
        printed = running.show("topoconf")
        assert "error" not in running.said()
    assert tiers_of(read(printed)) == tiers_of(read(text))
    assert len(read(printed).hosts) == 16


@pytest.mark.parametrize("name", ["two leaves", "two parents"])
def test_odd_but_accepted(name, tmp_path):
    """What Slurm lets pass loads here with a finding, and so does what Slurm prints of it."""
    require_slurmctld()
    text, findings = ODD[name]
    plugin, nodes = "TopologyPlugin=topology/tree", "NodeName=n[1-4] NodeAddr=127.0.0.1 CPUs=1"
    with Controller(tmp_path / "c", nodes, ("topology.conf", text), plugin=plugin) as running:
        dumped = slurm.read(Source("dump", running.show("topology")))
    assert [problem.code for problem in dumped.findings] == [code for code, _ in findings]
    assert dumped.hosts.keys() == slurm.read(Source("conf", text)).hosts.keys()


@pytest.mark.parametrize(
    "name",
    ["no such switch", "nothing beneath", "nodes and switches", "twice", "circle", "itself", "unknown key"],
)
def test_odd_and_fatal(name, tmp_path):
    """What Slurm dies of loads here with a finding."""
    require_slurmctld()
    text, findings = ODD[name]
    plugin, nodes = "TopologyPlugin=topology/tree", "NodeName=n[1-4] NodeAddr=127.0.0.1 CPUs=1"
    with (
        pytest.raises(RuntimeError, match="fatal"),
        Controller(tmp_path / "c", nodes, ("topology.conf", text), plugin=plugin),
    ):
        pass
    assert [problem.code for problem in slurm.read(Source("conf", text)).findings] == [
        code for code, _ in findings
    ]


def test_nodes(tmp_path):
    """GPUs and states are the same from slurm.conf and from what Slurm prints of its nodes."""
    require_slurmctld()
    nodes = """\
NodeName=DEFAULT CPUs=1 Gres=gpu:h100:8
NodeName=n[1-2] NodeAddr=127.0.0.1
NodeName=n3 NodeAddr=127.0.0.1 Gres=gpu:4 State=DRAIN Reason="bad fan"
NodeName=n4 NodeAddr=127.0.0.1 State=DOWN Reason=psu
"""
    with Controller(tmp_path / "c", nodes, ("topology.conf", "")) as running:
        conf = slurm.read(Source("slurm.conf", (tmp_path / "c" / "slurm.conf").read_text()))
        for arguments in (("node",), ("node", "--oneliner")):
            dumped = slurm.read(Source("nodes", running.show(*arguments)))
            assert {name: (host.node, bool(host.down)) for name, host in dumped.hosts.items()} == {
                name: (host.node, bool(host.down)) for name, host in conf.hosts.items()
            }
            assert dumped.hosts["n3"].down.startswith("DRAIN: bad fan") or "--oneliner" in arguments
