"""The independent checker's word before anything is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import InternalError, Problem

if TYPE_CHECKING:
    from planner.fleet.placed import PlacedFleet
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


def require_sound_fleet(placed: PlacedFleet) -> None:
    """Let the independent checker look at all jobs of a fleet, and what holds between them.

    Raises
    ------
    InternalError
        X002 with all that does not hold.
    """
    from planner.fleet.check import check_fleet

    report = check_fleet(placed)
    if report.ok:
        return
    own = [(None, finding) for finding in report.findings]
    named = zip(placed.jobs, report.jobs, strict=True)
    findings = own + [(job.name, finding) for job, each in named for finding in each.findings]
    raise InternalError(
        Problem(
            "X002",
            "the placements found do not pass the check, so they were not written",
            suggestion="another --seed, and report this with all input files",
        ),
        *(
            Problem(finding.code, f"{name}: {finding.message}" if name else finding.message)
            for name, finding in findings
        ),
    )
