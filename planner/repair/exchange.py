"""Blocks that change places with each other, where nothing free is better than what they have.

What a block would cost in every domain one tier further out is estimated with all others where they are;
pairs that seem to gain by an exchange are tried, and only what the exact costs confirm is done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.repair.ledger import Ledger, Party
    from planner.topology.cluster import Cluster

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

PARTNERS = 3
WORTH = 1e-9


class Exchanges:
    """Finds pairs of blocks to exchange.

    Parameters
    ----------
    ledger
        Where everyone is.
    cluster
        The hardware.
    parties
        The blocks, all of one size and each in one domain of the first of `tiers`.
    tiers
        Tiers in view, from that of the domains that hold blocks outwards.
    """

    def __init__(self, ledger: Ledger, cluster: Cluster, parties: list[Party], tiers: range) -> None:
        self.ledger, self.parties, self.tiers = ledger, parties, tiers
        self.parent = cluster.tiers[tiers.start].parent
        self.outer = range(tiers.start + 1, tiers.stop)
        self.everywhere = np.arange(cluster.tiers[tiers.start + 1].domains, dtype=np.int32)

    def estimate(self, at: IntArray) -> FloatArray:
        """Cost of each block in each domain one tier out, shape (blocks, domains), with the others `at`."""
        rows = [
            self.ledger.costs(party, self.outer, self.everywhere, int(self.parent[here]))
            for party, here in zip(self.parties, at.tolist(), strict=True)
        ]
        return np.stack(rows)

    def candidates(self, costs: FloatArray, at: IntArray) -> list[tuple[int, int]]:
        """Pairs that seem to gain, the blocks that are worst off first."""
        outer = self.parent[at]
        own = costs[np.arange(len(at)), outer]
        regret = own - costs.min(axis=1)
        found = []
        for one in np.argsort(-regret, kind="stable").tolist():
            if regret[one] <= WORTH * abs(own[one]):
                break
            gain = own[one] - costs[one, outer] + own - costs[:, outer[one]]
            best = np.argsort(-gain, kind="stable")[:PARTNERS]
            found += [(one, int(other)) for other in best if gain[other] > 0 and other != one]
        return found

    def saves(self, one: int, other: int, at: IntArray) -> float:
        """What an exchange saves, exactly."""
        here, there = int(at[one]), int(at[other])
        first, second = self.parties[one], self.parties[other]
        self.ledger.take(first, self.tiers, here)
        self.ledger.take(second, self.tiers, there)
        saved = self._cost(first, second, here, there) - self._cost(first, second, there, here)
        self.ledger.put(first, self.tiers, here)
        self.ledger.put(second, self.tiers, there)
        return saved

    def _cost(self, first: Party, second: Party, one: int, other: int) -> float:
        """Cost of two blocks that are nowhere in two domains."""
        cost = self.ledger.costs(first, self.tiers, np.array([one], np.int32))[0]
        self.ledger.put(first, self.tiers, one)
        cost += self.ledger.costs(second, self.tiers, np.array([other], np.int32))[0]
        self.ledger.take(first, self.tiers, one)
        return float(cost)
