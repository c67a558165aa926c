"""Numbers as people read them."""

from __future__ import annotations

import math

import pytest

from planner.placement.placement import Objective
from planner.report.values import finite, known_gap, known_value, percent, ratio, shares, uplink_seconds


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.75, "75 %"),
        (0.0309, "3.09 %"),
        (1e-6, "< 0.01 %"),
        (12.5, "1,250 %"),
        (math.inf, "unbounded"),
    ],
)
def test_percent(share, text):
    """Three digits, and what is not zero never looks like it."""
    assert percent(share) == text


def test_objectives_have_their_units():
    """Bytes for cross_node, seconds for the others, a dash while nothing is known."""
    assert known_value(Objective.CROSS_NODE, 2e9) == "2 GB"
    assert known_value(Objective.WEIGHTED, 0.002) == "2 ms"
    assert known_value(Objective.BOTTLENECK, None) == "-"
    assert known_value(Objective.BOTTLENECK, math.inf) == "unbounded"


def test_unknown_gap():
    """A gap without a bound is a dash, never a number."""
    assert known_gap(None) == "-"
    assert known_gap(math.inf) == "-"
    assert known_gap(0.5) == "50 %"


def test_ratio():
    """Ratios to a reference of zero are told apart."""
    assert ratio(3.0, 2.0) == "1.50x"
    assert ratio(0.0, 0.0) == "1.00x"
    assert ratio(1.0, 0.0) == "infinite"


def test_infinity_is_null_in_json():
    """JSON has no infinity."""
    assert finite(math.inf) is None
    assert finite(None) is None
    assert finite(2.0) == 2.0


def test_uplink_seconds():
    """Free where there is no uplink, endless where the uplink is zero and something crosses it."""
    assert uplink_seconds(10.0, None) is None
    assert uplink_seconds(10.0, 5.0) == 2.0
    assert uplink_seconds(10.0, 0.0) == math.inf
    assert uplink_seconds(0.0, 0.0) == 0.0


def test_shares():
    """Shares add up to one, and an endless tier takes all."""
    assert shares([1.0, None, 3.0]) == [0.25, None, 0.75]
    assert shares([0.0, 0.0]) == [0.0, 0.0]
    assert shares([1.0, math.inf, None]) == [0.0, 1.0, None]
