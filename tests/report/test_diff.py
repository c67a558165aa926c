"""What moved, as people and scripts read it."""

from __future__ import annotations

import numpy as np

from planner.placement.diff import diff
from planner.placement.placement import Objective
from planner.report.diff import diff_document, diff_view
from tests.builders import claimed, grid_cluster
from tests.report.jobs import text_of, two_racks


def exchanged(first, second):
    """The example with two ranks exchanged."""
    order = np.arange(32)
    order[[first, second]] = order[[second, first]]
    return two_racks(order)


def test_few_moves_are_listed():
    """Each rank with its place before and after, and what it did to each tier."""
    text = text_of(diff_view(diff(two_racks(), exchanged(0, 31))), 80)
    assert "2 of 32 ranks moved" in text
    assert "r00/n00/gpu0   r01/n01/gpu7" in text
    assert "weighted 4 ms before" in text
    assert "+" in text


def test_moves_inside_a_node_are_told_apart():
    """They cost nothing between nodes."""
    text = text_of(diff_view(diff(two_racks(), exchanged(0, 1))))
    assert "2 of 32 ranks moved, 2 of them inside their node" in text
    assert "none" in text


def test_many_moves_are_summed_by_domain():
    """From where to where, how many, and which."""
    text = text_of(diff_view(diff(two_racks(), two_racks(np.roll(np.arange(32), 8)))))
    assert "32 of 32 ranks moved" in text
    assert "moved: 0-31" in text
    assert "from" in text


def test_another_objective_or_cluster_is_said():
    """Values of different objectives are not set side by side."""
    found = diff(exchanged(0, 1), two_racks(objective=Objective.BOTTLENECK))
    assert "planned for different objectives" in text_of(diff_view(found))
    grown = claimed(grid_cluster(3, 2, 8, name="grown"), two_racks().workload, np.arange(32))
    assert "topology test against grown" in text_of(diff_view(diff(two_racks(), grown)))


def test_document():
    """Ranks, flows and tiers as plain data."""
    document = diff_document(diff(two_racks(), exchanged(0, 31)))
    assert (document["same"], document["moved_ranks"], document["changed_node"]) == (False, [0, 31], [0, 31])
    assert {(flow["from"], flow["to"]) for flow in document["flows"]} == {
        ("r00/n00", "r01/n01"),
        ("r01/n01", "r00/n00"),
    }
    rack = next(tier for tier in document["tiers"] if tier["tier"] == "rack")
    assert rack["after_bytes"] > rack["before_bytes"] == 1.6e9
