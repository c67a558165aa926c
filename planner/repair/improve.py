"""Fewer crossing bytes for more moves: blocks of ranks go where they cost less, the best buy first.

A block is what a rule binds, or the ranks of one tensor, context and expert group. To take a block
whole to another domain costs as many moves as ranks of it have not moved yet. Each step takes the block
that saves most of the objective for each move; the steps in turn are the front between the two.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.placement.groups import groups_along
from planner.repair.exchange import Exchanges
from planner.repair.ledger import Ledger, Party
from planner.repair.rules import joined
from planner.repair.seats import seat_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from planner.repair.exact import Limit
    from planner.repair.rules import Level
    from planner.repair.task import Task

    BoolArray = NDArray[np.bool_]
    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

WORTH = 1e-9


@dataclass(frozen=True, eq=False)
class Blocks:
    """Ranks that are moved together.

    Parameters
    ----------
    tier
        Tier of the domains that a block goes to as a whole.
    ranks
        Ranks of each block, shape (blocks, ranks in a block).
    within
        Tier whose domain a block may not leave, since more is bound to it there.
    inner
        Levels of rules inside a block, innermost first.
    """

    tier: int
    ranks: IntArray
    within: int
    inner: tuple[Level, ...] = ()


def blocks_of(task: Task, levels: Sequence[Level], weights: FloatArray) -> Blocks:
    """What is worth moving together: what rules bind, or whole groups as far as a domain holds them."""
    mesh, cluster = task.workload.mesh, task.cluster
    outermost = len(cluster.tiers) - 1
    leaf = min([tier for tier in range(outermost) if weights[tier] > 0], default=outermost)
    if levels:
        # Tiers inside a bound part that count for something: it is not moved blindly as a whole.
        index = max((i for i, level in enumerate(levels) if level.tier <= leaf), default=0)
        level = levels[index]
        within = levels[index + 1].tier if index + 1 < len(levels) else outermost
        inner = tuple(levels[:index])
        return Blocks(max(leaf, level.tier), _rows(level.part, level.size), within, inner)
    part = np.arange(task.ranks, dtype=np.int32)
    size = 1
    room = int(np.bincount(cluster.domain_of_gpu[leaf][task.available]).max())
    for axis in ("tp", "cp", "ep"):
        if mesh.degree(axis) > 1:
            larger = joined(part, groups_along(mesh, (axis,)).members)
            if task.ranks // (int(larger.max()) + 1) <= room:
                part, size = larger, task.ranks // (int(larger.max()) + 1)
    return Blocks(leaf, _rows(part, size), outermost)


def _rows(part: IntArray, size: int) -> IntArray:
    """Ranks of each part, shape (parts, size)."""
    return np.argsort(part, kind="stable").astype(np.int32).reshape(-1, size)


def improvements(
    task: Task,
    gpu_of_rank: IntArray,
    blocks: Blocks,
    weights: FloatArray,
    limits: Sequence[Limit],
    over: Callable[[], bool],
) -> Iterator[IntArray]:
    """Ever cheaper placements, each with the next best block moved, as long as limits and `over` allow."""
    search = _Search(task, gpu_of_rank, blocks, weights, limits, over)
    while search.step():
        yield search.gpu_of_rank.copy()
    for _ in search.exchanges():
        yield search.gpu_of_rank.copy()


class _Search:
    """Blocks by what they save for each move; the figures of one are renewed when its turn comes."""

    def __init__(
        self,
        task: Task,
        gpu_of_rank: IntArray,
        blocks: Blocks,
        weights: FloatArray,
        limits: Sequence[Limit],
        over: Callable[[], bool],
    ) -> None:
        self.task, self.blocks, self.limits, self.over = task, blocks, limits, over
        self.gpu_of_rank = gpu_of_rank.copy()
        self.cluster = task.cluster
        self.tiers = range(blocks.tier, len(self.cluster.tiers) - 1)
        self.within = np.arange(self.cluster.tiers[blocks.tier].domains, dtype=np.int32)
        for tier in range(blocks.tier, blocks.within):
            self.within = self.cluster.tiers[tier].parent[self.within]
        domains = [domain[gpu_of_rank] for domain in self.cluster.domain_of_gpu]
        self.home = self.cluster.domain_of_gpu[blocks.tier]
        everyone, unit = np.ones(task.ranks, np.bool_), self._unit(weights)
        self.ledger = Ledger(self.cluster, task.workload, weights, domains, everyone, unit)
        self._count()
        self.parties = [self.ledger.party(ranks) for ranks in blocks.ranks]
        free = task.available.copy()
        free[gpu_of_rank] = False
        self.free = free
        self.room = np.bincount(self.home[free], minlength=self.cluster.tiers[blocks.tier].domains)
        # Domains with GPUs enough for a block, but not as rules inside it want them.
        self.refused: dict[int, list[int]] = {}
        self.queue: list[tuple[float, int]] = [(-np.inf, index) for index in range(len(self.parties))]

    def _unit(self, weights: FloatArray) -> IntArray | None:
        """Block of each rank, where all blocks are whole and stay so; None elsewhere."""
        home = self.home[self.gpu_of_rank[self.blocks.ranks]]
        if (home != home[:, :1]).any() or weights[: self.blocks.tier].any():
            return None
        unit = np.empty(self.task.ranks, np.int32)
        unit[self.blocks.ranks] = np.arange(len(home), dtype=np.int32)[:, None]
        return unit

    def _count(self) -> None:
        """Add up what all that moved costs."""
        moved = self.task.moved(self.gpu_of_rank)
        self.spent = [float(limit.costs[moved].sum()) for limit in self.limits]

    def step(self) -> bool:
        """Move the block that saves most for each move; False where none saves anything within the limits."""
        while self.queue and not self.over():
            _, index = heapq.heappop(self.queue)
            found = self._offer(index)
            if found is None:
                continue
            worth, domain = found
            if self.queue and -self.queue[0][0] > worth:
                heapq.heappush(self.queue, (-worth, index))
                continue
            heapq.heappush(self.queue, (-np.inf, index))
            if self._move(index, domain):
                return True
            self.refused.setdefault(index, []).append(domain)
        return False

    def _offer(self, index: int) -> tuple[float, int] | None:
        """What a block saves for each move by going to its best domain; None where that is nothing."""
        party = self.parties[index]
        own = self.home[self.gpu_of_rank[party.ranks]]
        here, count = np.unique(own, return_counts=True)
        room = self.room.copy()
        room[here] += count
        inside = self.within == self.within[own[0]]
        room[self.refused.get(index, [])] = 0
        domains = np.flatnonzero((room >= len(party.ranks)) & inside).astype(np.int32)
        still = self.task.before[party.ranks] == self.gpu_of_rank[party.ranks]
        if not len(domains) or not self._allowed(party.ranks[still]):
            return None
        if len(here) == 1:
            costs = self.ledger.costs(party, self.tiers, domains, int(here[0]))
            now = float(costs[np.searchsorted(domains, here[0])])
        else:
            costs, now = self._costs_apart(party, own, here, domains)
        best = int(costs.argmin())
        saved = now - float(costs[best])
        if saved <= WORTH * abs(now):
            return None
        return saved / max(1, int(still.sum())), int(domains[best])

    def _costs_apart(
        self, party: Party, own: IntArray, here: IntArray, domains: IntArray
    ) -> tuple[FloatArray, float]:
        """Costs of a block that lies in several domains: together in each of some, and as it is."""
        parts = [self._part(party, own, domain) for domain in here.tolist()]
        for part, domain in zip(parts, here.tolist(), strict=True):
            self.ledger.take(part, self.tiers, domain)
        costs, now = self.ledger.costs(party, self.tiers, domains), 0.0
        for part, domain in zip(parts, here.tolist(), strict=True):
            now += float(self.ledger.costs(part, self.tiers, np.array([domain], np.int32))[0])
            self.ledger.put(part, self.tiers, domain)
        return costs, now

    def exchanges(self) -> Iterator[tuple[int, int]]:
        """Exchange pairs of blocks that both lie in one domain, where that saves something."""
        home = self.home[self.gpu_of_rank[self.blocks.ranks]]
        whole = np.flatnonzero((home == home[:, :1]).all(axis=1))
        if len(self.tiers) < 2 or self.blocks.within < len(self.cluster.tiers) - 1 or len(whole) < 2:
            return
        at = home[whole, 0].astype(np.int32)
        parties = [self.parties[index] for index in whole.tolist()]
        pairs = Exchanges(self.ledger, self.cluster, parties, self.tiers)
        for one, other in pairs.candidates(pairs.estimate(at), at):
            if self.over():
                return
            ranks = np.concatenate((parties[one].ranks, parties[other].ranks))
            still = self.task.before[ranks] == self.gpu_of_rank[ranks]
            if not self._allowed(ranks[still]) or pairs.saves(one, other, at) <= 0:
                continue
            if not self._swap(int(whole[one]), int(whole[other]), int(at[one]), int(at[other])):
                continue
            at[[one, other]] = at[[other, one]]
            yield one, other

    def _swap(self, one: int, other: int, here: int, there: int) -> bool:
        """Exchange two blocks, where the rules inside them find room."""
        first, second = self.parties[one], self.parties[other]
        seats = self._seats(first.ranks, there, second.ranks), self._seats(second.ranks, here, first.ranks)
        if seats[0] is None or seats[1] is None:
            return False
        for party, domain in ((first, here), (second, there)):
            self.ledger.take(party, self.tiers, domain)
            self.free[self.gpu_of_rank[party.ranks]] = True
        for party, domain, found in ((first, there, seats[0]), (second, here, seats[1])):
            self.ledger.put(party, self.tiers, domain)
            self.gpu_of_rank[party.ranks] = found
            self.free[found] = False
        self._count()
        return True

    def _part(self, party: Party, own: IntArray, domain: int) -> Party:
        """The ranks of a block that are in one domain."""
        ranks = party.ranks[own == domain]
        return party if len(ranks) == len(party.ranks) else self.ledger.party(ranks)

    def _allowed(self, ranks: IntArray) -> bool:
        """Whether these ranks may move beside all that moved already."""
        return all(
            spent + float(limit.costs[ranks].sum()) <= limit.most
            for limit, spent in zip(self.limits, self.spent, strict=True)
        )

    def _move(self, index: int, domain: int) -> bool:
        """Take a block to a domain and seat it there, where the rules inside it find room."""
        party = self.parties[index]
        seats = self._seats(party.ranks, domain, party.ranks)
        if seats is None:
            return False
        own = self.home[self.gpu_of_rank[party.ranks]]
        for here in np.unique(own).tolist():
            self.ledger.take(self._part(party, own, here), self.tiers, here)
        self.ledger.put(party, self.tiers, domain)
        self.free[self.gpu_of_rank[party.ranks]] = True
        self.gpu_of_rank[party.ranks] = seats
        self.free[seats] = False
        self._count()
        self.room = np.bincount(self.home[self.free], minlength=self.cluster.tiers[self.blocks.tier].domains)
        return True

    def _seats(self, ranks: IntArray, domain: int, leaving: IntArray) -> IntArray | None:
        """GPUs of a block's ranks in a domain that others leave; None where rules find no room."""
        free = self.free.copy()
        free[self.gpu_of_rank[leaving]] = True
        gpus = np.flatnonzero(free & (self.home == domain)).astype(np.int32)
        return seat_parts(self.task, self.blocks.inner, self.blocks.tier, ranks, gpus)
