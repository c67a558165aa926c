"""One finding for all lines of a kind."""

from __future__ import annotations

from planner.errors import Position
from planner.formats.reading.odd_lines import odd_lines


def test_the_first_is_shown_and_the_others_counted():
    """None makes no finding, one is told alone."""
    places = [Position("a", line, 1) for line in range(1, 1203)]
    assert odd_lines("I040", "odd line", [], "a port") == []
    (alone,) = odd_lines("I040", "odd line", places[:1], "a port")
    (many,) = odd_lines("I040", "odd line", places, "a port")
    assert (alone.message, many.message) == ("odd line", "odd line, and 1,201 more")
    assert alone.position == many.position == places[0]
