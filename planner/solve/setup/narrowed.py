"""A part of the cluster that a small job has room in, for searches that would get lost in all of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.solve.setup.problem import Problem

    BoolArray = NDArray[np.bool_]

# GPUs of the part for each rank, and how many times its domains a tier must have to be narrowed down.
ROOM, TIMES = 1.1, 2


def narrowed(problem: Problem) -> Problem | None:
    """The same job on few domains of every tier, None where it needs more than half of each tier's.

    From the outermost tier inwards as few domains as the job needs are kept, those with the most GPUs. What
    is best there need not be best anywhere, and no bound holds elsewhere.
    """
    available = problem.available
    needed = ROOM * problem.workload.mesh.world_size
    for domain in reversed(problem.cluster.domain_of_gpu[:-1]):
        held = np.bincount(domain[available])
        largest = np.argsort(-held, kind="stable")
        count = int(np.searchsorted(np.cumsum(held[largest]), needed)) + 1
        if TIMES * count <= np.count_nonzero(held):
            available = available & np.isin(domain, largest[:count])
    return None if available is problem.available else replace(problem, available=available)
