"""Whether a step of each job of a fleet runs to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.cost.deadlock import examine_workload
from planner.cost.posting import Posting
from planner.workload.load import job_of

if TYPE_CHECKING:
    from planner.cost.deadlock import Safety
    from planner.fleet.placed import PlacedFleet


def examine_jobs(placed: PlacedFleet, posting: Posting = Posting.STREAMS) -> dict[str, Safety | None]:
    """What a step of each job comes to, by name; None for one that gives its traffic and no schedule."""
    workloads = {job.name: job.placement.workload for job in placed.jobs}
    return {
        name: None if job_of(workload) is None else examine_workload(workload, posting)
        for name, workload in workloads.items()
    }
