"""Walks over the seats inside nodes: ranks change places while bytes that change rail cost ever more."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.seats.rail_links import links_of, seated_at, seats_of
from planner.solve.seats.rail_loops import rails_compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.solve.seats.rail_links import Links, Seats
    from planner.solve.seats.rail_wishes import Wishes
    from planner.solve.setup.control import Control
    from planner.solve.setup.problem import Problem

    IntArray = NDArray[np.int32]

# Rails of a part are bits of one word.
MOST_RAILS = 62
# In what one change of rail is about on average.
HOT, COLD = 0.5, 0.05
# Walks of a round: as many on any machine, so that what they find does not depend on it.
SEEDS = 2
# Of a round's walks, at pairs of ranks and members of groups.
FIRST_LOOKS, GROWTH, MOST_LOOKS, CHUNK_LOOKS = 6_000_000, 5, 150_000_000, 4_000_000


def walked_seats(
    problem: Problem, wishes: Wishes, gpu_of_rank: IntArray, control: Control, rounds: range
) -> IntArray:
    """The same placement with other seats in its nodes, the best of ever longer walks.

    Parameters
    ----------
    rounds
        Each from the best seats so far, side by side from seeds of its own, and longer than the one before.
    """
    best, least = gpu_of_rank, wishes.changed(gpu_of_rank)
    if wishes.rails > MOST_RAILS or not rails_compiled(control):
        return best
    gpus, seats = seats_of(problem, wishes, gpu_of_rank)
    links, typical = links_of(wishes), wishes.typical()
    with ThreadPoolExecutor(control.threads) as pool:
        for turn in rounds:
            looks, first = min(FIRST_LOOKS * GROWTH**turn, MOST_LOOKS), control.seed + SEEDS * turn
            jobs = [
                pool.submit(_walk, gpus, seats, links, best, typical, looks, first + each, control)
                for each in range(SEEDS)
            ]
            found = min((job.result() for job in jobs), key=wishes.changed)
            if (changed := wishes.changed(found)) < least:
                best, least = found, changed
            if least == 0 or control.over:
                break
    return best


def _walk(
    gpus: IntArray,
    seats: Seats,
    links: Links,
    gpu_of_rank: IntArray,
    typical: float,
    looks: int,
    seed: int,
    control: Control,
) -> IntArray:
    """Walk from these seats, cooling down, or as far as the time goes."""
    from planner.solve.seats.rail_kernel import walk_rails

    seated = seated_at(gpus, seats, gpu_of_rank)
    chunks = max(1, looks // CHUNK_LOOKS)
    drawn = np.random.default_rng(seed).integers(2**31, size=chunks).tolist()
    heats = pairwise(np.geomspace(HOT * typical, COLD * typical, chunks + 1).tolist())
    for (hot, cold), each in zip(heats, drawn, strict=True):
        if control.over:
            break
        walk_rails(seats, seated, links, hot, cold, looks // chunks, each)
    return gpus[seated.seat]
