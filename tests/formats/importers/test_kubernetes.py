"""Kubernetes nodes, Kueue Topologies and Volcano HyperNodes."""

from __future__ import annotations

import io
import json

import pytest
from ruamel.yaml import YAML

from planner.errors import InputError
from planner.formats.importers import kubernetes
from planner.formats.site.site import Source
from tests.formats.importers.fixtures import source
from tests.formats.importers.kubernetes.make import hypernode, listed, mixed, node, volcano


def read(*items):
    """The site of some objects."""
    return kubernetes.read(Source("nodes.json", json.dumps(listed(*items))))


def codes(site):
    """Codes of all findings."""
    return [problem.code for problem in site.findings]


def test_the_fixtures_are_what_makes_them():
    """So that neither is changed alone."""
    assert json.loads(source("kubernetes/mixed.json").text) == mixed()
    assert json.loads(source("kubernetes/volcano.json").text) == volcano()


def test_nodes_with_labels():
    """Tiers by distance, the model, and hosts without GPUs known as such."""
    site = kubernetes.read(source("kubernetes/mixed.json"))
    assert site.tiers == ["tier-0", "tier-1"]
    assert site.hosts["gpu-5"].groups == {"tier-0": "leaf2", "tier-1": "spine1"}
    assert site.hosts["gpu-5"].node.gpu_model == "NVIDIA-H100-80GB-HBM3"
    assert [host.node.gpus for host in site.hosts.values()] == [8] * 8 + [0]


def test_health():
    """Cordoned, silent, and a GPU that cannot be given out, which is a finding with its place."""
    site = kubernetes.read(source("kubernetes/mixed.json"))
    assert {host.name: host.down for host in site.hosts.values() if host.down} == {
        "gpu-2": "cordoned",
        "gpu-5": "not ready: NodeStatusUnknown",
    }
    assert site.hosts["gpu-3"].node.gpus_down == {7: "7 of 8 GPUs can be given out"}
    assert codes(site) == ["I087"]
    position = site.findings[0].position
    assert '"gpu-3"' in position.text


@pytest.mark.parametrize(
    ("labels", "tiers", "scale_up"),
    [
        (
            {f"topology.k8s.aws/network-node-layer-{n}": f"nn{n}" for n in (1, 2, 3)},
            {"layer-3": "nn3", "layer-2": "nn2", "layer-1": "nn1"},
            None,
        ),
        (
            {
                "cloud.google.com/gce-topology-block": "b",
                "cloud.google.com/gce-topology-subblock": "s",
                "cloud.google.com/gce-topology-host": "h",
                "topology.kubernetes.io/zone": "z",
            },
            {"subblock": "s", "block": "b", "zone": "z"},
            None,
        ),
        (
            {"oci.oraclecloud.com/host.network_block_id": "b", "oci.oraclecloud.com/host.rack_id": "r"},
            {"rack": "r", "network_block": "b"},
            None,
        ),
        (
            {
                "backend.coreweave.cloud/superpod": "p",
                "backend.coreweave.cloud/leafgroup": "l",
                "ds.coreweave.com/nvlink.domain": "n",
            },
            {"leafgroup": "l", "superpod": "p"},
            "n",
        ),
        (
            {"fabric.topograph.run/tier-10": "x", "fabric.topograph.run/tier-9": "y"},
            {"tier-9": "y", "tier-10": "x"},
            None,
        ),
        ({"accelerator.topograph.run/domain": "nvl1", "nvidia.com/gpu.clique": ""}, {}, "nvl1"),
        ({"nvidia.com/gpu.clique": "7f3c-2a.32766"}, {}, "7f3c-2a.32766"),
        ({"nvidia.com/gpu.clique": "00000000-0000-0000-0000-000000000000.0"}, {}, None),
    ],
)
def test_families_of_labels(labels, tiers, scale_up):
    """Each family's tiers from the inside out, and NVLink domains where they are real."""
    site = read(node("n", labels))
    assert site.tiers == list(tiers)
    assert site.hosts["n"].groups == tiers
    assert site.hosts["n"].scale_up == scale_up


def test_the_family_that_most_nodes_have():
    """Stray labels of another one are no tiers."""
    aws = {"topology.k8s.aws/network-node-layer-1": "nn"}
    oci = {"oci.oraclecloud.com/host.rack_id": "r"}
    assert read(node("a", aws), node("b", aws), node("c", oci)).tiers == ["layer-1"]


def kueue(name, *levels):
    """A Topology of Kueue."""
    return {
        "apiVersion": "kueue.x-k8s.io/v1beta1",
        "kind": "Topology",
        "metadata": {"name": name},
        "spec": {"levels": [{"nodeLabel": level} for level in levels]},
    }


def test_a_topology_of_kueue_says_which_labels():
    """The outermost level first; the host itself is no tier, and an NVLink domain is one of its own."""
    labels = {"example.com/pod": "p", "example.com/rack": "r", "nvidia.com/gpu.clique": "c.1"}
    levels = ["example.com/pod", "nvidia.com/gpu.clique", "example.com/rack", "kubernetes.io/hostname"]
    site = read(node("n", labels), kueue("mine", *levels))
    assert site.tiers == ["rack", "pod"]
    assert site.hosts["n"].groups == {"rack": "r", "pod": "p"}
    assert site.hosts["n"].scale_up == "c.1"


