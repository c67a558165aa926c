"""Walks over the seats inside nodes: ranks change places while bytes that change rail cost ever more."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.seats.rail_loops import rails_compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.solve.seats.rail_wishes import Wishes
    from planner.solve.setup.control import Control
    from planner.solve.setup.problem import Problem

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]
    LongArray = NDArray[np.int64]

# Rails of a part are bits of one word.
MOST_RAILS = 62
# In what one change of rail is about on average.
HOT, COLD = 0.5, 0.05
# Walks of a round: as many on any machine, so that what they find does not depend on it.
SEEDS = 2
# A move looks at the members of a rank's groups; a walk is as long as it can be for so many looks.
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
    seats, links = _Seats(problem, wishes, gpu_of_rank), _links(wishes)
    with ThreadPoolExecutor(control.threads) as pool:
        for turn in rounds:
            looks, first = min(FIRST_LOOKS * GROWTH**turn, MOST_LOOKS), control.seed + SEEDS * turn
            jobs = [
                pool.submit(_walk, seats, links, best, wishes, looks, first + each, control)
                for each in range(SEEDS)
            ]
            found = min((job.result() for job in jobs), key=wishes.changed)
            if (changed := wishes.changed(found)) < least:
                best, least = found, changed
            if least == 0 or control.over:
                break
    return best


class _Seats:
    """GPUs that may hold a rank, node by node, and which of them do."""

    def __init__(self, problem: Problem, wishes: Wishes, gpu_of_rank: IntArray) -> None:
        node = problem.cluster.gpu_node
        gpus = np.flatnonzero(np.isin(node, node[gpu_of_rank]) & problem.available)
        self.gpus = gpus[np.argsort(node[gpus], kind="stable")].astype(np.int32)
        _, self.node, seats = np.unique(node[self.gpus], return_inverse=True, return_counts=True)
        self.begin = np.concatenate(([0], np.cumsum(seats)))
        self.rail = wishes.rail_of_gpu[self.gpus].astype(np.int64)

    def state(self, gpu_of_rank: IntArray) -> tuple[LongArray, ...]:
        """Rail and seat of each rank, and the rank on each seat, as a walk changes them."""
        place = np.zeros(int(self.gpus.max()) + 1, np.int64)
        place[self.gpus] = np.arange(len(self.gpus))
        seat = place[gpu_of_rank]
        holder = np.full(len(self.gpus), -1, np.int64)
        holder[seat] = np.arange(len(seat))
        return self.rail[seat], seat, holder


def _links(wishes: Wishes) -> tuple[LongArray | FloatArray, ...]:
    """Pairs and groups of each rank, and members of each group, as `walk_rails` takes them."""
    none = np.zeros(0, np.int64)
    one = np.concatenate([none, *(each.one for each in wishes.pairs)])
    other = np.concatenate([none, *(each.other for each in wishes.pairs)])
    payload = np.concatenate([np.zeros(0), *(each.payload for each in wishes.pairs)])
    rank = np.concatenate((one, other))
    of_rank = np.argsort(rank, kind="stable")
    pairs = _begins(rank, wishes.ranks), np.concatenate((other, one))[of_rank], np.tile(payload, 2)[of_rank]
    groups, shares, found = 0, 0, []
    for split in wishes.split:
        found.append(np.stack((split.group + groups, split.share + shares, split.rank)).astype(np.int64))
        groups, shares = groups + len(split.payload), shares + len(split.share_group)
    group, share, member = np.concatenate([np.zeros((3, 0), np.int64), *found], axis=1)
    in_group, of_rank = np.lexsort((share, group)), np.argsort(member, kind="stable")
    group_bytes = np.concatenate([np.zeros(0), *(each.payload for each in wishes.split)])
    return (
        *pairs,
        _begins(member, wishes.ranks),
        group[of_rank],
        _begins(group, groups),
        member[in_group],
        share[in_group],
        group_bytes,
    )


def _begins(of: LongArray, owners: int) -> LongArray:
    """Where the entries of each owner begin once they are sorted, shape (owners + 1,)."""
    return np.concatenate(([0], np.cumsum(np.bincount(of, minlength=owners)))).astype(np.int64)


def _walk(
    seats: _Seats,
    links: tuple[LongArray | FloatArray, ...],
    gpu_of_rank: IntArray,
    wishes: Wishes,
    looks: int,
    seed: int,
    control: Control,
) -> IntArray:
    """Walk from these seats, cooling down, or as far as the time goes."""
    from planner.solve.seats.rail_kernel import walk_rails

    rail, seat, holder = seats.state(gpu_of_rank)
    looked_at = sum(len(each.rank) ** 2 / max(1, len(each.payload)) for each in wishes.split)
    a_move = 1 + looked_at / wishes.ranks
    chunks = max(1, looks // CHUNK_LOOKS)
    moves, typical = max(1, int(looks / a_move / chunks)), wishes.typical()
    drawn = np.random.default_rng(seed).integers(2**31, size=chunks).tolist()
    heats = pairwise(np.geomspace(HOT * typical, COLD * typical, chunks + 1).tolist())
    for (hot, cold), each in zip(heats, drawn, strict=True):
        if control.over:
            break
        walk_rails(rail, seat, holder, seats.rail, seats.node, seats.begin, *links, hot, cold, moves, each)
    return seats.gpus[seat]
