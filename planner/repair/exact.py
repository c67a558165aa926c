"""The best placement of a small job within a limit of moves, proven rank by rank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.repair.seats import seat

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.repair.task import Task

    IntArray = NDArray[np.int32]

SMALL_RANKS = 500
SECONDS = 5.0


@dataclass(frozen=True, eq=False)
class Limit:
    """What may move.

    Parameters
    ----------
    costs
        Cost of moving each rank, shape (world_size,): 1, or bytes.
    most
        What all that moves may cost.
    """

    costs: NDArray[np.float64]
    most: float

    def allows(self, ranks: NDArray[np.integer]) -> bool:
        """Whether these ranks may move together."""
        return float(self.costs[ranks].sum()) <= self.most


def best_within(
    task: Task, limits: Sequence[Limit], start: IntArray, stop: threading.Event | None
) -> tuple[IntArray, bool] | None:
    """GPU of every rank in the best placement within all limits, and whether it is proven to be that.

    None where the job is too large for the model of `planner.solve.exact.exact`.
    """
    if task.ranks > SMALL_RANKS:
        return None
    from planner.solve.exact.exact import Moving, fits_exact_model, leaf_tier, solve_exactly
    from planner.solve.setup.control import Control
    from planner.solve.setup.problem import Problem

    problem = Problem(task.cluster, task.workload, task.objective, task.available)
    if not fits_exact_model(problem):
        return None
    control = Control(SECONDS, deterministic=True)
    if stop is not None:
        control.stop = stop
    moving = Moving(
        task.before,
        # Bytes are rounded up to whole ones, so that a limit is never overrun.
        np.stack([np.ceil(limit.costs).astype(np.int64) for limit in limits]),
        # Solvers know no numbers as large as a limit may be, and all ranks together need no more.
        tuple(int(min(limit.most, np.ceil(limit.costs).sum())) for limit in limits),
    )
    found = solve_exactly(problem, control, SECONDS, start, moving)
    if found.gpu_of_rank is None:
        return None
    return keeping_gpus(task, leaf_tier(problem), found.gpu_of_rank), found.proven


def keeping_gpus(task: Task, leaf: int, gpu_of_rank: IntArray) -> IntArray:
    """The same domains of a tier, with everyone who stays in its domain on the GPU that it had."""
    cluster = task.cluster
    domain = cluster.domain_of_gpu[leaf][gpu_of_rank]
    stays = task.alive & (task.domain_before(leaf) == domain)
    found = np.where(stays, task.before, -1).astype(np.int32)
    free = task.available.copy()
    free[found[stays]] = False
    moving = np.flatnonzero(~stays).astype(np.int32)
    found[moving] = seat(task, leaf, moving, domain[moving], np.flatnonzero(free).astype(np.int32))
    return found
