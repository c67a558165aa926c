"""The comparison with default orders."""

from __future__ import annotations

import json

import numpy as np
import pytest

from planner.placement.compare import compare
from planner.placement.crossing import measure
from planner.placement.orders import FRAMEWORKS, axis_orders
from planner.placement.placement import Objective
from tests.builders import claimed, grid_cluster, grid_workload
from tests.placement.samples import sample


def rows_of(placement):
    """Rows of the comparison by name."""
    return {row.name: row for row in compare(placement).rows}


def test_rows_and_document():
    """One row for the planner, each framework, the best axes and the random median, as plain JSON."""
    comparison = compare(sample())
    names = [row.name for row in comparison.rows]
    assert names == ["planner", *FRAMEWORKS, "best-axes", "random"]
    document = json.loads(json.dumps(comparison.document()))
    assert [order["name"] for order in document["orders"]] == names
    assert document["orders"][0]["tiers"][0] == {
        "tier": "node",
        "crossing_bytes": comparison.rows[0].tier_bytes[0],
    }


@pytest.mark.parametrize("objective", list(Objective))
def test_values_are_measured(objective):
    """The planner's row is the placement measured, and ratios are over its value."""
    placement = sample(objective)
    rows = rows_of(placement)
    assert rows["planner"].objective == placement.claims.value
    assert rows["planner"].ratio == 1.0
    assert rows["megatron"].ratio == rows["megatron"].objective / placement.claims.value


def test_best_axes_is_the_best():
    """No order of the axes that keeps the rules is better than the one that is shown."""
    cluster = grid_cluster(2, 2, 4, uplinks=(1e9, 1e9))
    families = [("tp", "all_reduce", 100), ("dp", "all_reduce", 10), ("pp", "path", 1)]
    workload = grid_workload(tp=2, dp=4, pp=2, families=families, keep={"tp": "node"})
    best = rows_of(claimed(cluster, workload, np.arange(16)))["best-axes"]
    orders = [each for each in axis_orders(cluster, workload, np.ones(16, np.bool_)) if each.keeps_rules]
    values = [measure(cluster, workload, each.gpu_of_rank).weighted_s for each in orders]
    assert best.objective == min(values)
    assert best.keeps_rules
    assert best.note.endswith("best of 6")


def test_order_that_does_not_apply():
    """A framework that refuses the job has a row with its reason and no figures."""
    workload = grid_workload(dp=4, ep=2, pp=2, families=[("dp", "all_reduce", 1)])
    row = rows_of(claimed(grid_cluster(2, 4), workload, np.arange(8)))["megatron-pp-before-dp"]
    assert (row.tier_bytes, row.objective, row.ratio, row.keeps_rules) == ((), None, None, False)
    assert "pp last" in row.note


def test_no_ratio_to_nothing():
    """Where the planner's value is 0 there is no ratio."""
    workload = grid_workload(dp=4, families=[("dp", "all_reduce", 1)])
    rows = rows_of(claimed(grid_cluster(2, 4, uplinks=(1e9,)), workload, np.arange(4)))
    assert rows["planner"].objective == 0.0
    assert {row.ratio for row in rows.values()} == {None}
