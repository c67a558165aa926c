"""GPUs for ranks whose domain is known: on the rail where they were, if there is one free."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.repair.task import Task

    IntArray = NDArray[np.int32]


def seat(task: Task, tier: int, ranks: IntArray, domain: IntArray, free: IntArray) -> IntArray:
    """GPUs of some ranks, shape (ranks,).

    Ranks take GPUs in the order of those that they had, so that who was in one node before is so again
    where whole nodes are free.

    Parameters
    ----------
    tier
        Tier of the domains.
    ranks
        Ranks to seat.
    domain
        Where each of them goes, shape (ranks,).
    free
        GPUs to choose from, ascending; every domain has enough of them.
    """
    cluster = task.cluster
    rails = cluster.gpu_rail - int(cluster.gpu_rail.min(initial=0))
    width = int(rails.max(initial=0)) + 2
    own = np.where(task.before[ranks] >= 0, rails[task.before[ranks]], width - 1)
    asked = domain.astype(np.int64) * width + own
    offered = cluster.domain_of_gpu[tier][free].astype(np.int64) * width + rails[free]
    seats = np.full(len(ranks), -1, np.int32)
    taken = np.zeros(len(free), np.bool_)
    for keys, offers in ((asked, offered), (asked // width, offered // width)):
        waiting, open_ = np.flatnonzero(seats < 0), np.flatnonzero(~taken)
        waiting = waiting[np.lexsort((ranks[waiting], task.before[ranks[waiting]], keys[waiting]))]
        open_ = open_[np.argsort(offers[open_], kind="stable")]
        served, given = _paired(keys[waiting], offers[open_])
        seats[waiting[served]] = free[open_[given]]
        taken[open_[given]] = True
    return seats


def _paired(
    asked: NDArray[np.integer], offered: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where two sorted lists have the same entries, paired off in order: places in both."""
    place = np.arange(len(asked)) - np.searchsorted(asked, asked)
    at = np.searchsorted(offered, asked) + place
    served = at < np.searchsorted(offered, asked, side="right")
    return np.flatnonzero(served), at[served]
