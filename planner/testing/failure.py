"""The error that a failed placement assertion raises."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SHOWN = 5


class PlacementAssertionError(AssertionError):
    """A placement does not hold what was asserted of it.

    Parameters
    ----------
    summary
        What was expected and what was found, with a count.
    offenders
        The ranks, groups or domains that break it, worst first, each as one text; the message
        shows the first few.
    count
        How many offenders there are, where `offenders` holds only the first few.
    """

    def __init__(self, summary: str, offenders: Sequence[str] = (), count: int | None = None) -> None:
        self.summary = summary
        self.offenders = tuple(offenders)
        self.count = len(self.offenders) if count is None else count
        super().__init__(self._message())

    def _message(self) -> str:
        shown = self.offenders[:SHOWN]
        lines = [self.summary, *(f"  {offender}" for offender in shown)]
        if self.count > len(shown):
            lines.append(f"  ... and {self.count - len(shown):,} more")
        return "\n".join(lines)
