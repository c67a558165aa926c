"""Where the ranks that must move go: the cheapest free places that can be found.

Parties choose one after the other, then each again with the others in place, and pairs exchange places,
until nothing gets cheaper; where they are many, each chooses again once and that is all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from planner.repair.ledger import Ledger, Party
    from planner.topology.cluster import Cluster

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

ROUNDS = 8
MOST_EXCHANGED = 3
MANY = 20
BETTER = 1e-12


@dataclass
class Settling:
    """Parties of one level on their way to domains of its tier.

    Parameters
    ----------
    ledger
        Where everyone else is; parties are put into it.
    cluster
        The hardware.
    tiers
        Tiers that are open: that of the domains that parties go to, and those outside it that are not
        settled yet.
    free
        How many parties each domain has room for, shape (domains,).
    over
        Whether to be content with what there is.
    """

    ledger: Ledger
    cluster: Cluster
    tiers: range
    free: IntArray
    over: Callable[[], bool] = field(default=lambda: False)

    def settle(self, parties: Sequence[Party]) -> IntArray:
        """Put every party somewhere and return its domain, shape (parties,).

        There must be room for all of them.
        """
        self.parties = parties
        anywhere = np.flatnonzero(self.free > 0).astype(np.int32)
        self.open = [anywhere if each.inside is None else self._inside(each.inside) for each in parties]
        self.at = np.full(len(parties), -1, np.int32)
        if not self._matters():
            self._fill()
            return self.at
        for index in range(len(parties)):
            self._choose(index)
        for _ in range(ROUNDS if len(parties) <= MANY else 1):
            if self.over() or not (self._reconsider() | self._exchange()):
                break
        return self.at

    def _inside(self, outer: tuple[int, int]) -> IntArray:
        """Domains with room inside one of a tier further out, ascending."""
        tier, wanted = outer
        domain = np.arange(len(self.free), dtype=np.int32)
        for level in range(self.tiers.start, tier):
            domain = self.cluster.tiers[level].parent[domain]
        return np.flatnonzero((domain == wanted) & (self.free > 0)).astype(np.int32)

    def _matters(self) -> bool:
        """Whether it makes a difference for anyone where they go."""
        counted = [tier for tier in self.ledger.tiers if tier in self.tiers]
        return bool(counted) and any(len(each) > 1 for each in self.open)

    def _fill(self) -> None:
        """Put the parties into the first domains that have room."""
        for index, domains in enumerate(self.open):
            self._put(index, int(domains[np.argmax(self.free[domains] > 0)]))

    def _put(self, index: int, domain: int) -> None:
        self.ledger.put(self.parties[index], self.tiers, domain)
        self.free[domain] -= 1
        self.at[index] = domain

    def _take(self, index: int) -> int:
        domain = int(self.at[index])
        self.ledger.take(self.parties[index], self.tiers, domain)
        self.free[domain] += 1
        self.at[index] = -1
        return domain

    def _choose(self, index: int) -> None:
        """Put a party where it costs least now."""
        self._put(index, self._best(index, None))

    def _best(self, index: int, now: int | None) -> int:
        """The cheapest free domain for a party that is nowhere; `now` unless another is cheaper.

        Of equally cheap ones the nearest to where it was, so that its state has a short way.
        """
        domains = self.open[index][self.free[self.open[index]] > 0]
        costs = self.ledger.costs(self.parties[index], self.tiers, domains)
        least = float(costs.min())
        slack = BETTER * abs(least)
        if now is not None and costs[np.searchsorted(domains, now)] <= least + slack:
            return now
        tied = domains[costs <= least + slack]
        return int(tied[self._distance(self.parties[index].home, tied).argmin()])

    def _distance(self, gpu: int, domains: IntArray) -> IntArray:
        """How many tiers out some domains and the one that held a GPU meet, shape (domains,)."""
        distance = np.zeros(len(domains), np.int32)
        if gpu < 0:
            return distance
        for tier in range(self.tiers.start, len(self.cluster.tiers) - 1):
            distance += domains != self.cluster.domain_of_gpu[tier][gpu]
            domains = self.cluster.tiers[tier].parent[domains]
        return distance

    def _reconsider(self) -> bool:
        """Let each party choose again; whether any gains by it."""
        changed = False
        for index in range(len(self.parties)):
            if self.over():
                break
            before = self._take(index)
            after = self._best(index, before)
            self._put(index, after)
            changed |= after != before
        return changed

    def _exchange(self) -> bool:
        """Let pairs exchange places where that is cheaper; whether any does."""
        parties = len(self.parties)
        if parties > MANY or self.over():
            return False
        changed = False
        for one, other in self._promising():
            if self.over():
                break
            changed |= self._swap(one, other)
        return changed

    def _promising(self) -> list[tuple[int, int]]:
        """Pairs that look as if they gained by an exchange, the most promising first."""
        parties = len(self.parties)
        places = np.unique(self.at)
        column = np.searchsorted(places, self.at)
        costs = np.empty((parties, parties))
        for index, party in enumerate(self.parties):
            here = self._take(index)
            costs[index] = self.ledger.costs(party, self.tiers, places)[column]
            self._put(index, here)
        own = np.diag(costs)
        gain = own[:, None] + own[None, :] - costs - costs.T
        one, other = np.nonzero(np.triu(gain > BETTER * abs(own[:, None]), 1))
        order = np.argsort(-gain[one, other], kind="stable")[: MOST_EXCHANGED * parties]
        return list(zip(one[order].tolist(), other[order].tolist(), strict=True))

    def _swap(self, one: int, other: int) -> bool:
        """Exchange two parties if they may and that is cheaper."""
        here, there = int(self.at[one]), int(self.at[other])
        if here == there or there not in self.open[one] or here not in self.open[other]:
            return False
        self._take(one)
        self._take(other)
        before, after = self._cost(one, other, here, there), self._cost(one, other, there, here)
        better = after < before - BETTER * abs(before)
        self._put(one, there if better else here)
        self._put(other, here if better else there)
        return better

    def _cost(self, one: int, other: int, first: int, second: int) -> float:
        """Cost of two parties that are nowhere in two domains."""
        cost = self.ledger.costs(self.parties[one], self.tiers, np.array([first], np.int32))[0]
        self.ledger.put(self.parties[one], self.tiers, first)
        cost += self.ledger.costs(self.parties[other], self.tiers, np.array([second], np.int32))[0]
        self.ledger.take(self.parties[one], self.tiers, first)
        return float(cost)
