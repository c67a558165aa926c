"""A mistake in a workload before its place in a file is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.errors import Problem

if TYPE_CHECKING:
    from planner.errors import Position


@dataclass(frozen=True)
class Finding:
    """What is wrong with the value at `path` of the document."""

    code: str
    path: tuple[str | int, ...]
    message: str
    expected: str
    suggestion: str | None = None

    def problem(self, position: Position | None = None) -> Problem:
        """The finding as a problem at `position`."""
        return Problem(self.code, self.message, position, self.expected, self.suggestion)
