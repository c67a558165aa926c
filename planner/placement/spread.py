"""How the groups of a family lie over the domains of a tier, and what that moves.

`planner.placement.crossing` has the table of kinds that this follows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.placement.groups import group_index
from planner.workload.family import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.workload.family import Family
    from planner.workload.mesh import Mesh

    IntArray = NDArray[np.int32]
    FloatArray = NDArray[np.float64]

TOUCH_FACTOR = {Kind.ALL_REDUCE: 2.0, Kind.ALL_GATHER: 1.0, Kind.REDUCE_SCATTER: 1.0, Kind.BROADCAST: 1.0}

PAIRED = (Kind.PATH, Kind.RING)


def spread_of(mesh: Mesh, family: Family, domain_of_rank: IntArray) -> Runs | Edges:
    """How the groups of one family lie over the domains of one tier."""
    index = group_index(mesh, family)
    domain = domain_of_rank[index.members]
    if family.kind in PAIRED:
        return edges_of(family, domain, index.stage, np.asarray(family.payload_bytes, np.float64))
    return runs_of(family.kind, domain, payload_of_groups(mesh, family))


def payload_of_groups(mesh: Mesh, family: Family) -> FloatArray:
    """Payload of each group of a collective, shape (groups,)."""
    payload, stage = np.asarray(family.payload_bytes, np.float64), group_index(mesh, family).stage
    return np.full(len(stage), payload[0]) if "pp" in family.axes else payload[stage]


@dataclass(frozen=True, eq=False)
class Runs:
    """Ranks of each group in each domain it touches; groups inside one domain are left out.

    Entries are sorted by group and domain, each of shape (entries,); `touched` is how many of them each
    group has, shape (groups,).
    """

    kind: Kind
    ranks: int
    payload: FloatArray
    group: NDArray[np.int64]
    domain: IntArray
    count: NDArray[np.int64]
    touched: NDArray[np.int64]

    @property
    def size(self) -> int:
        """Entries, 0 where nothing crosses."""
        return len(self.group)

    def moving(self, kind: Kind, payload: FloatArray) -> Runs:
        """The same groups with another kind and payload, the latter of shape (groups,)."""
        return replace(self, kind=kind, payload=payload)

    def by_group(self) -> FloatArray:
        """Crossing bytes of each group, shape (groups,)."""
        if self.kind is Kind.ALL_TO_ALL:
            inside = _summed(self.group, self.count.astype(np.float64) ** 2, len(self.payload))
            pairs = np.where(self.touched > 0, float(self.ranks) ** 2 - inside, 0.0)
            return self.payload * pairs
        return TOUCH_FACTOR[self.kind] * self.payload * np.maximum(self.touched - 1, 0)

    def total(self) -> float:
        """Crossing bytes of all groups."""
        return float(self.by_group().sum())

    def egress(self, domains: int) -> FloatArray:
        """Bytes that leave each domain, shape (domains,)."""
        payload = self.payload[self.group]
        if self.kind is Kind.ALL_TO_ALL:
            leaving = payload * self.count * (self.ranks - self.count)
        else:
            touched = self.touched[self.group]
            leaving = TOUCH_FACTOR[self.kind] * payload * (touched - 1) / touched
        return _summed(self.domain, leaving, domains)

    def climb(self, parent: IntArray) -> Runs:
        """The same groups over the enclosing domains."""
        domain = parent[self.domain]
        group, count = self.group, self.count
        if (np.diff(domain) < 0)[np.diff(group) == 0].any():
            order = np.lexsort((domain, group))
            group, domain, count = group[order], domain[order], count[order]
        starts = np.flatnonzero(
            np.concatenate(([True], (group[1:] != group[:-1]) | (domain[1:] != domain[:-1])))
        )
        group, domain = group[starts], domain[starts]
        touched = np.bincount(group, minlength=len(self.payload))
        count = np.add.reduceat(count, starts)
        if (touched == 1).any():
            split = touched[group] > 1
            group, domain, count = group[split], domain[split], count[split]
            touched[touched == 1] = 0
        return replace(self, group=group, domain=domain, count=count, touched=touched)


def runs_of(kind: Kind, domain: IntArray, payload: FloatArray) -> Runs:
    """Runs of equal domains; `domain` has shape (groups, ranks)."""
    rows = np.flatnonzero((domain != domain[:, :1]).any(axis=1))
    sorted_rows = np.sort(domain[rows], axis=1)
    new = np.ones(sorted_rows.shape, np.bool_)
    np.not_equal(sorted_rows[:, 1:], sorted_rows[:, :-1], out=new[:, 1:])
    starts = np.flatnonzero(new)
    count = np.diff(starts, append=sorted_rows.size)
    group = rows[starts // max(sorted_rows.shape[1], 1)]
    touched = np.bincount(group, minlength=len(domain))
    return Runs(kind, domain.shape[1], payload, group, sorted_rows.ravel()[starts], count, touched)


@dataclass(frozen=True, eq=False)
class Edges:
    """Pairs of neighbours that sit in two domains, each array of shape (pairs,)."""

    groups: int
    payload: FloatArray
    group: NDArray[np.int64]
    ends: tuple[IntArray, IntArray]

    @property
    def size(self) -> int:
        """Entries, 0 where nothing crosses."""
        return len(self.group)

    def by_group(self) -> FloatArray:
        """Crossing bytes of each group, shape (groups,)."""
        return _summed(self.group, self.payload, self.groups)

    def total(self) -> float:
        """Crossing bytes of all groups."""
        return float(self.payload.sum())

    def egress(self, domains: int) -> FloatArray:
        """Bytes that leave each domain, shape (domains,)."""
        half = self.payload / 2
        return _summed(self.ends[0], half, domains) + _summed(self.ends[1], half, domains)

    def climb(self, parent: IntArray) -> Edges:
        """The same pairs over the enclosing domains."""
        first, second = parent[self.ends[0]], parent[self.ends[1]]
        apart = first != second
        if apart.all():
            return replace(self, ends=(first, second))
        return Edges(self.groups, self.payload[apart], self.group[apart], (first[apart], second[apart]))


def edges_of(family: Family, domain: IntArray, stage: IntArray, payload: FloatArray) -> Edges:
    """Pairs of neighbours in two domains; `domain` has shape (groups, ranks)."""
    closed = family.kind is Kind.RING and domain.shape[1] > 1
    first = domain if closed else domain[:, :-1]
    second = np.roll(domain, -1, axis=1) if closed else domain[:, 1:]
    apart = np.flatnonzero(first != second)
    group = apart // max(first.shape[1], 1)
    each = payload[apart - group * first.shape[1]] if "pp" in family.axes else payload[stage[group]]
    return Edges(len(domain), each, group, (first.ravel()[apart], second.ravel()[apart]))


def _summed(index: NDArray[np.integer], values: FloatArray, size: int) -> FloatArray:
    """Values added up by index, shape (size,)."""
    sums: FloatArray = np.bincount(index, weights=values, minlength=size).astype(np.float64, copy=False)
    return sums
