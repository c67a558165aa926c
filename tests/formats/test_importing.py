"""From foreign files to a topology file."""

from __future__ import annotations

import json

import pytest

from planner.errors import InputError, UsageError
from planner.formats import importing
from planner.formats.importing import Asked, asked_for, import_topology, write_up
from planner.formats.site.given import Given
from planner.formats.site.site import Host, Node, Site
from tests.formats.importers.kubernetes.make import hypernode, listed, node

TREE = "SwitchName=l1 Nodes=n[1-2]\nSwitchName=l2 Nodes=n[3-4]\nSwitchName=top Switches=l[1-2]\n"


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["a.json"], [("a.json", None)]),
        (["aws", "a.json", "-"], [("a.json", "aws"), ("-", "aws")]),
        (["aws", "slurm:b", "a"], [("b", "slurm"), ("a", "aws")]),
        (["slurm:b", "a"], [("b", "slurm"), ("a", None)]),
        (["./aws"], [("./aws", None)]),
        (["C:odd"], [("C:odd", None)]),
    ],
)
def test_what_is_asked_for(words, asked):
    """A format in front holds for all sources but those that have their own."""
    assert asked_for(words) == [Asked(*each) for each in asked]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["aws"], "no source"),
        (["kubernets", "a.json"], "did you mean 'kubernetes'"),
        (["kubernets:a.json"], "did you mean 'kubernetes'"),
        (["xyz", "a.json"], "unknown format"),
        (["-", "-"], "twice"),
    ],
)
def test_what_makes_no_sense(words, message):
    """No source, formats that are not known, standard input twice."""
    with pytest.raises(UsageError, match=message):
        asked_for(words)


def test_files_that_are_called_like_formats(tmp_path, monkeypatch):
    """A file that is there is a source, also where its name has a colon."""
    monkeypatch.chdir(tmp_path)
    for name in ("xyz", "slurm:b"):
        (tmp_path / name).touch()
    assert asked_for(["xyz", "a"])[0] == Asked("xyz")
    assert asked_for(["slurm:b"]) == [Asked("slurm:b")]


def test_several_sources(tmp_path):
    """The tree from Slurm, GPUs and health from Kubernetes, whose names are longer."""
    tree, nodes = tmp_path / "topology.conf", tmp_path / "nodes.json"
    tree.write_text(TREE)
    items = [node(f"n{number}.example", {"nvidia.com/gpu.product": "NVIDIA-H200"}) for number in range(1, 5)]
    items[1]["spec"]["unschedulable"] = True
    nodes.write_text(json.dumps(listed(*items)))
    done = import_topology([Asked(str(tree)), Asked(str(nodes))])
    cluster = done.cluster
    assert done.sources == ((str(tree), "slurm"), (str(nodes), "kubernetes"))
    assert not done.site.findings
    assert cluster.host_names == ["n1", "n2", "n3", "n4"]
    assert cluster.gpu_kinds[0].name == "h200"
    assert cluster.gpu_in_service.reshape(4, 8).all(axis=1).tolist() == [True, False, True, True]
    assert cluster.tiers[1].domains == 2


@pytest.mark.parametrize("order", [("nodes", "groups"), ("groups", "nodes")])
def test_objects_of_kubernetes_in_several_files(tmp_path, order):
    """HyperNodes in one file group the nodes of another, whichever is named first."""
    (tmp_path / "nodes").write_text(json.dumps(listed(*map(node, ("n1", "n2", "n3")))))
    (tmp_path / "groups").write_text(
        json.dumps(hypernode("s1", 1, "Node", {"regexMatch": {"pattern": "^n[12]$"}}))
    )
    imported = import_topology([Asked(str(tmp_path / name)) for name in order])
    assert {name: host.groups for name, host in imported.site.hosts.items()} == {
        "n1": {"tier-1": "s1"},
        "n2": {"tier-1": "s1"},
        "n3": {},
    }
    assert [form for _, form in imported.sources] == ["kubernetes"] * 2


def test_hosts_that_no_link_leads_to_bear_a_comment(tmp_path):
    """Their domain is made up, though it is called as those of the fabric are."""
    (tmp_path / "topology.conf").write_text(TREE)
    (tmp_path / "slurm.conf").write_text("NodeName=n[1-5] Gres=gpu:8\n")
    imported = import_topology([Asked(str(tmp_path / name)) for name in ("topology.conf", "slurm.conf")])
    marked = [line for line in imported.text.splitlines() if "no source says where" in line]
    assert ["node: n5" in line for line in marked] == [True]


def test_odd_bytes_are_findings(tmp_path):
    """Beside those of the importer, and first."""
    path = tmp_path / "topology.conf"
    path.write_bytes(b"# caf\xe9\n" + TREE.encode())
    done = import_topology([Asked(str(path))], Given(gpus=8))
    assert [problem.code for problem in done.site.findings] == ["I001"]


def test_too_large_for_a_file(monkeypatch):
    """An error that says by how much."""
    monkeypatch.setattr(importing, "LARGEST_BYTES", 100)
    with pytest.raises(InputError, match="I008"):
        write_up(Site(hosts={"n1": Host("n1", Node(8))}), Given())


def test_what_no_topology_can_hold():
    """Is said with the reason."""
    hosts = {f"n{number}": Host(f"n{number}", Node(1024)) for number in range(2000)}
    with pytest.raises(InputError, match="T017"):
        write_up(Site(hosts=hosts), Given())
