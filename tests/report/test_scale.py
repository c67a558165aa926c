"""Axes of pictures."""

from __future__ import annotations

import pytest

from planner.report.scale import Scale


def test_ends_and_middle():
    """Even and logarithmic, upwards and downwards; beyond the ends is at the ends."""
    even = Scale(0, 10, 100, 0)
    assert [even(value) for value in (-1, 0, 5, 10, 11)] == [100, 100, 50, 0, 0]
    ratios = Scale(1, 100, 0, 10, logarithmic=True)
    assert [ratios(value) for value in (1, 10, 100)] == pytest.approx([0, 5, 10])


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.93, 1.02, [0.94, 0.96, 0.98, 1.0, 1.02]),
        (7, 3000, [500, 1000, 1500, 2000, 2500, 3000]),
    ],
)
def test_even_ticks(low, high, ticks):
    """Multiples of 1, 2 or 5 times a power of ten, no more than asked for."""
    assert Scale(low, high, 0, 1).ticks(6) == pytest.approx(ticks)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0.04, 1, [0.05, 0.1, 0.2, 0.5, 1]), (1, 1e6, [1, 10, 100, 1e3, 1e4, 1e5, 1e6]), (3, 12, [5, 10])],
)
def test_ticks_of_ratios(low, high, ticks):
    """1, 2 and 5 times powers of ten, or powers alone."""
    assert Scale(low, high, 0, 1, logarithmic=True).ticks(7) == pytest.approx(ticks)


def test_many_powers_are_thinned_out():
    """Twelve decades have no more marks than asked for."""
    assert Scale(1e-6, 1e6, 0, 1, logarithmic=True).ticks(5) == pytest.approx([1e-6, 1e-3, 1, 1e3, 1e6])
