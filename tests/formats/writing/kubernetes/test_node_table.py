"""Hosts as pods see them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.errors import UsageError
from planner.formats.writing.kubernetes.node_table import Node, nodes_of, ranges, table
from tests.formats.jobs import irregular, regular


def test_devices_are_counted_among_those_in_service():
    """GPU 0 of r00-n00 and GPU 3 of r00-n01... are out of service: the container numbers the others anew."""
    nodes = {node.name: node for node in nodes_of(irregular())}
    # Of six GPUs of r01-n00, GPU 3 is out of service.
    assert nodes["r01-n00"] == Node("r01-n00", (0, 3, 9), (4, 0, 2), 5)
    assert nodes["r00-n00"] == Node("r00-n00", (5, 7), (0, 2), 3)
    assert nodes["r00-n01"] == Node("r00-n01", (1, 2, 4, 6, 8), (7, 6, 4, 1, 0), 8)


@pytest.mark.parametrize(
    ("numbers", "text"),
    [((0, 1, 2, 3), "0-3"), ((5, 0, 2), "5,0,2"), ((7, 6, 8, 9), "7,6,8-9"), ((4,), "4")],
)
def test_ranges(numbers, text):
    """Ascending runs are short, and the order stays."""
    assert ranges(numbers) == text


def test_table():
    """A node a line: name, ranks, devices."""
    assert table(nodes_of(regular())) == "n00 0-3 0-3\nn01 4-7 0-3\n"


@pytest.mark.parametrize("name", ["Node1", "node_1", "n" * 64, "-node"])
def test_names_that_no_node_has(name):
    """Kubernetes would refuse the manifest, or the label would never match."""
    placement = regular()
    placement = replace(placement, cluster=replace(placement.cluster, host_names=[name, "n1"]))
    with pytest.raises(UsageError, match="E022"):
        nodes_of(placement)


def test_rank_out_of_service():
    """No pod is given such a GPU."""
    with pytest.raises(UsageError, match="E004"):
        nodes_of(regular(down=(1,)))
