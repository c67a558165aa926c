"""Which of the domains that are alike to a job it lies in, so that flows and shared bytes cost least.

Each job is placed for its own objective, to which domains side by side are all the same. Here the domains of
one job, or of two together, change places as is best for the fleet while the other jobs stay, until no such
change helps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from planner.fleet.relabel import OutOfTimeError, Relabelling
from planner.fleet.sides import Sides

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from planner.fleet.ground import Ground
    from planner.fleet.placed import PlacedFleet
    from planner.placement.placement import Placement

    IntArray = NDArray[np.int64]
    Join = Callable[[Mapping[int, Placement]], PlacedFleet]

MET = 1e-9
# Jobs beyond these move one by one only.
MOST_TOGETHER = 2


@dataclass
class Arranger:
    """Lets domains change places.

    Parameters
    ----------
    ground
        The fleet on its cluster.
    join
        Makes a fleet of placements of the new jobs, all that is claimed of them worked out anew.
    over
        Whether to be content with what there is.
    best
        The best so far.
    """

    ground: Ground
    join: Join
    over: Callable[[], bool]
    best: PlacedFleet

    def run(self) -> PlacedFleet:
        """The fleet after all changes that help, or as it was."""
        waiting = list(self._sets())
        while waiting and not self.over():
            moving = waiting.pop(0)
            if self._improve(moving):
                waiting = [each for each in self._sets() if each != moving]
        return self.best

    def _sets(self) -> Iterator[frozenset[int]]:
        """Jobs that may move together; not all there are, since that changes nothing."""
        jobs, new = self.ground.fleet.jobs, self.ground.fleet.new_jobs
        if not self.ground.fleet.flows and not self.best.claims.shared_s:
            return
        for size in range(1, min(MOST_TOGETHER, len(new), len(jobs) - 1) + 1):
            yield from map(frozenset, combinations(new, size))

    def _improve(self, moving: frozenset[int]) -> bool:
        """Move these jobs to the best of the places that are alike, if that is better."""
        before = [job.placement for job in self.best.jobs]
        sides = Sides(self.ground, before, moving)
        relabelling = Relabelling(sides, self.over)
        try:
            if not relabelling.saved_s > MET * self.best.claims.value_s:
                return False
            moves = dict(relabelling.moves())
        except OutOfTimeError:
            return False
        gpu = self._gpus(sides, moves)
        placements = {
            job: replace(before[job], gpu_of_rank=gpu[before[job].gpu_of_rank])
            if job in moving
            else before[job]
            for job in self.ground.fleet.new_jobs
        }
        joined = self.join(placements)
        if joined.claims.value_s >= self.best.claims.value_s * (1 - MET):
            return False
        self.best = joined
        return True

    def _gpus(self, sides: Sides, moves: Mapping[int, int]) -> NDArray[np.int32]:
        """For each GPU that holds a rank of what moves the one that takes its place; itself elsewhere."""
        cluster = self.ground.cluster
        to = np.arange(cluster.gpus, dtype=np.int32)
        filled = np.zeros(cluster.gpus, np.bool_)
        for job in sides.moving:
            filled[sides.placements[job].gpu_of_rank] = True
        leave, room = _by_node(cluster.gpu_node, filled), _by_node(cluster.gpu_node, sides.room())
        for node, target in moves.items():
            gpus, free = leave[node], room[target]
            same = np.isin(cluster.gpu_local[free], cluster.gpu_local[gpus])
            # The same seats of another node where they are free, so that no byte changes rail.
            order = np.argsort(~same, kind="stable")
            to[gpus] = np.sort(free[order[: len(gpus)]])
        return to


def _by_node(node: NDArray[np.int32], chosen: NDArray[np.bool_]) -> dict[int, IntArray]:
    """Chosen GPUs of each node, ascending."""
    gpus = np.flatnonzero(chosen)
    nodes, start = np.unique(node[gpus], return_index=True)
    return dict(zip(nodes.tolist(), np.split(gpus, start[1:]), strict=True))
