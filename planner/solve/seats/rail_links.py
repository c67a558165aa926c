"""Seats, who sits on them, and what ranks would have on one rail, as a walk over seats takes them.

Replicas may also exchange their stages from one on. Each stage's cells then belong to other replicas, and
only neighbours along the pipeline notice: a group over replicas has the same ranks' GPUs as before, and a
group inside a cell goes with it. The walk therefore leaves cells where they are and says which follows
which; in the end every rank takes the GPU of its part of the cell that it has come to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from planner.workload.family import Kind

if TYPE_CHECKING:
    from planner.solve.seats.rail_wishes import Wishes
    from planner.solve.setup.problem import Problem

    FloatArray = NDArray[np.float64]
    GpuArray = NDArray[np.int32]

IntArray = NDArray[np.int64]

PAIRED = (Kind.PATH, Kind.RING)


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


class Chains(NamedTuple):
    """Which cell of a stage follows which of the stage before.

    Parameters
    ----------
    rank
        Rank in each place of each cell as they are first, shape (stages, replicas, ranks of a cell).
    following
        Cell of the next stage, and of the first after the last, shape (stages, replicas).
    closed
        1 where what follows the last stage matters, shape (1,).
    domain
        Of each rank at each tier, shape (tiers, ranks).
    """

    rank: IntArray
    following: IntArray
    closed: IntArray
    domain: IntArray


def seats_of(problem: Problem, wishes: Wishes, gpu_of_rank: GpuArray) -> tuple[GpuArray, Seats]:
    """GPUs that may hold a rank, node by node, and these as seats."""
    node = problem.cluster.gpu_node
    free = np.flatnonzero(np.isin(node, node[gpu_of_rank]) & problem.available)
    gpus: GpuArray = free[np.argsort(node[free], kind="stable")].astype(np.int32)
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


def chains_of(problem: Problem, gpu_of_rank: GpuArray) -> Chains:
    """Cells of replicas that may exchange their stages; one replica where some family would notice."""
    mesh, families = problem.workload.mesh, problem.workload.families
    piped = [each for each in families if "pp" in each.axes]
    noticed = [each for each in families if each.kind in PAIRED and {"dp", "edp"} & set(each.axes)]
    noticed += [each for each in piped if each.axes != ("pp",) or each.stages or each.kind not in PAIRED]
    replicas = 1 if noticed or not piped else mesh.dp // mesh.dp_unit
    ranks = np.arange(mesh.world_size)
    cell = mesh.coordinate("dp", ranks) // (mesh.dp // replicas)
    order = np.lexsort((ranks, cell, mesh.coordinate("pp", ranks)))
    # Over two stages a ring goes there and back between the same ranks.
    closed = mesh.pp > 2 and any(each.kind is Kind.RING for each in piped)
    return Chains(
        ranks[order].reshape(mesh.pp, replicas, -1),
        np.tile(np.arange(replicas), (mesh.pp, 1)),
        np.array([int(closed)]),
        np.stack([domain[gpu_of_rank] for domain in problem.cluster.domain_of_gpu]).astype(np.int64),
    )


def gpus_of_chains(chains: Chains, gpu_of_cell: GpuArray) -> GpuArray:
    """GPU of every rank, from those of the ranks whose cells theirs have become."""
    gpu_of_rank, cell = gpu_of_cell.copy(), np.arange(chains.rank.shape[1])
    for ranks, following in zip(chains.rank, chains.following, strict=True):
        gpu_of_rank[ranks] = gpu_of_cell[ranks[cell]]
        cell = following[cell]
    return gpu_of_rank


def _begins(of: IntArray, owners: int) -> IntArray:
    """Where the entries of each owner begin once they are sorted, shape (owners + 1,)."""
    return np.concatenate(([0], np.cumsum(np.bincount(of, minlength=owners)))).astype(np.int64)
