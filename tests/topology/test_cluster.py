"""The immutable cluster."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from planner.source import parse_document
from planner.topology.load import to_cluster

TEXT = """\
format_version: 1
name: small
tiers:
  - {name: node, uplink: 10 GB/s}
  - {name: rack}
  - {name: unit, uplink: 30 GB/s}
  - {name: cluster}
domains:
  - {unit: "u[1-2]", rack: "r[1-2]", node: "n[1-2]", gpus: 2}
down: [u2/r1, u1/r1/n1/gpu0]
"""


@pytest.fixture(scope="module")
def cluster():
    """Two units of two racks of two nodes of two GPUs, a rack and a GPU of them down."""
    return to_cluster(parse_document(TEXT))


def test_domains_of_gpus(cluster):
    """Every GPU knows its domain at every tier."""
    node, rack, unit, whole = cluster.domain_of_gpu
    assert node.tolist() == [gpu // 2 for gpu in range(16)]
    assert rack.tolist() == [gpu // 4 for gpu in range(16)]
    assert unit.tolist() == [gpu // 8 for gpu in range(16)]
    assert whole.tolist() == [0] * 16


def test_summed_uplinks_count_domains_in_service(cluster):
    """A domain counts while one of its GPUs works; a tier without uplinks is free."""
    assert cluster.tier_uplink_bytes_per_s == (60e9, None, 60e9, None)


@pytest.mark.parametrize(
    ("tier", "domain", "path"), [(0, 5, "u2/r1/n2"), (1, 3, "u2/r2"), (2, 1, "u2"), (3, 0, "cluster")]
)
def test_paths(cluster, tier, domain, path):
    """A path leads from the outermost named tier down."""
    assert cluster.domain_path(tier, domain) == path


def test_tiers_by_name(cluster):
    """A tier is found by name, and an unknown one is told the names there are."""
    assert cluster.tier_index("unit") == 2
    with pytest.raises(KeyError, match="node, rack, unit, cluster"):
        cluster.tier_index("pod")


def test_frozen(cluster):
    """Nothing of it can be set."""
    with pytest.raises(FrozenInstanceError):
        cluster.name = "other"
