"""What each job must move at the least, wherever its part is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.placement.crossing import weighted_seconds
from planner.placement.placement import Objective
from planner.repair.certificate import relaxed_bounds
from planner.solve.bound.tier_bounds import tier_bounds
from planner.solve.setup.problem import Problem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from planner.solve.setup.control import Control
    from planner.topology.cluster import Cluster
    from planner.workload.workload import Workload

    BoolArray = NDArray[np.bool_]
    FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class JobBound:
    """Lower bounds for one job.

    Parameters
    ----------
    tier_bytes
        On the crossing bytes of each tier, shape (tiers,).
    weighted_s
        On J.
    """

    tier_bytes: FloatArray
    weighted_s: float


def bound_job(cluster: Cluster, workload: Workload, usable: BoolArray, control: Control) -> JobBound:
    """Bounds for every placement of a job on the GPUs it may use, shape (gpus,)."""
    found = tier_bounds(Problem(cluster, workload, Objective.WEIGHTED, usable), control)
    return JobBound(found, weighted_seconds(cluster, found.tolist()))


def bound_job_at_once(cluster: Cluster, workload: Workload, usable: BoolArray) -> JobBound:
    """Bounds as `bound_job` gives them, for when hardware has failed and nobody has time.

    They take a moment on the largest cluster and are a little lower there. They do not depend on how fast
    the machine is.
    """
    found = relaxed_bounds(Problem(cluster, workload, Objective.WEIGHTED, usable))
    return JobBound(found, weighted_seconds(cluster, found.tolist()))