def test_several_topologies():
    """The one that fits most nodes, and a sentence on that; a finding where none fits."""
    labels = {"a/rack": "r"}
    site = read(node("n", labels), kueue("x", "b/rack"), kueue("y", "a/rack"))
    assert site.tiers == ["rack"]
    assert site.hosts["n"].groups == {"rack": "r"}
    assert "Topology y" in site.assumptions[0]
    assert codes(read(node("n", labels), kueue("x", "b/rack"))) == ["I088"]


def test_hypernodes():
    """Members by name, by pattern and by label; HyperNodes in HyperNodes."""
    site = kubernetes.read(source("kubernetes/volcano.json"))
    assert site.tiers == ["tier-1", "tier-2"]
    assert [(host.groups["tier-1"], host.groups["tier-2"]) for host in site.hosts.values()] == [
        ("s0", "s3"),
        ("s0", "s3"),
        ("s1", "s3"),
        ("s1", "s3"),
        ("s2", "s4"),
        ("s2", "s4"),
    ]


@pytest.mark.parametrize(
    ("hypernodes", "code"),
    [
        ([hypernode("s", 1, "Node", {"exactMatch": {"name": "gone"}})], "I086"),
        ([hypernode("s", 1, "Node", {"regexMatch": {"pattern": "("}})], "I085"),
        ([hypernode("s", 1, "Node", {"regexMatch": {"pattern": "(a+)+$"}})], "I085"),
        ([hypernode("s", 1, "Node", {})], "I085"),
        ([hypernode("s", None, "Node")], "I081"),
        ([hypernode("s", 1, "Node"), hypernode("s", 2, "Node")], "I082"),
        ([hypernode(name, 1, "Node", {"exactMatch": {"name": "n"}}) for name in "st"], "I084"),
    ],
)
def test_odd_hypernodes(hypernodes, code):
    """Findings, and the node is kept."""
    site = read(node("n"), *hypernodes)
    assert codes(site) == [code]
    assert list(site.hosts) == ["n"]


def test_hypernodes_in_a_circle():
    """Each is looked at once."""
    one = hypernode("s", 1, "HyperNode", {"exactMatch": {"name": "t"}})
    other = hypernode("t", 2, "HyperNode", {"exactMatch": {"name": "s"}})
    one["spec"]["members"].append({"type": "Node", "selector": {"exactMatch": {"name": "n"}}})
    assert read(node("n"), one, other).hosts["n"].groups == {"tier-1": "s", "tier-2": "t"}


@pytest.mark.parametrize(
    ("labels", "gpus", "free", "found", "down"),
    [
        ({}, 8, 8, 8, False),
        ({}, 8, 0, 8, True),
        ({"nvidia.com/gpu.count": "8"}, None, None, 8, True),
        ({"nvidia.com/gpu.count": "8"}, 32, 32, 8, False),
        ({}, None, None, 0, False),
        ({"node.kubernetes.io/instance-type": "p5.48xlarge"}, 8, 8, 8, False),
    ],
)
def test_gpus(labels, gpus, free, found, down):
    """None that can be given out, none listed although they are there, each shared by four, none at all."""
    host = read(node("n", labels, gpus, free)).hosts["n"]
    assert (host.node.gpus, host.down is not None) == (found, down)


def test_shared_gpus_that_are_ill():
    """Four shares of one GPU that cannot be given out are one GPU."""
    host = read(node("n", {"nvidia.com/gpu.count": "8"}, 32, 28)).hosts["n"]
    assert list(host.node.gpus_down) == [7]


def test_conditions_and_taints():
    """Those of repair systems mean that a node is ill; those that keep others off it do not."""
    ill = node("ill")
    ill["status"]["conditions"].append({"type": "GpuCount", "status": "True", "reason": "GpuCountHasIssues"})
    tainted = node("tainted", taints=[{"key": "example.com/unhealthy-gpu", "effect": "NoSchedule"}])
    kept = node("kept", taints=[{"key": "nvidia.com/gpu", "effect": "NoSchedule"}])
    kept["status"]["conditions"].append({"type": "GpuDriverUpToDate", "status": "True"})
    site = read(ill, tainted, kept)
    assert {host.name: host.down for host in site.hosts.values()} == {
        "ill": "GpuCount: GpuCountHasIssues",
        "tainted": "taint example.com/unhealthy-gpu",
        "kept": None,
    }


def test_yaml():
    """The same as JSON, in one list or in several documents."""
    text = io.StringIO()
    YAML(typ="safe").dump(mixed(), text)
    found = Source("nodes.yaml", text.getvalue())
    assert kubernetes.recognises(found)
    assert list(kubernetes.read(found).hosts) == list(kubernetes.read(source("kubernetes/mixed.json")).hosts)
    documents = Source("x", "\n---\n".join(json.dumps(node(name)) for name in ("a", "b")))
    assert list(kubernetes.read(documents).hosts) == ["a", "b"]


def test_lists_of_one_kind():
    """Items of a typed list need no kind of their own."""
    item = node("n")
    del item["kind"]
    found = Source("x", json.dumps({"kind": "NodeList", "apiVersion": "v1", "items": [item]}))
    assert kubernetes.recognises(found)
    assert list(kubernetes.read(found).hosts) == ["n"]


def test_nothing_of_the_kind():
    """An error that says what was looked for; odd nodes are findings."""
    with pytest.raises(InputError, match="I080"):
        read(kueue("x", "a"))
    assert codes(read(node("n"), node("n"), node(""))) == ["I082", "I081"]
