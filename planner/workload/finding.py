"""A mistake in a workload before its place in a file is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.errors import Problem

if TYPE_CHECKING:
    from planner.source import Document


@dataclass(frozen=True)
class Finding:
    """What is wrong with the value, or with `at_key` the key, at `path` of the document."""

    code: str
    path: tuple[str | int, ...]
    message: str
    expected: str
    suggestion: str | None = None
    at_key: bool = False

    def problem(self, document: Document) -> Problem:
        """The finding at its place in `document`."""
        position = document.position(self.path, key=self.at_key)
        return Problem(self.code, self.message, position, self.expected, self.suggestion)
