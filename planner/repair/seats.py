"""GPUs for ranks whose domain is known: on the rail where they were, if there is one free.

Where rules bind ranks further in, whole parts of them are seated together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.repair.rules import Level
    from planner.repair.task import Task

    BoolArray = NDArray[np.bool_]
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


def seat_parts(
    task: Task, levels: Sequence[Level], tier: int, ranks: IntArray, gpus: IntArray
) -> IntArray | None:
    """GPUs for ranks that go to one domain, all parts that rules bind further in whole.

    Ranks get their own GPUs again where these are there.

    Parameters
    ----------
    levels
        Rules inside the domain, innermost first.
    tier
        Tier of the domain.
    ranks, gpus
        Who goes there, and what is free there.

    Returns
    -------
    IntArray or None
        GPU of each of `ranks`; None where this greedy search finds no room for whole parts.
    """
    if not levels:
        back = task.alive[ranks] & np.isin(task.before[ranks], gpus)
        seats = np.where(back, task.before[ranks], -1).astype(np.int32)
        rest = np.setdiff1d(gpus, seats[back])
        domain = np.full(int((~back).sum()), task.cluster.domain_of_gpu[tier][gpus[0]], np.int32)
        seats[~back] = seat(task, tier, ranks[~back], domain, rest)
        return seats
    level = levels[-1]
    domain_of_gpu = task.cluster.domain_of_gpu[level.tier]
    free = np.isin(np.arange(task.cluster.gpus), gpus)
    seats = np.full(len(ranks), -1, np.int32)
    for place in _at_home_first(task, level, ranks, free):
        found = _seat_part(task, levels, ranks[place], free, domain_of_gpu)
        if found is None:
            return None
        seats[place] = found
        free[found] = False
    return seats


def _at_home_first(task: Task, level: Level, ranks: IntArray, free: BoolArray) -> list[IntArray]:
    """Places in `ranks` of each part's ranks, the parts first that most ranks of have their GPU free."""
    back = task.alive[ranks] & free[task.before[ranks]]
    places = [
        np.flatnonzero(level.part[ranks] == part).astype(np.int32) for part in np.unique(level.part[ranks])
    ]
    return sorted(places, key=lambda place: -int(back[place].sum()))


def _seat_part(
    task: Task, levels: Sequence[Level], ranks: IntArray, free: BoolArray, domain_of_gpu: IntArray
) -> IntArray | None:
    """GPUs of one part in one domain: where most of its own are, else where it leaves least over."""
    gpus = np.flatnonzero(free).astype(np.int32)
    domains, room = np.unique(domain_of_gpu[gpus], return_counts=True)
    own = task.before[ranks][task.alive[ranks] & free[task.before[ranks]]]
    at_home = np.array([int((domain_of_gpu[own] == domain).sum()) for domain in domains])
    for index in np.lexsort((domains, room, -at_home)).tolist():
        if room[index] >= len(ranks):
            inside = gpus[domain_of_gpu[gpus] == domains[index]]
            found = seat_parts(task, levels[:-1], levels[-1].tier, ranks, inside)
            if found is not None:
                return found
    return None
