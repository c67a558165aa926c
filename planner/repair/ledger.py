"""What it costs to put ranks somewhere, kept up to date as they are put.

Only groups that hold a rank which may move are looked at, and of their other members only where they
are. Costs are those of `planner.placement.crossing`, weighted by tier.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.placement.groups import groups_along
from planner.placement.spread import PAIRED, TOUCH_FACTOR, payload_of_groups
from planner.workload.family import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.topology.cluster import Cluster
    from planner.workload.family import Family
    from planner.workload.mesh import Mesh
    from planner.workload.workload import Workload

    BoolArray = NDArray[np.bool_]
    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

NOWHERE = -1


@dataclass(frozen=True, eq=False)
class Party:
    """Ranks that go to one domain together; made by `Ledger.party`.

    Parameters
    ----------
    ranks
        The ranks.
    inside
        Tier and domain that they may not leave; None where they may go anywhere.
    home
        GPU where the first of them was; -1 where that is new.
    lies
        For each of the ledger's collectives the groups that the ranks are part of and not all of, and how
        many of them are in each.
    neighbours
        Other ranks that they are paired with, and the bytes to each.
    """

    ranks: IntArray
    inside: tuple[int, int] | None
    home: int
    lies: tuple[tuple[IntArray, IntArray], ...]
    neighbours: tuple[IntArray, FloatArray]


class Ledger:
    """Costs of parties in domains.

    Parameters
    ----------
    cluster, workload
        The hardware and the job.
    weights
        Cost of a crossing byte at each tier, shape (tiers,).
    domains
        For each tier the domain of every rank, each of shape (world_size,); `NOWHERE` for a rank that is
        not placed there yet.
    movable
        Ranks that may be put and taken away, shape (world_size,).
    """

    def __init__(
        self,
        cluster: Cluster,
        workload: Workload,
        weights: FloatArray,
        domains: Sequence[IntArray],
        movable: BoolArray,
    ) -> None:
        self.cluster, self.weights = cluster, weights
        self.tiers = [tier for tier in range(len(cluster.tiers) - 1) if weights[tier] > 0]
        self.domains = {tier: domains[tier].copy() for tier in self.tiers}
        self.collectives = [
            _Collectives(workload.mesh, families, cluster, self.domains, movable)
            for families in _with_same_groups(workload)
        ]
        self.edges = _Edges(workload, movable)

    def party(self, ranks: IntArray, inside: tuple[int, int] | None = None, home: int = NOWHERE) -> Party:
        """Some ranks as a party."""
        lies = tuple(each.lies(ranks) for each in self.collectives)
        other, payload = self.edges.of(ranks)
        outside = ~np.isin(other, ranks)
        return Party(ranks, inside, home, lies, (other[outside], payload[outside]))

    def costs(self, party: Party, tiers: range, domains: IntArray, here: int = NOWHERE) -> FloatArray:
        """Cost of a party in each of some domains of the first tier, shape (domains,).

        Costs of two domains may be compared; alone they mean nothing.

        Parameters
        ----------
        tiers
            Tiers in view, from that of the domains outwards.
        here
            Domain in which the whole party is; `NOWHERE` where it is not placed.
        """
        total = np.zeros(len(domains))
        above = domains
        for outer in tiers:
            if outer > tiers.start:
                above = self.cluster.tiers[outer - 1].parent[above]
                here = NOWHERE if here == NOWHERE else int(self.cluster.tiers[outer - 1].parent[here])
            if outer not in self.domains:
                continue
            distinct, at = np.unique(above, return_inverse=True)
            cost = _apart(*party.neighbours, self.domains[outer], distinct)
            for each, where in zip(self.collectives, party.lies, strict=True):
                cost += each.costs(where, outer, distinct, here)
            total += self.weights[outer] * cost[at]
        return total

    def put(self, party: Party, tiers: range, domain: int) -> None:
        """Put a party that is nowhere into a domain of the first of `tiers`, and what encloses it."""
        for tier, above in self._enclosing(tiers, domain):
            self.domains[tier][party.ranks] = above
            for each, lies in zip(self.collectives, party.lies, strict=True):
                each.change(lies, tier, above, 1)

    def take(self, party: Party, tiers: range, domain: int) -> None:
        """Take a party out of the domain where it is."""
        for tier, above in self._enclosing(tiers, domain):
            self.domains[tier][party.ranks] = NOWHERE
            for each, lies in zip(self.collectives, party.lies, strict=True):
                each.change(lies, tier, above, -1)

    def _enclosing(self, tiers: range, domain: int) -> list[tuple[int, int]]:
        found = []
        for tier in tiers:
            if tier > tiers.start:
                domain = int(self.cluster.tiers[tier - 1].parent[domain])
            if tier in self.domains:
                found.append((tier, domain))
        return found


def _with_same_groups(workload: Workload) -> list[list[Family]]:
    """Collectives over the same ranks together."""
    found: dict[object, list[Family]] = {}
    for family in workload.families:
        if family.kind not in PAIRED:
            found.setdefault((family.axes, family.stages), []).append(family)
    return list(found.values())


class _Collectives:
    """Collective families over the same groups: how many ranks of each group each domain holds."""

    def __init__(
        self,
        mesh: Mesh,
        families: Sequence[Family],
        cluster: Cluster,
        domains: dict[int, IntArray],
        movable: BoolArray,
    ) -> None:
        index = groups_along(mesh, families[0].axes, families[0].stages)
        affected = np.flatnonzero(movable[index.members].any(axis=1))
        members = index.members[affected]
        self.size = members.shape[1]
        self.group = np.full(mesh.world_size, NOWHERE, np.int32)
        self.group[members] = np.arange(len(affected), dtype=np.int32)[:, None]
        self.touch = np.zeros(len(affected))
        self.pair = np.zeros(len(affected))
        for family in families:
            payload = payload_of_groups(mesh, family)[affected]
            if family.kind is Kind.ALL_TO_ALL:
                self.pair += payload
            else:
                self.touch += TOUCH_FACTOR[family.kind] * payload
        self.held: dict[int, IntArray] = {}
        self.placed: dict[int, NDArray[np.int64]] = {}
        for tier, domain in domains.items():
            size = cluster.tiers[tier].domains
            where = domain[members]
            keys = np.arange(len(affected), dtype=np.int64)[:, None] * size + where
            counted = np.bincount(keys[where >= 0], minlength=len(affected) * size)
            self.held[tier] = counted.reshape(len(affected), size).astype(np.int32)
            self.placed[tier] = self.held[tier].sum(axis=1)

    def lies(self, ranks: IntArray) -> tuple[IntArray, IntArray]:
        """Groups of which some ranks are a part, and how many of them are in each."""
        group = self.group[ranks]
        groups, count = np.unique(group[group >= 0], return_counts=True)
        split = count < self.size
        return groups[split], count[split].astype(np.int32)

    def costs(self, lies: tuple[IntArray, IntArray], tier: int, domains: IntArray, here: int) -> FloatArray:
        """Bytes that a party which lies so in the groups adds in each of some domains, were it not `here`."""
        groups, count = lies
        held = self.held[tier][groups[:, None], domains[None, :]]
        others = self.placed[tier][groups]
        if here != NOWHERE:
            held = held - count[:, None] * (domains == here)
            others = others - count
        touch = self.touch[groups] * (others > 0)
        cost: FloatArray = touch @ (held == 0)
        if self.pair.any():
            cost = cost + (2.0 * self.pair[groups] * count) @ (others[:, None] - held)
        return cost

    def change(self, lies: tuple[IntArray, IntArray], tier: int, domain: int, by: int) -> None:
        """Count a party that lies so in the groups into a domain, or out of it."""
        groups, count = lies
        self.held[tier][groups, domain] += by * count
        self.placed[tier][groups] += by * count


class _Edges:
    """Pairs of neighbours of which at least one may move, listed by each such end."""

    def __init__(self, workload: Workload, movable: BoolArray) -> None:
        ends: list[IntArray] = [np.zeros(0, np.int32)]
        others: list[IntArray] = [np.zeros(0, np.int32)]
        weights: list[FloatArray] = [np.zeros(0)]
        for family in workload.families:
            if family.kind in PAIRED:
                for one, other, payload in _both_ways(workload.mesh, family):
                    mine = movable[one]
                    ends.append(one[mine])
                    others.append(other[mine])
                    weights.append(payload[mine])
        end = np.concatenate(ends)
        order = np.argsort(end, kind="stable")
        self.other, self.bytes = np.concatenate(others)[order], np.concatenate(weights)[order]
        self.start = np.searchsorted(end[order], np.arange(len(movable) + 1))

    def of(self, ranks: IntArray) -> tuple[IntArray, FloatArray]:
        """Neighbours of some ranks, and the bytes to each."""
        first, last = self.start[ranks], self.start[ranks + 1]
        count = last - first
        at = np.repeat(first - (np.cumsum(count) - count), count) + np.arange(int(count.sum()))
        return self.other[at], self.bytes[at]


def _apart(other: IntArray, payload: FloatArray, domain_of_rank: IntArray, domains: IntArray) -> FloatArray:
    """Bytes to neighbours that cross from each of some domains, which are ascending."""
    where = domain_of_rank[other]
    placed = where >= 0
    where, payload = where[placed], payload[placed]
    at = np.minimum(np.searchsorted(domains, where), len(domains) - 1)
    near = domains[at] == where
    kept = np.bincount(at[near], weights=payload[near], minlength=len(domains))
    cost: FloatArray = payload.sum() - kept
    return cost


def _both_ways(mesh: Mesh, family: Family) -> list[tuple[IntArray, IntArray, FloatArray]]:
    """One end, the other end and the bytes of every pair of neighbours, from both ends."""
    index = groups_along(mesh, family.axes, family.stages)
    members, size = index.members, index.members.shape[1]
    closed = family.kind is Kind.RING and size > 1
    pairs = size if closed else size - 1
    one, other = members[:, :pairs], np.roll(members, -1, axis=1)[:, :pairs]
    payload = np.asarray(family.payload_bytes, np.float64)
    each = payload[None, :pairs] if "pp" in family.axes else payload[index.stage][:, None]
    spread = np.broadcast_to(each, one.shape)
    flat = one.ravel(), other.ravel(), spread.ravel()
    return [flat, (flat[1], flat[0], flat[2])]
