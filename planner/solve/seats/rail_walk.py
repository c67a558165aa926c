"""Walks over the seats inside nodes: ranks change places while bytes that change rail cost ever more."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.seats.rail_links import chains_of, gpus_of_chains, links_of, seated_at, seats_of
from planner.solve.seats.rail_loops import rails_compiled
from planner.solve.seats.rail_wishes import Wishes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.solve.setup.control import Control
    from planner.solve.setup.problem import Problem

    IntArray = NDArray[np.int32]

# Rails of a part are bits of one word.
MOST_RAILS = 62
# How hot the walks of a round begin, and how all of them end, in what one change of rail is about on average.
# There are as many on any machine, so that what they find does not depend on it.
HOT, COLD = (0.5, 0.2), 0.05
# Of a walk, at pairs of ranks and members of groups: in the first round, fewer for few ranks, and in others.
FIRST_LOOKS, LOOKS_A_RANK, GROWTH, MOST_LOOKS, CHUNK_LOOKS = 6_000_000, 100_000, 5, 150_000_000, 4_000_000


def walked_seats(problem: Problem, gpu_of_rank: IntArray, control: Control, rounds: range) -> IntArray:
    """A placement as good at each tier with fewer bytes that change rail, the best of ever longer walks.

    Parameters
    ----------
    rounds
        Each from the best seats so far, side by side from seeds of its own, and longer than the one before.
    """
    best, wishes = gpu_of_rank, Wishes(problem, gpu_of_rank)
    least = wishes.changed(best)
    if wishes.rails > MOST_RAILS or not rails_compiled(control):
        return best
    with ThreadPoolExecutor(control.threads) as pool:
        for turn in rounds:
            looks = min(min(FIRST_LOOKS, LOOKS_A_RANK * len(best)) * GROWTH**turn, MOST_LOOKS)
            first = control.seed + len(HOT) * turn
            jobs = [
                pool.submit(_walk, problem, best, hot, looks, seed, control)
                for seed, hot in enumerate(HOT, first)
            ]
            for found in [job.result() for job in jobs]:
                if (changed := Wishes(problem, found).changed(found)) < least:
                    best, least = found, changed
            if least == 0 or control.over:
                break
    return best


def _walk(
    problem: Problem, gpu_of_rank: IntArray, hot: float, looks: int, seed: int, control: Control
) -> IntArray:
    """Walk from these seats, cooling down, or as far as the time goes."""
    from planner.solve.seats.rail_kernel import walk_rails

    wishes = Wishes(problem, gpu_of_rank)
    gpus, seats = seats_of(problem, wishes, gpu_of_rank)
    seated, links = seated_at(gpus, seats, gpu_of_rank), links_of(wishes)
    chains, typical = chains_of(problem, gpu_of_rank), wishes.typical()
    chunks = max(1, looks // CHUNK_LOOKS)
    drawn = np.random.default_rng(seed).integers(2**31, size=chunks).tolist()
    heats = pairwise(np.geomspace(hot * typical, COLD * typical, chunks + 1).tolist())
    for (begin, end), each in zip(heats, drawn, strict=True):
        if control.over:
            break
        walk_rails(seats, seated, links, chains, begin, end, looks // chunks, each)
    return gpus_of_chains(chains, gpus[seated.seat])
