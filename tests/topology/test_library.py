"""The clusters that ship."""

from __future__ import annotations

import numpy as np
import pytest

from planner.library import folder, shipped
from planner.topology.load import load_topology
from planner.topology.summary import summarize

COUNTS = {
    "dgx-h100-superpod": (1024, {"node": 128, "unit": 4}),
    "gb200-nvl72-5120": (5120, {"node": 1280, "rack": 80, "unit": 10}),
    "gb300-220k": (220_032, {"node": 55_008, "rack": 3056, "unit": 382, "pod": 24}),
    "gb300-220k-degraded": (220_032, {"node": 55_008, "rack": 3056, "unit": 382, "pod": 24}),
    "gb300-superpod": (9216, {"node": 2304, "rack": 128, "unit": 16}),
    "hpn-15k": (15_360, {"node": 1920, "segment": 15}),
    "lab-4x8": (32, {"node": 4, "rack": 2}),
    "llama3-24k": (24_576, {"node": 3072, "rack": 1536, "pod": 8}),
    "mixed-nics": (238, {"node": 32, "rack": 8}),
}


@pytest.mark.parametrize("name", COUNTS)
def test_counts(name):
    """Each cluster has the GPUs and domains of its source, and is called by its file's name."""
    cluster = load_topology(name)
    gpus, domains = COUNTS[name]
    assert cluster.name == name
    assert cluster.gpus == gpus
    assert {tier.name: tier.domains for tier in cluster.tiers} == {**domains, "cluster": 1}


def test_every_cluster_is_checked():
    """The table above lists all that ship."""
    assert shipped("topology") == sorted(COUNTS)


@pytest.mark.parametrize("name", COUNTS)
def test_on_one_screen_with_its_source(name):
    """Each file fits a screen and says where its figures come from."""
    lines = (folder("topology") / f"{name}.yaml").read_text().splitlines()
    assert len(lines) <= 50
    assert max(map(len, lines)) <= 110
    comment = " ".join(line.lower() for line in lines if line.startswith("#"))
    assert any(word in comment for word in ("source", "made up", "from nvidia"))


@pytest.mark.parametrize(
    ("name", "ratios"),
    [
        ("gb300-220k", {"unit": 1.0, "pod": 382 / 96}),
        ("gb300-superpod", {"unit": 1.0}),
        ("gb200-nvl72-5120", {"unit": 2.0}),
        ("dgx-h100-superpod", {"unit": 1.0}),
        ("llama3-24k", {"rack": 1.0, "pod": 7.0}),
        ("hpn-15k", {"segment": 16 / 15}),
        ("lab-4x8", {"rack": 2.0}),
    ],
)
def test_oversubscription(name, ratios):
    """Oversubscription is what the comment of the file says."""
    found = {tier.name: tier.oversubscription for tier in summarize(load_topology(name)).tiers}
    assert {tier: found[tier] for tier in ratios} == pytest.approx(ratios, rel=1e-4)


def test_rack_of_the_flagship():
    """72 GPUs and 7.2 TB/s a rack, at which traffic goes onto NICs."""
    cluster = load_topology("gb300-220k")
    assert cluster.tiers[cluster.boundary].name == "rack"
    assert set(np.bincount(cluster.domain_of_gpu[1])) == {72}
    assert set(cluster.tiers[1].uplink_bytes_per_s) == {7.2e12}
    assert cluster.gpu_rail[:8].tolist() == [0, 1, 2, 3] * 2


def test_degraded_flagship():
    """About 1 % of trays down: single trays, pairs, whole racks; a few units with less uplink."""
    cluster = load_topology("gb300-220k-degraded")
    held = np.bincount(cluster.domain_of_gpu[1][cluster.gpu_in_service], minlength=3056)
    sizes, counts = np.unique(held, return_counts=True)
    assert dict(zip(sizes.tolist(), counts.tolist(), strict=True)) == {0: 4, 60: 6, 64: 50, 68: 361, 72: 2635}
    assert 1 - cluster.gpu_in_service.mean() == pytest.approx(0.01, abs=0.0005)
    assert (cluster.tiers[2].uplink_bytes_per_s < 57.6e12).sum() == 5
    assert (held >= 64).sum() * 64 >= 0.88 * 220_032


def test_mixed_hardware():
    """Rows differ in GPUs, NICs and GPU model."""
    cluster = load_topology("mixed-nics")
    per_node = np.bincount(cluster.nic_node, minlength=cluster.nodes)
    assert sorted(set(per_node.tolist())) == [2, 4, 8]
    assert [gpu.name for gpu in cluster.gpu_kinds] == ["h100", "a100", "h200"]
    assert len(set(cluster.tiers[0].uplink_bytes_per_s.tolist())) == 5
    assert cluster.gpu_rail[cluster.gpu_node == cluster.nodes - 1].tolist() == [-1] * 6
