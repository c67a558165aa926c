"""The same job in other orders, side by side."""

from __future__ import annotations

import numpy as np

from planner.placement.compare import compare
from planner.placement.placement import Objective
from planner.report.compare import comparison_view
from tests.builders import claimed, grid_cluster, grid_workload
from tests.report.jobs import text_of, two_racks


def test_every_order_that_applies_has_a_row():
    """With bytes, objective and ratio; the others are told why not."""
    placement = two_racks()
    comparison = compare(placement)
    text = text_of(comparison_view(placement, comparison), 80)
    for row in comparison.rows:
        assert row.name in text
    assert "4 ms    1.00x" in text
    assert "best-axes: " in text


def test_broken_rules_are_marked():
    """An order that splits what the job wants together is no competitor."""
    cluster = grid_cluster(2, 4, uplinks=(1e9,), nics=4)
    families = [("tp", "all_reduce", 1e9), ("dp", "all_reduce", 1e9)]
    workload = grid_workload(tp=2, dp=4, families=families, keep={"tp": "node"})
    placement = claimed(cluster, workload, np.arange(8))
    text = text_of(comparison_view(placement, compare(placement)))
    assert "slurm-cyclic !" in text
    assert "! breaks the job's keep rules" in text


def test_values_have_the_unit_of_the_objective():
    """Bytes for cross_node."""
    placement = two_racks(objective=Objective.CROSS_NODE)
    assert "cross_node" in text_of(comparison_view(placement, compare(placement)))
    assert "4.8 GB    1.00x" in text_of(comparison_view(placement, compare(placement)))


def test_tiers_without_uplinks_are_shown_where_there_are_no_others():
    """Free traffic is still bytes."""
    cluster = grid_cluster(2, 2, 2)
    workload = grid_workload(dp=8, families=[("dp", "all_reduce", 1e9)])
    placement = claimed(cluster, workload, np.arange(8))
    text = text_of(comparison_view(placement, compare(placement)))
    assert "rack" in text
    assert "6 GB" in text
