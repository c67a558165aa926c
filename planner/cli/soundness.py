"""The independent checker's word before anything is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import InternalError, Problem

if TYPE_CHECKING:
    from planner.placement.placement import Placement


def require_sound(placement: Placement) -> None:
    """Let the independent checker look at a placement that was found.

    Raises
    ------
    InternalError
        X002 with all that does not hold.
    """
    from planner.placement.check import check

    report = check(placement, rails=False)
    if not report.ok:
        raise InternalError(
            Problem(
                "X002",
                "the placement found does not pass the check, so it was not written",
                suggestion="another --seed, and report this with both input files",
            ),
            *(Problem(finding.code, finding.message) for finding in report.findings),
        )
