"""Crossing bytes counted a second way, for the checker alone.

Here every rank carries the number of its group and its position in it; what a group touches is
counted from distinct (group, domain) keys, and neighbours are found through a table of positions.
None of it is shared with `planner.placement.crossing`, which it is there to check.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from planner.workload.family import Family, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from planner.workload.mesh import Mesh

    IntArray = NDArray[np.int32]
    FloatArray = NDArray[np.float64]

REMEMBERED = 4
PAIRED = (Kind.PATH, Kind.RING)

# Keys below this one need no more than 32 bits.
NARROW = 2**31


@dataclass(frozen=True, eq=False)
class Membership:
    """The ranks that take part in a family.

    Parameters
    ----------
    ranks
        Ranks that take part, shape (members,).
    group
        Number of the group of each of them, from 0, shape (members,).
    position
        Its position in the group, shape (members,).
    groups, size
        Number of groups, and of ranks in each.
    """

    ranks: IntArray
    group: IntArray
    position: IntArray
    groups: int
    size: int


@lru_cache(maxsize=REMEMBERED)
def membership(mesh: Mesh, axes: tuple[str, ...], stages: tuple[int, ...] | None = None) -> Membership:
    """Group and position of every rank for the groups that vary along `axes`; the last few are kept."""
    ranks = np.arange(mesh.world_size, dtype=np.int32)
    stage_index = np.arange(mesh.pp, dtype=np.int32)
    degree_of_stage = mesh.pp
    if stages is not None:
        stage_index = np.full(mesh.pp, -1, np.int32)
        stage_index[list(stages)] = np.arange(len(stages))
        ranks = ranks[stage_index[mesh.coordinate("pp", ranks)] >= 0]
        degree_of_stage = len(stages)

    def digit(axis: str) -> tuple[IntArray, int]:
        index = mesh.coordinate(axis, ranks)
        return (stage_index[index], degree_of_stage) if axis == "pp" else (index, mesh.degree(axis))

    folded = any(axis in ("ep", "edp") for axis in axes)
    every = ("pp", "tp", "edp", "ep") if folded else ("pp", "dp", "cp", "tp")
    # Axes of degree 1 add nothing to a number.
    fixed = [axis for axis in every if axis not in axes and mesh.degree(axis) > 1]
    free = [axis for axis in reversed(axes) if mesh.degree(axis) > 1]
    group, groups = _number([digit(axis) for axis in fixed], len(ranks))
    position, size = _number([digit(axis) for axis in free], len(ranks))
    return Membership(ranks, group, position, groups, size)


def _number(digits: Sequence[tuple[IntArray, int]], count: int) -> tuple[IntArray, int]:
    """The mixed-radix number of these digits, the first the slowest, and how many there can be."""
    number, total = np.zeros(count, np.int32), 1
    for digit, degree in digits:
        number, total = number * degree + digit, total * degree
    return number, total


@dataclass(frozen=True, eq=False)
class Traffic:
    """Crossing bytes of one tier, and what leaves each of its domains, shape (domains,)."""

    crossing_bytes: float
    egress_bytes: FloatArray


def recount(mesh: Mesh, families: Sequence[Family], domains: Sequence[NDArray[np.integer]]) -> list[Traffic]:
    """Traffic of every tier.

    Parameters
    ----------
    domains
        For each tier the domain of every rank, each of shape (world_size,); those of one tier lie inside
        those of the next.
    """
    totals = [0.0] * len(domains)
    egress = [np.zeros(int(domain.max(initial=-1)) + 1) for domain in domains]
    for alike in _over_same_groups(families):
        who = membership(mesh, alike[0].axes, alike[0].stages)
        if who.size < 2:
            continue
        count = _neighbours if alike[0].kind in PAIRED else _collectives
        for tier, (crossing, leaving) in enumerate(count(mesh, alike, who, domains)):
            totals[tier] += crossing
            egress[tier] += leaving
    return [Traffic(total, each) for total, each in zip(totals, egress, strict=True)]


def _over_same_groups(families: Sequence[Family]) -> list[list[Family]]:
    """Collectives over the same groups together, which are counted once; what goes to neighbours alone."""
    found: dict[tuple[object, ...], list[Family]] = {}
    for index, family in enumerate(families):
        key = (index,) if family.kind in PAIRED else (family.axes, family.stages)
        found.setdefault(key, []).append(family)
    return list(found.values())


def payload_of_rank(mesh: Mesh, family: Family, who: Membership) -> FloatArray:
    """Payload of each rank's group, or of the edge that leaves the rank, shape (members,)."""
    payload = np.asarray(family.payload_bytes, np.float64)
    if "pp" not in family.axes:
        return payload[mesh.coordinate("pp", who.ranks)]
    if family.kind in PAIRED:
        # The last member of a path has no edge; what it is given here is never used.
        return payload[np.minimum(who.position, len(payload) - 1)]
    return np.full(len(who.ranks), payload[0])


