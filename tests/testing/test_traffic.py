"""Assertions on bytes and claims, recomputed from the rank table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.testing import PlacementAssertionError, assert_checked, assert_crossing_at_most
from tests.builders import claimed, grid_cluster, grid_workload

FAMILIES = [("tp", "all_reduce", 10.0), ("dp", "all_reduce", 3.0)]


def placed(gpus=range(8)):
    """Two tensor groups of four, each on a node of its own; dp crosses: 4 groups of 2 x 3 bytes."""
    workload = grid_workload(tp=4, dp=2, families=FAMILIES)
    return claimed(grid_cluster(2, 4, uplinks=(10.0,)), workload, gpus)


def test_crossing_at_most():
    """24 bytes cross, neither more nor fewer."""
    assert_crossing_at_most(placed(), tier="node", limit=24)
    assert_crossing_at_most(placed(), tier="node", limit="1 kB")
    with pytest.raises(PlacementAssertionError) as caught:
        assert_crossing_at_most(placed(), tier="node", limit=23)
    message = str(caught.value)
    assert "(24 bytes) cross tier node" in message
    assert "dp 24 B" in message
    assert "dp: dp group tp=0: ranks 0 in node n00, ranks 4 in node n01" in message


def test_crossing_lists_families_worst_first():
    """A split tensor group shows before the data-parallel groups."""
    with pytest.raises(PlacementAssertionError) as caught:
        assert_crossing_at_most(placed([4, 1, 2, 3, 0, 5, 6, 7]), tier="node", limit=0)
    assert [offender.split(":")[0] for offender in caught.value.offenders] == ["tp", "dp"]
    assert "ranks 1-3 in node n00, ranks 0 in node n01" in caught.value.offenders[0]


def test_checked():
    """A claim that is not true is found."""
    placement = placed()
    assert_checked(placement)
    lie = replace(placement, claims=replace(placement.claims, value=placement.claims.value / 2))
    with pytest.raises(PlacementAssertionError, match="do not hold"):
        assert_checked(lie)
