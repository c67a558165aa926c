"""Which rail every rank would have: its neighbours in other domains, and the groups that it shares.

Bytes that change rail are counted here as a search needs them: what each rail is worth to each rank,
given where the others sit. `planner.placement.rails` counts them independently, for the checker.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.placement.groups import group_index
from planner.placement.spread import TOUCH_FACTOR
from planner.workload.family import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.solve.setup.problem import Problem
    from planner.workload.family import Family

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

TILT = 0.1


@dataclass(frozen=True, eq=False)
class Pairs:
    """Neighbours in two domains: their ranks and bytes, each of shape (pairs,)."""

    one: IntArray
    other: IntArray
    payload: FloatArray


@dataclass(frozen=True, eq=False)
class Split:
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


class Wishes:
    """Which rail every rank would have, and how many bytes that is about."""

    def __init__(self, problem: Problem, gpu_of_rank: IntArray) -> None:
        cluster, self.ranks = problem.cluster, len(gpu_of_rank)
        names, rail = np.unique(cluster.gpu_rail, return_inverse=True)
        self.rails, self.rail_of_gpu = len(names), rail.astype(np.int32)
        self.pairs: list[Pairs] = []
        self.split: list[Split] = []
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

    def broken(self, gpu_of_rank: IntArray) -> list[IntArray]:
        """Ranks of every pair that changes rail, and of every group that falls into parts."""
        rail = self.rail_of_gpu[gpu_of_rank]
        found = []
        for each in self.pairs:
            changed = rail[each.one] != rail[each.other]
            found += list(np.stack((each.one[changed], each.other[changed]), axis=1))
        for split in self.split:
            parted = np.flatnonzero(split.parts(self._held(split, rail)) > 1)
            found += [split.rank[split.group == group] for group in parted]
        return found

    def linked_with(self, rank: int) -> IntArray:
        """Ranks in other domains whose rail a rank would share; those of its groups in its own, too."""
        found = [each.other[each.one == rank] for each in self.pairs]
        found += [each.one[each.other == rank] for each in self.pairs]
        for split in self.split:
            found.append(split.rank[np.isin(split.group, split.group[split.rank == rank])])
        return np.concatenate(found)

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

    def _held(self, split: Split, rail: IntArray) -> NDArray[np.bool_]:
        """Rails that each share holds, shape (shares, rails)."""
        held = np.zeros((len(split.share_group), self.rails), np.bool_)
        held[split.share, rail[split.rank]] = True
        return held


def _pairs_of(problem: Problem, family: Family, domain: IntArray) -> Pairs:
    index = group_index(problem.workload.mesh, family)
    one, other = index.members, np.roll(index.members, -1, axis=1)
    apart = domain[one] != domain[other]
    if family.kind is Kind.PATH:
        apart[:, -1] = False
    group, position = np.nonzero(apart)
    payload = np.asarray(family.payload_bytes, np.float64)
    bytes_ = payload[position] if "pp" in family.axes else payload[index.stage[group]]
    return Pairs(one[apart], other[apart], bytes_)


def _split_of(problem: Problem, family: Family, domain: IntArray) -> Split:
    index = group_index(problem.workload.mesh, family)
    held = domain[index.members]
    split = np.flatnonzero((held != held[:, :1]).any(axis=1))
    members = index.members[split]
    group = np.repeat(np.arange(len(split)), members.shape[1])
    width = int(domain.max(initial=0)) + 1
    keys, share = np.unique(group * width + domain[members].ravel(), return_inverse=True)
    payload = TOUCH_FACTOR[family.kind] * np.asarray(family.payload_bytes, np.float64)
    by_group = np.full(len(split), payload[0]) if "pp" in family.axes else payload[index.stage[split]]
    return Split(
        members.ravel(),
        group.astype(np.int32),
        share.ravel().astype(np.int32),
        (keys // width).astype(np.int32),
        by_group,
    )