def following(who: Membership) -> IntArray:
    """The rank after each of the members in its group, the first after the last; shape (members,)."""
    place = who.group * who.size + who.position
    at = np.empty(who.groups * who.size, np.int32)
    at[place] = who.ranks
    after: IntArray = at[place + np.where(who.position == who.size - 1, 1 - who.size, 1)]
    return after


def has_edge(kind: Kind, who: Membership) -> NDArray[np.bool_]:
    """Whether each member passes something on to the next: on a path all but the last do."""
    return (who.position < who.size - 1) | (kind is Kind.RING)


def _neighbours(
    mesh: Mesh, families: Sequence[Family], who: Membership, domains: Sequence[NDArray[np.integer]]
) -> Iterator[tuple[float, FloatArray]]:
    """Bytes that cross each tier, and that leave each of its domains, where neighbours are apart."""
    (family,) = families
    sends = np.flatnonzero(has_edge(family.kind, who))
    sender, receiver = who.ranks[sends], following(who)[sends]
    payload = payload_of_rank(mesh, family, who)[sends]
    for domain in domains:
        here, there = domain[sender], domain[receiver]
        apart = np.flatnonzero(here != there)
        if len(apart) < len(here):
            # What stays inside these domains stays inside all that enclose them.
            here, there, payload = here[apart], there[apart], payload[apart]
            sender, receiver = sender[apart], receiver[apart]
        width = int(domain.max(initial=-1)) + 1
        yield float(payload.sum()), _summed(here, payload / 2, width) + _summed(there, payload / 2, width)


def _collectives(
    mesh: Mesh, families: Sequence[Family], who: Membership, domains: Sequence[NDArray[np.integer]]
) -> Iterator[tuple[float, FloatArray]]:
    """Bytes that cross each tier, and that leave each of its domains, where groups touch several."""
    each, pair = _payloads(mesh, families, who)
    for domain in domains:
        width = int(domain.max(initial=-1)) + 1
        touched = _Touched.of(who, domain, width)
        if (touched.parts == 1).all():
            # What stays inside these domains stays inside all that enclose them.
            return
        crossing = float((each * (touched.parts - 1)).sum())
        leaving = (each * (touched.parts - 1) / touched.parts)[touched.group]
        if pair.any():
            between = pair[touched.group] * touched.held * (who.size - touched.held)
            crossing += float(between.sum())
            leaving += between
        yield crossing, _summed(touched.domain, leaving, width)


def _payloads(mesh: Mesh, families: Sequence[Family], who: Membership) -> tuple[FloatArray, FloatArray]:
    """What each group pays for a domain more, and for each ordered pair of ranks, shape (groups,)."""
    each, pair = np.zeros(who.groups), np.zeros(who.groups)
    stage = np.zeros(who.groups, np.int32)
    stage[who.group] = mesh.coordinate("pp", who.ranks)
    for family in families:
        payload = np.asarray(family.payload_bytes, np.float64)
        own = np.full(who.groups, payload[0]) if "pp" in family.axes else payload[stage]
        if family.kind is Kind.ALL_TO_ALL:
            pair += own
        else:
            each += own * (2.0 if family.kind is Kind.ALL_REDUCE else 1.0)
    return each, pair


@dataclass(frozen=True, eq=False)
class _Touched:
    """Groups and the domains that they touch.

    Parameters
    ----------
    group, domain
        A group and a domain that it touches, each of shape (pairs,).
    held
        How many of the group's ranks are there, shape (pairs,).
    parts
        Domains that each group touches, shape (groups,).
    """

    group: NDArray[np.integer]
    domain: NDArray[np.integer]
    held: NDArray[np.integer]
    parts: NDArray[np.integer]

    @classmethod
    def of(cls, who: Membership, domain: NDArray[np.integer], domains: int) -> _Touched:
        """What the groups of `who` touch of `domains` domains, given that of every rank."""
        possible = who.groups * domains
        group = who.group if possible < NARROW else who.group.astype(np.int64)
        distinct, held = _counted(group * domains + domain[who.ranks], possible)
        touching = distinct // domains
        parts = np.bincount(touching, minlength=who.groups)
        return cls(touching, distinct - touching * domains, held, parts)


def _counted(keys: NDArray[np.integer], possible: int) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
    """The different keys and how often each comes; a table of all keys where that is small."""
    if possible <= 4 * len(keys):
        table = np.bincount(keys, minlength=possible)
        found = np.flatnonzero(table)
        return found, table[found]
    keys = np.sort(keys)
    first = np.flatnonzero(np.diff(keys, prepend=-1))
    return keys[first], np.diff(first, append=len(keys))


def _summed(index: NDArray[np.integer], values: FloatArray, size: int) -> FloatArray:
    """Values added up by index, shape (size,)."""
    sums: FloatArray = np.bincount(index, weights=values, minlength=size).astype(np.float64, copy=False)
    return sums
