"""Devices of nodes, and which NIC a GPU uses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.errors import InputError
from planner.source import parse_document
from planner.topology.health import Devices, assign_nics
from planner.topology.load import to_cluster


def test_counted():
    """Devices are numbered node by node; a node may have none."""
    devices = Devices.counted(np.array([2, 0, 3], np.int32))
    assert devices.node.tolist() == [0, 0, 2, 2, 2]
    assert devices.local.tolist() == [0, 1, 0, 1, 2]


@given(st.data())
def test_a_gpu_uses_a_nic_of_its_own_node_that_works(data):
    """Each GPU has its even share, or the next working NIC of its node; none only where none works."""
    nodes = data.draw(st.integers(1, 4))
    counts = st.lists(st.integers(0, 6), min_size=nodes, max_size=nodes)
    gpus = np.array(data.draw(counts), np.int32) + 1
    nics = np.array(data.draw(counts), np.int32)
    total = int(nics.sum())
    working = np.array(data.draw(st.lists(st.booleans(), min_size=total, max_size=total)), np.bool_)
    devices = Devices.counted(gpus)
    chosen = assign_nics(devices, gpus, nics, working)
    start = np.cumsum(nics) - nics
    for node, local, nic in zip(devices.node, devices.local, chosen, strict=True):
        own = list(range(start[node], start[node] + nics[node]))
        preferred = local * nics[node] // gpus[node]
        in_turn = [nic for nic in own[preferred:] + own[:preferred] if working[nic]]
        assert nic == (in_turn[0] if in_turn else -1)


def test_missing_devices_are_called_what_they_are():
    """A GPU or NIC that a node does not have is told as such."""
    text = (Path(__file__).parents[2] / "topologies" / "lab-4x8.yaml").read_text()
    with pytest.raises(InputError) as caught:
        to_cluster(parse_document(text + 'down: ["*/*/gpu8", "*/*/nic9"]\n'))
    told = [problem.message for problem in caught.value.problems]
    assert told == ["not every node selected has GPU 8", "not every node selected has NIC 9"]
