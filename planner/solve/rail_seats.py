"""Seats inside nodes: ranks change places so that fewer bytes between nodes change rail.

No rank leaves its node, so nothing changes at any tier. Bytes that change rail are counted here
as the swaps need them: what each rail is worth to each rank, given where the others sit.
`planner.placement.rails` counts them independently, for the checker.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from planner.placement.groups import group_index, groups_along
from planner.placement.spread import TOUCH_FACTOR
from planner.workload.family import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.solve.control import Control
    from planner.solve.problem import Problem
    from planner.workload.family import Family

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

ROUNDS = 60
FEWEST_ROUNDS = 8
MOST_SWAPS = 500_000
PATIENCE = 25
TILT = 0.1
HEAT = 0.5


def keep_rails(problem: Problem, gpu_of_rank: IntArray, control: Control) -> IntArray:
    """The same placement with other seats in its nodes, where that keeps more bytes on their rail.

    Two starts are tried: the seats as they are, and those that a sweep over the stages gives, in
    which each rank follows its neighbour of the stage before. From the better one on, pairs of seats
    in a node are swapped as long as that helps.
    """
    wishes = _Wishes(problem, gpu_of_rank)
    if wishes.changed(gpu_of_rank) == 0:
        return gpu_of_rank
    best = min((gpu_of_rank, _swept(problem, gpu_of_rank)), key=wishes.changed)
    if wishes.changed(best) > 0 and not control.over:
        best = _swapped(problem, wishes, best, control)
    return best


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Neighbours in two domains: their ranks and bytes, each of shape (pairs,)."""

    one: IntArray
    other: IntArray
    payload: FloatArray


