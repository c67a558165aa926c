"""One finding for all lines of a kind, so that a long file does not drown the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.errors import Position


def odd_lines(code: str, what: str, places: Sequence[Position], expected: str) -> list[Problem]:
    """The finding, at the first of `places`, with how many more there are; none where there is no place."""
    if not places:
        return []
    more = f", and {len(places) - 1:,} more" if len(places) > 1 else ""
    return [Problem(code, f"{what}{more}", places[0], expected)]
