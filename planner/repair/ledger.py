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
        The ledger's groups that the ranks are part of and not all of, and how many of them are in each.
    neighbours
        Other ranks that they are paired with, and the bytes to each.
    """

    ranks: IntArray
    inside: tuple[int, int] | None
    home: int
    lies: tuple[IntArray, IntArray]
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
    unit
        Number of what each rank is part of that always moves as a whole and lies in one domain of every
        tier that costs something, shape (world_size,); None where ranks move alone.
    """

    def __init__(
        self,
        cluster: Cluster,
        workload: Workload,
        weights: FloatArray,
        domains: Sequence[IntArray],
        movable: BoolArray,
        unit: IntArray | None = None,
    ) -> None:
        self.cluster, self.weights = cluster, weights
        self.tiers = [tier for tier in range(len(cluster.tiers) - 1) if weights[tier] > 0]
        self.domains = {tier: domains[tier].copy() for tier in self.tiers}
        self.collectives = _Collectives(workload, cluster, self.domains, movable, unit)
        self.edges = _Edges(workload, movable)
        self._mark = np.zeros(workload.mesh.world_size, np.bool_)

    def party(self, ranks: IntArray, inside: tuple[int, int] | None = None, home: int = NOWHERE) -> Party:
        """Some ranks as a party."""
        lies = self.collectives.lies(ranks)
        other, payload = self.edges.of(ranks)
        self._mark[ranks] = True
        outside = ~self._mark[other]
        self._mark[ranks] = False
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
            width = self.cluster.tiers[outer].domains
            # Of few domains each is looked at once, however many there are inside.
            looked = above if len(above) <= width else np.arange(width, dtype=np.int32)
            cost = _apart(*party.neighbours, self.domains[outer], looked, width)
            if len(party.lies[0]):
                cost += self.collectives.costs(party.lies, outer, looked, here)
            total += self.weights[outer] * (cost if looked is above else cost[above])
        return total

    def put(self, party: Party, tiers: range, domain: int) -> None:
        """Put a party that is nowhere into a domain of the first of `tiers`, and what encloses it."""
        for tier, above in self._enclosing(tiers, domain):
            self.domains[tier][party.ranks] = above
            self.collectives.change(party.lies, tier, above, 1)

    def take(self, party: Party, tiers: range, domain: int) -> None:
        """Take a party out of the domain where it is."""
        for tier, above in self._enclosing(tiers, domain):
            self.domains[tier][party.ranks] = NOWHERE
            self.collectives.change(party.lies, tier, above, -1)

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
    """Groups of all collectives: what each pays, and how many of its ranks each domain holds.

    Groups that have their ranks in the same units lie in the same domains wherever these go, so they
    are kept as one, with what they pay together.
    """

    def __init__(
        self,
        workload: Workload,
        cluster: Cluster,
        domains: dict[int, IntArray],
        movable: BoolArray,
        unit: IntArray | None,
    ) -> None:
        every = [
            _Groups.of(workload.mesh, families, movable, unit) for families in _with_same_groups(workload)
        ]
        ends = np.cumsum([0, *(len(each.size) for each in every)]).astype(np.int32)
        self.group = np.full((len(every), workload.mesh.world_size), NOWHERE, np.int32)
        for own, each, start in zip(self.group, every, ends.tolist(), strict=False):
            own[each.members] = each.kind[:, None] + start
        self.alike, self.size, self.touch, self.pair = (
            np.concatenate([getattr(each, name) for each in every] or [np.zeros(0, np.int64)])
            for name in ("alike", "size", "touch", "pair")
        )
        self.pairs = bool(self.pair.any())
        self.held = {
            tier: np.concatenate(
                [each.held(domain, cluster.tiers[tier].domains) for each in every]
                or [np.zeros((0, cluster.tiers[tier].domains), np.int32)]
            )
            for tier, domain in domains.items()
        }
        self.placed = {tier: held.sum(axis=1) for tier, held in self.held.items()}

    def lies(self, ranks: IntArray) -> tuple[IntArray, IntArray]:
        """Groups of which some ranks are a part, and how many of them are in each."""
        group = np.sort(self.group[:, ranks], axis=None)
        first = np.flatnonzero(np.diff(group, prepend=NOWHERE))
        groups, count = group[first], np.diff(first, append=len(group)) // self.alike[group[first]]
        split = count < self.size[groups]
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
        if self.pairs:
            cost = cost + (2.0 * self.pair[groups] * count) @ (others[:, None] - held)
        return cost

    def change(self, lies: tuple[IntArray, IntArray], tier: int, domain: int, by: int) -> None:
        """Count a party that lies so in the groups into a domain, or out of it."""
        groups, count = lies
        self.held[tier][groups, domain] += by * count
        self.placed[tier][groups] += by * count


