"""The front between moves and the objective: what each further move would buy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.placement.crossing import measure
from planner.repair.afresh import afresh
from planner.repair.exact import Limit, best_within
from planner.repair.improve import blocks_of, improvements
from planner.repair.memory import moved_bytes
from planner.repair.run import BETTER, Run, Wishes

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from planner.placement.placement import Placement
    from planner.repair.run import Start
    from planner.repair.task import Task
    from planner.topology.cluster import Cluster

    IntArray = NDArray[np.int32]

MOST_POINTS = 12


@dataclass(frozen=True)
class Point:
    """One way to go on that no other beats in both.

    Parameters
    ----------
    moves
        Ranks that move.
    state_bytes
        Parameters and optimizer state that move; None where the workload does not say.
    value
        Objective.
    afresh
        Whether it is a plan made afresh, its replicas numbered so that as few ranks as can be move.
    """

    moves: int
    state_bytes: float | None
    value: float
    afresh: bool = False


def front(
    placement: Placement,
    cluster: Cluster,
    wishes: Wishes | None = None,
    *,
    stop: threading.Event | None = None,
) -> tuple[Point, ...]:
    """Points from the fewest moves to a plan made afresh, fewest moves first.

    Small jobs get the proven front; of others, one point for each block that is worth moving, thinned out.
    Arguments and errors are those of `planner.repair.run.replan`; limits on moves have no effect.
    """
    run = Run(placement, cluster, wishes or Wishes(), stop)
    start = run.start()
    found = [_point(start.task, table) for table in _thinned(_tables(start, run))]
    fresh = None if run.over() else afresh(start.task, stop)
    if fresh is not None:
        found.append(_point(start.task, fresh, planned_afresh=True))
    return tuple(_undominated(found))


def _point(task: Task, table: IntArray, *, planned_afresh: bool = False) -> Point:
    moved = task.moved(table)
    value = measure(task.cluster, task.workload, table).value(task.objective)
    return Point(len(moved), moved_bytes(task.workload, moved), value, planned_afresh)


def _tables(start: Start, run: Run) -> Iterator[IntArray]:
    """Placements of ever more moves."""
    task = start.task
    each = np.ones(task.ranks)
    for most in range(start.fewest, task.ranks + 1):
        proven = best_within(task, [Limit(each, most)], start.gpu_of_rank, run.stop)
        if proven is None or run.over():
            break
        yield proven[0]
    else:
        return
    yield start.gpu_of_rank
    blocks = blocks_of(task, start.levels, start.weights)
    yield from improvements(task, start.gpu_of_rank, blocks, start.weights, [], run.over)


def _thinned(tables: Iterator[IntArray]) -> list[IntArray]:
    """At most `MOST_POINTS` of the placements, the first and the last among them."""
    every = list(tables)
    picked = np.unique(np.linspace(0, len(every) - 1, MOST_POINTS).round().astype(int))
    return [every[index] for index in picked.tolist()]


def _undominated(points: list[Point]) -> Iterator[Point]:
    """Points with a smaller objective than all with no more moves."""
    least = np.inf
    for point in sorted(points, key=lambda each: (each.moves, each.value)):
        if point.value < least * (1 - BETTER):
            least = point.value
            yield point
