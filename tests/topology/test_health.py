"""Devices of nodes, and which NIC a GPU uses."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from planner.topology.health import Devices, assign_nics


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
