"""What a repair starts from: the job as it is to be, and where its ranks were."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.placement.placement import Objective
    from planner.topology.cluster import Cluster
    from planner.workload.workload import Workload

    BoolArray = NDArray[np.bool_]
    IntArray = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Task:
    """A job that has to move as little as it can.

    Parameters
    ----------
    cluster
        The hardware as it is now.
    workload
        The job as it is to be, with more or fewer replicas than before where that was decided.
    objective
        What orders placements that move equally many ranks.
    available
        GPUs that may hold a rank, shape (gpus,).
    before
        GPU on which each rank's part of the job was, shape (world_size,); -1 for a part that is new.
    """

    cluster: Cluster
    workload: Workload
    objective: Objective
    available: BoolArray
    before: IntArray

    @cached_property
    def alive(self) -> BoolArray:
        """Ranks whose GPU may still hold them, shape (world_size,)."""
        alive: BoolArray = (self.before >= 0) & self.available[self.before]
        return alive

    @property
    def ranks(self) -> int:
        """World size."""
        return len(self.before)

    def domain_before(self, tier: int) -> IntArray:
        """Domain of `tier` in which each rank was, shape (world_size,); anything for new ranks."""
        return self.cluster.domain_of_gpu[tier][self.before]

    def moved(self, gpu_of_rank: IntArray) -> NDArray[np.int64]:
        """Ranks whose part of the job is on another GPU than before, ascending; new parts do not count."""
        return np.flatnonzero((self.before >= 0) & (gpu_of_rank != self.before))