@dataclass(frozen=True, eq=False)
class _Split:
    """Groups over several domains: each member's group and share, and what a link of the group moves.

    Parameters
    ----------
    rank, group, share
        One entry a member; a share is what a group has in one domain.
    share_group
        Group of each share.
    payload
        Bytes for each group.
    """

    rank: IntArray
    group: IntArray
    share: IntArray
    share_group: IntArray
    payload: FloatArray

    def parts(self, held: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Parts that each group's domains fall into where common rails link them, shape (groups,)."""
        joined = held.copy()
        for rail in range(held.shape[1]):
            on_it = joined[:, rail].copy()
            joined[on_it] = self._counted(joined[on_it], self.share_group[on_it])[self.share_group[on_it]] > 0
        lowest = np.zeros((len(self.payload), held.shape[1]), np.bool_)
        lowest[self.share_group, joined.argmax(axis=1)] = True
        found: NDArray[np.int64] = lowest.sum(axis=1)
        return found

    def votes(self, held: NDArray[np.bool_]) -> FloatArray:
        """Worth of each rail to each member, shape (members, rails).

        A rail that another of the group's domains holds saves a link; among those the commonest is
        worth a little more, so that the others run out.
        """
        counts = self._counted(held, self.share_group)
        elsewhere = counts[self.share_group] - held
        domains = np.bincount(self.share_group)[self.share_group][:, None]
        worth = (elsewhere > 0) + TILT * elsewhere / domains
        members = np.bincount(self.share)[:, None]
        by_share = worth * self.payload[self.share_group][:, None] / members
        votes: FloatArray = by_share[self.share]
        return votes

    def _counted(self, held: NDArray[np.bool_], group: IntArray) -> NDArray[np.int64]:
        """Domains of each group that hold each rail, shape (groups, rails)."""
        counts = np.zeros((len(self.payload), held.shape[1]), np.int64)
        np.add.at(counts, group, held)
        return counts


class _Wishes:
    """Which rail every rank would have, and how many bytes that is about."""

    def __init__(self, problem: Problem, gpu_of_rank: IntArray) -> None:
        cluster, self.ranks = problem.cluster, len(gpu_of_rank)
        names, rail = np.unique(cluster.gpu_rail, return_inverse=True)
        self.rails, self.rail_of_gpu = len(names), rail.astype(np.int32)
        self.pairs: list[_Pairs] = []
        self.split: list[_Split] = []
        domain = cluster.domain_of_gpu[cluster.boundary][gpu_of_rank]
        for family in problem.workload.families:
            if family.kind in (Kind.PATH, Kind.RING):
                self.pairs.append(_pairs_of(problem, family, domain))
            elif family.kind is not Kind.ALL_TO_ALL:
                self.split.append(_split_of(problem, family, domain))

    def changed(self, gpu_of_rank: IntArray) -> float:
        """Bytes that change rail, all-to-all left out."""
        rail = self.rail_of_gpu[gpu_of_rank]
        total = sum(float(each.payload[rail[each.one] != rail[each.other]].sum()) for each in self.pairs)
        for split in self.split:
            total += float((split.payload * (split.parts(self._held(split, rail)) - 1)).sum())
        return total

    def typical(self) -> float:
        """Bytes that one change of rail is about, on average."""
        sizes = [each.payload for each in self.pairs] + [each.payload for each in self.split]
        return float(np.concatenate(sizes).mean())

    def votes(self, gpu_of_rank: IntArray) -> FloatArray:
        """Bytes that stay on their rail for each rank and rail; a last row of zeros for nobody."""
        rail = self.rail_of_gpu[gpu_of_rank]
        votes = np.zeros((self.ranks + 1, self.rails))
        for each in self.pairs:
            np.add.at(votes, (each.one, rail[each.other]), each.payload)
            np.add.at(votes, (each.other, rail[each.one]), each.payload)
        for split in self.split:
            votes[split.rank] += split.votes(self._held(split, rail))
        return votes

    def _held(self, split: _Split, rail: IntArray) -> NDArray[np.bool_]:
        """Rails that each share holds, shape (shares, rails)."""
        held = np.zeros((len(split.share_group), self.rails), np.bool_)
        held[split.share, rail[split.rank]] = True
        return held


def _pairs_of(problem: Problem, family: Family, domain: IntArray) -> _Pairs:
    index = group_index(problem.workload.mesh, family)
    one, other = index.members, np.roll(index.members, -1, axis=1)
    apart = domain[one] != domain[other]
    if family.kind is Kind.PATH:
        apart[:, -1] = False
    group, position = np.nonzero(apart)
    payload = np.asarray(family.payload_bytes, np.float64)
    bytes_ = payload[position] if "pp" in family.axes else payload[index.stage[group]]
    return _Pairs(one[apart], other[apart], bytes_)


def _split_of(problem: Problem, family: Family, domain: IntArray) -> _Split:
    index = group_index(problem.workload.mesh, family)
    held = domain[index.members]
    split = np.flatnonzero((held != held[:, :1]).any(axis=1))
    members = index.members[split]
    group = np.repeat(np.arange(len(split)), members.shape[1])
    width = int(domain.max(initial=0)) + 1
    keys, share = np.unique(group * width + domain[members].ravel(), return_inverse=True)
    payload = TOUCH_FACTOR[family.kind] * np.asarray(family.payload_bytes, np.float64)
    by_group = np.full(len(split), payload[0]) if "pp" in family.axes else payload[index.stage[split]]
    return _Split(
        members.ravel(),
        group.astype(np.int32),
        share.ravel().astype(np.int32),
        (keys // width).astype(np.int32),
        by_group,
    )


def _swept(problem: Problem, gpu_of_rank: IntArray) -> IntArray:
    """Seats stage by stage: on the rail of the stage before where its rank is in another domain."""
    cluster = problem.cluster
    domain = cluster.domain_of_gpu[cluster.boundary][gpu_of_rank]
    node, rail = cluster.gpu_node[gpu_of_rank], cluster.gpu_rail - int(cluster.gpu_rail.min())
    rails = int(rail.max()) + 1
    used = np.isin(cluster.gpu_node, node) & problem.available
    free = np.flatnonzero(used)
    free = free[np.lexsort((free, rail[free], cluster.gpu_node[free]))].astype(np.int32)
    seat = np.empty_like(gpu_of_rank)
    stages = groups_along(problem.workload.mesh, ("pp",)).members.T
    for stage, ranks in enumerate(stages):
        waiting = ranks
        if stage:
            before = stages[stage - 1]
            moved = np.flatnonzero(domain[before] != domain[ranks])
            wanted = node[ranks[moved]].astype(np.int64) * rails + rail[seat[before[moved]]]
            order = np.argsort(wanted, kind="stable")
            offered = cluster.gpu_node[free].astype(np.int64) * rails + rail[free]
            asks, takes = _first_of_each(wanted[order], offered)
            seat[ranks[moved[order[asks]]]] = free[takes]
            free = np.delete(free, takes)
            waiting = np.delete(ranks, moved[order[asks]])
        waiting = waiting[np.argsort(node[waiting], kind="stable")]
        asks, takes = _first_of_each(node[waiting], cluster.gpu_node[free])
        seat[waiting[asks]] = free[takes]
        free = np.delete(free, takes)
    return seat


def _first_of_each(
    asked: NDArray[np.integer], offered: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where two sorted lists have the same entries, paired off in order: places in both."""
    place = np.arange(len(asked)) - np.searchsorted(asked, asked)
    at = np.searchsorted(offered, asked) + place
    served = at < np.searchsorted(offered, asked, side="right")
    return np.flatnonzero(served), at[served]


def _swapped(problem: Problem, wishes: _Wishes, gpu_of_rank: IntArray, control: Control) -> IntArray:
    """Swap seats in half of the nodes at a time, drawn anew each round; the best seats seen.

    Large jobs get fewer rounds, so that this takes a small part of any run.
    """
    random = np.random.default_rng(control.seed)
    seats, rail = _seats_of_nodes(problem, gpu_of_rank), wishes.rail_of_gpu
    best, least, failures = gpu_of_rank, wishes.changed(gpu_of_rank), 0
    now = best.copy()
    typical = wishes.typical()
    rounds = min(ROUNDS, max(FEWEST_ROUNDS, MOST_SWAPS // wishes.ranks))
    for turn in range(rounds):
        chosen = seats[random.random(len(seats)) < 0.5]
        rank_of_gpu = np.full(problem.cluster.gpus + 1, wishes.ranks, np.int32)
        rank_of_gpu[now] = np.arange(wishes.ranks)
        votes = wishes.votes(now)
        heat = HEAT * (1 - turn / rounds) * typical
        for one, other in combinations(range(seats.shape[1]), 2):
            here, there = chosen[:, one], chosen[:, other]
            first, second = rank_of_gpu[here], rank_of_gpu[there]
            gain = votes[first, rail[there]] + votes[second, rail[here]]
            gain -= votes[first, rail[here]] + votes[second, rail[there]]
            swap = (gain + heat * random.standard_normal(len(gain)) > 0) & (here >= 0) & (there >= 0)
            rank_of_gpu[here[swap]], rank_of_gpu[there[swap]] = second[swap], first[swap]
        held = np.flatnonzero(rank_of_gpu[:-1] < wishes.ranks)
        now = now.copy()
        now[rank_of_gpu[held]] = held
        changed = wishes.changed(now)
        failures = 0 if changed < least else failures + 1
        if changed < least:
            best, least = now, changed
        if least == 0 or failures > PATIENCE or control.over:
            break
    return best


def _seats_of_nodes(problem: Problem, gpu_of_rank: IntArray) -> IntArray:
    """GPUs that may hold a rank in each node that holds any, shape (nodes, seats); -1 beyond."""
    cluster = problem.cluster
    gpus = np.flatnonzero(np.isin(cluster.gpu_node, cluster.gpu_node[gpu_of_rank]) & problem.available)
    _, row, count = np.unique(cluster.gpu_node[gpus], return_inverse=True, return_counts=True)
    table = np.full((len(count), int(count.max())), -1, np.int32)
    table[row, np.arange(len(gpus)) - (np.cumsum(count) - count)[row]] = gpus
    return table
