"""Published rates, and what of a cluster can fail."""

from __future__ import annotations

import numpy as np
import pytest

from planner.repair.failures import HOUR, LLAMA3, Components, Failures
from tests.builders import grid_cluster


def test_the_published_interruptions_are_all_there():
    """419 in 54 days on 16,384 GPUs: one every 50,677 GPU hours, by kinds together as well."""
    assert sum(each.interruptions for each in LLAMA3.values()) == 419
    rate = sum(each.components / each.mtbf_s for each in LLAMA3.values())
    assert 16384 / rate / HOUR == pytest.approx(50_677, rel=1e-4)


def test_components_of_a_cluster():
    """GPUs out of service do not fail; a node without any is not there, nor are its NICs."""
    cluster = grid_cluster(2, 3, 4, nics=2, down=(0, 4, 5, 6, 7))
    components = Components.of(cluster)
    assert components.counts() == {"gpu": 19.0, "nic": 10.0, "node": 5.0, "rack": 2.0, "software": 19.0}
    assert components.gpus.tolist() == [3, 0, 4, 4, 4, 4]
    assert components.nics.tolist() == [2, 0, 2, 2, 2, 2]
    rates = components.node_rates(Failures())
    assert rates[1].tolist() == [0, 0, 0]
    assert rates[0, 0] == pytest.approx(3 / LLAMA3["gpu"].mtbf_s)


def test_a_cluster_without_racks():
    """Where the tier above the node is the cluster, no rack fails."""
    components = Components.of(grid_cluster(4, 2))
    assert components.counts()["rack"] == 0
    assert np.unique(components.rack).tolist() == [-1]