@dataclass(frozen=True, eq=False)
class _Groups:
    """The groups of collectives over the same ranks of which at least one may move.

    Parameters
    ----------
    members
        Ranks of every group, shape (groups, ranks in a group).
    kind
        Kind of each group: those of a kind have their ranks in the same units, shape (groups,).
    first
        A group of each kind, shape (kinds,).
    alike, size
        Groups of each kind, and ranks of each of them, shape (kinds,).
    touch, pair
        What groups of a kind pay together for each domain that they touch and for each pair of ranks
        in two domains, shape (kinds,).
    """

    members: IntArray
    kind: IntArray
    first: IntArray
    alike: IntArray
    size: IntArray
    touch: FloatArray
    pair: FloatArray

    @classmethod
    def of(cls, mesh: Mesh, families: Sequence[Family], movable: BoolArray, unit: IntArray | None) -> _Groups:
        """The groups of some families over the same ranks."""
        index = groups_along(mesh, families[0].axes, families[0].stages)
        affected = np.flatnonzero(movable[index.members].any(axis=1))
        members = index.members[affected]
        first, kind, alike = _alike(members, unit)
        touch, pair = np.zeros(len(first)), np.zeros(len(first))
        for family in families:
            payload = np.bincount(kind, payload_of_groups(mesh, family)[affected], len(first))
            if family.kind is Kind.ALL_TO_ALL:
                pair += payload
            else:
                touch += TOUCH_FACTOR[family.kind] * payload
        return cls(members, kind, first, alike, np.full(len(first), members.shape[1]), touch, pair)

    def held(self, domain: IntArray, domains: int) -> IntArray:
        """Ranks of each kind's groups in each domain of a tier, shape (kinds, domains)."""
        where = domain[self.members[self.first]]
        keys = np.arange(len(where), dtype=np.int64)[:, None] * domains + where
        counted = np.bincount(keys[where >= 0], minlength=len(where) * domains)
        return counted.reshape(len(where), domains).astype(np.int32)


def _alike(members: IntArray, unit: IntArray | None) -> tuple[IntArray, IntArray, IntArray]:
    """Groups with their ranks in the same units: the first of each kind, kinds of all, groups of each."""
    groups = np.arange(len(members), dtype=np.int32)
    if unit is None or len(members) < 2:
        return groups, groups, np.ones_like(groups)
    rows = np.ascontiguousarray(unit[members])
    whole = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).ravel()
    _, first, kind, count = np.unique(whole, return_index=True, return_inverse=True, return_counts=True)
    return first.astype(np.int32), kind.astype(np.int32), count.astype(np.int32)


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
        self.start = np.concatenate(([0], np.cumsum(np.bincount(end, minlength=len(movable)))))

    def of(self, ranks: IntArray) -> tuple[IntArray, FloatArray]:
        """Neighbours of some ranks, and the bytes to each."""
        first, last = self.start[ranks], self.start[ranks + 1]
        count = last - first
        at = np.repeat(first - (np.cumsum(count) - count), count) + np.arange(int(count.sum()))
        return self.other[at], self.bytes[at]


def _apart(
    other: IntArray, payload: FloatArray, domain_of_rank: IntArray, domains: IntArray, width: int
) -> FloatArray:
    """Bytes to neighbours that cross from each of some domains of a tier that has `width` of them."""
    where = domain_of_rank[other]
    placed = where >= 0
    where, payload = where[placed], payload[placed]
    if len(where) * len(domains) <= width:
        kept = payload @ (where[:, None] == domains)
    else:
        kept = np.bincount(where, weights=payload, minlength=width)[domains]
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
