"""Uplinks by tier, whole and as they are now."""

from __future__ import annotations

import numpy as np
import pytest

from planner.source import parse_document, validate
from planner.topology.rows import build_grid
from planner.topology.schema import Topology
from planner.topology.uplinks import Uplinks, uplinks

TEXT = """\
format_version: 1
name: small
tiers:
  - {name: node}
  - {name: rack, uplink: 7 GB/s}
  - {name: cluster}
domains:
  - {rack: r1, node: "n[1-2]", gpus: 1}
  - {rack: r2, node: n1, gpus: 1}
"""


def found(text, nic_node):
    """Uplinks of three nodes in two racks, a NIC of 2 B/s (1 B/s of it left) on each node given."""
    spec = validate(parse_document(text), Topology)
    grid = build_grid(["node", "rack", "cluster"], [[["r1"], ["n1", "n2"]], [["r2"], ["n1"]]])
    count = len(nic_node)
    nics = Uplinks(np.full(count, 2.0), np.full(count, 1.0))
    return uplinks(spec, grid.tiers, grid.row_of_node, np.array(nic_node, np.int32), nics)


def test_sum_of_nics_at_the_node():
    """A node has what its NICs have, the rack what is given, the cluster nothing."""
    node, rack, cluster = found(TEXT, [0, 0, 1, 2])
    assert node.whole.tolist() == [4.0, 2.0, 2.0]
    assert node.now.tolist() == [2.0, 1.0, 1.0]
    assert rack.now.tolist() == [7e9, 7e9]
    assert cluster is None


def test_sum_of_nics_at_the_scale_up_tier():
    """Where the rack is the boundary it sums the NICs beneath, and the node has no uplink."""
    node, rack, _ = found(TEXT.replace("uplink: 7 GB/s", "scale_up: 9 GB/s"), [0, 0, 1, 2])
    assert node is None
    assert rack.whole.tolist() == [6.0, 2.0]


def test_row_then_tier_then_nics():
    """At the node a row's uplink comes first, then the tier's, then the NICs."""
    text = TEXT.replace("gpus: 1}\n  -", "gpus: 1, uplink: 3 B/s}\n  -")
    assert found(text, [0, 1, 2])[0].whole.tolist() == [3.0, 3.0, 2.0]
    text = text.replace("{name: node}", "{name: node, uplink: 5 B/s}")
    assert found(text, [0, 1, 2])[0].whole.tolist() == [3.0, 3.0, 5.0]


def test_none_beside_others():
    """A node without NICs beside others that have some is not a number; all without are free."""
    assert found(TEXT, [0, 1])[0].whole.tolist() == pytest.approx([2.0, 2.0, np.nan], nan_ok=True)
    assert found(TEXT, [])[0] is None
