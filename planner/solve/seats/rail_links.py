"""Seats, who sits on them, and what ranks would have on one rail, as a walk over seats takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from planner.solve.seats.rail_wishes import Wishes
    from planner.solve.setup.problem import Problem

    FloatArray = NDArray[np.float64]
    GpuArray = NDArray[np.int32]

IntArray = NDArray[np.int64]


class Seats(NamedTuple):
    """GPUs that may hold a rank, those of a node next to each other.

    Parameters
    ----------
    rail, node
        Of each seat, shape (seats,).
    of_node
        Where the seats of each node begin, and their number at the end, shape (nodes + 1,).
    """

    rail: IntArray
    node: IntArray
    of_node: IntArray


class Seated(NamedTuple):
    """Who sits where, as a walk changes it.

    Parameters
    ----------
    rail, seat
        Of each rank, shape (ranks,).
    holder
        The rank on each seat, -1 on a free one, shape (seats,).
    """

    rail: IntArray
    seat: IntArray
    holder: IntArray


class Links(NamedTuple):
    """What ranks would have on one rail.

    Parameters
    ----------
    pairs_of_rank, other, pair_bytes
        Where the pairs of each rank begin, shape (ranks + 1,); the other rank and the bytes of each.
    groups_of_rank, group
        Where the groups of each rank begin, shape (ranks + 1,), and these groups.
    members_of_group, member, share
        Where the members of each group begin, shape (groups + 1,); their ranks and shares, share by share,
        the largest first, as that is the likeliest to be on every rail.
    group_bytes
        Of each part beyond the first, shape (groups,).
    every
        Bits of all rails, shape (1,).
    """

    pairs_of_rank: IntArray
    other: IntArray
    pair_bytes: FloatArray
    groups_of_rank: IntArray
    group: IntArray
    members_of_group: IntArray
    member: IntArray
    share: IntArray
    group_bytes: FloatArray
    every: IntArray


def seats_of(problem: Problem, wishes: Wishes, gpu_of_rank: GpuArray) -> tuple[GpuArray, Seats]:
    """GPUs that may hold a rank, node by node, and these as seats."""
    node = problem.cluster.gpu_node
    gpus = np.flatnonzero(np.isin(node, node[gpu_of_rank]) & problem.available)
    gpus = gpus[np.argsort(node[gpus], kind="stable")].astype(np.int32)
    _, nodes, seats = np.unique(node[gpus], return_inverse=True, return_counts=True)
    rail = wishes.rail_of_gpu[gpus].astype(np.int64)
    return gpus, Seats(rail, nodes, np.concatenate(([0], np.cumsum(seats))))


def seated_at(gpus: GpuArray, seats: Seats, gpu_of_rank: GpuArray) -> Seated:
    """Who sits where with these GPUs of ranks."""
    place = np.zeros(int(gpus.max()) + 1, np.int64)
    place[gpus] = np.arange(len(gpus))
    seat = place[gpu_of_rank]
    holder = np.full(len(gpus), -1, np.int64)
    holder[seat] = np.arange(len(seat))
    return Seated(seats.rail[seat], seat, holder)


def links_of(wishes: Wishes) -> Links:
    """Pairs and groups of each rank, and members of each group, all-to-all left out."""
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
    of_rank = np.argsort(member, kind="stable")
    in_group = np.lexsort((share, -np.bincount(share)[share], group))
    return Links(
        *pairs,
        _begins(member, wishes.ranks),
        group[of_rank],
        _begins(group, groups),
        member[in_group],
        share[in_group],
        np.concatenate([np.zeros(0), *(each.payload for each in wishes.split)]),
        np.array([(1 << wishes.rails) - 1]),
    )


def _begins(of: IntArray, owners: int) -> IntArray:
    """Where the entries of each owner begin once they are sorted, shape (owners + 1,)."""
    return np.concatenate(([0], np.cumsum(np.bincount(of, minlength=owners)))).astype(np.int64)
