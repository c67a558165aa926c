"""What reports say of bytes that change rail."""

from __future__ import annotations

import numpy as np

from planner.placement.check import check
from planner.placement.compare import compare
from planner.placement.rails import RailChange, RailChanges
from planner.report.check import check_document, check_view
from planner.report.compare import comparison_view
from planner.report.explain import explain
from planner.report.rails import rails_document, rails_line, rails_view
from tests.builders import claimed, grid_cluster, grid_workload
from tests.report.jobs import text_of, two_racks

KEPT = RailChange("dp", 4e9, 0.0, 0.0)
LOST = RailChange("pp", 2e9, 1e9, 2.5e8)
NONE, SOME = RailChanges((KEPT,), 0.0), RailChanges((KEPT, LOST), 3e8)


def swapped():
    """The two-rack job with the first two ranks in each other's seat."""
    return two_racks(np.r_[1, 0, 2:32])


def test_line():
    """What changes, what must, and that the rest is an upper limit."""
    assert str(rails_line(NONE)) == "rails: 0 B of 4 GB between nodes change rail, avoidable: 0 B"
    line = "rails: 1 GB of 6 GB between nodes change rail, at least 300 MB must; avoidable: at most 700 MB"
    assert str(rails_line(SOME)) == line
    proven = RailChanges((LOST,), 1e9)
    assert str(rails_line(proven)).endswith("at least 1 GB must; avoidable: 0 B")


def test_only_families_that_change_have_a_row():
    """A job without changes is told in one line."""
    assert text_of(rails_view(NONE)).count("\n") == 1
    text = text_of(rails_view(SOME))
    assert "pp" in text
    assert "dp" not in text


def test_document():
    """Sums, what all families together need, and each family alone."""
    document = rails_document(SOME)
    assert (document["necessary_bytes"], document["avoidable_bytes"]) == (3e8, 7e8)
    assert [family["necessary_bytes"] for family in document["families"]] == [0.0, 2.5e8]
    assert [family["changed_bytes"] for family in document["families"]] == [0.0, 1e9]


def test_check_tells_its_own_count():
    """For people and as data, though nothing is claimed; nothing where there are no rails."""
    for placement, changed in ((two_racks(), 0), (swapped(), 4e8)):
        report = check(placement)
        assert report.ok
        assert check_document(placement, report, ())["rails"]["changed_bytes"] == changed
        assert "between nodes change rail" in text_of(check_view(placement, report, ()))
    bare = claimed(grid_cluster(2, 2), grid_workload(dp=4, families=[("dp", "all_reduce", 8)]), range(4))
    assert check_document(bare, check(bare), ())["rails"] is None
    assert "rail" not in text_of(check_view(bare, check(bare), ()))


def test_comparison_has_a_column():
    """Each order's own count."""
    placement = swapped()
    comparison = compare(placement)
    orders = {order["name"]: order for order in comparison.document()["orders"]}
    assert orders["planner"]["rail_changed_bytes"] == 4e8
    assert orders["megatron"]["rail_changed_bytes"] == 0
    assert orders["random"]["rail_changed_bytes"] > 4e8
    text = text_of(comparison_view(placement, comparison))
    assert "changes rail" in text
    assert "400 MB" in text


def test_explanation_names_the_families():
    """As data and as a table."""
    explanation = explain(swapped())
    assert explanation.document()["rails"]["changed_bytes"] == 4e8
    assert "at least 0 B must" in text_of(explanation.view())
