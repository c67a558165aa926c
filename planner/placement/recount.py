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
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.workload.mesh import Mesh

    IntArray = NDArray[np.int64]
    FloatArray = NDArray[np.float64]

REMEMBERED = 4


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
    ranks = np.arange(mesh.world_size, dtype=np.int64)
    stage_index = np.arange(mesh.pp, dtype=np.int64)
    degree_of_stage = mesh.pp
    if stages is not None:
        stage_index = np.full(mesh.pp, -1, np.int64)
        stage_index[list(stages)] = np.arange(len(stages))
        ranks = ranks[stage_index[mesh.coordinate("pp", ranks)] >= 0]
        degree_of_stage = len(stages)

    def digit(axis: str) -> tuple[NDArray[np.integer], int]:
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


def _number(digits: Sequence[tuple[NDArray[np.integer], int]], count: int) -> tuple[IntArray, int]:
    """The mixed-radix number of these digits, the first the slowest, and how many there can be."""
    number, total = np.zeros(count, np.int64), 1
    for digit, degree in digits:
        number, total = number * degree + digit, total * degree
    return number, total


@dataclass(frozen=True, eq=False)
class Traffic:
    """Crossing bytes of one tier, and what leaves each of its domains, shape (domains,)."""

    crossing_bytes: float
    egress_bytes: FloatArray


def recount(mesh: Mesh, families: Sequence[Family], domains: Sequence[IntArray]) -> list[Traffic]:
    """Traffic of every tier.

    Parameters
    ----------
    domains
        For each tier the domain of every rank, each of shape (world_size,).
    """
    totals = [0.0] * len(domains)
    egress = [np.zeros(int(domain.max(initial=-1)) + 1) for domain in domains]
    seen: dict[tuple[object, ...], _Touched] = {}
    for family in families:
        who = membership(mesh, family.axes, family.stages)
        if who.size < 2:
            continue
        payload = payload_of_rank(mesh, family, who)
        paired = family.kind in (Kind.PATH, Kind.RING)
        if paired:
            sends = has_edge(family.kind, who)
            sender, receiver, payload = who.ranks[sends], following(who)[sends], payload[sends]
        else:
            payload = _of_groups(who, payload)
        for tier, domain in enumerate(domains):
            if paired:
                crossing, leaving = _pairs(domain[sender], domain[receiver], payload, len(egress[tier]))
            else:
                # Several families run over the same groups, which are counted once.
                key = family.axes, family.stages, tier
                if key not in seen:
                    seen[key] = _Touched.of(who, domain, len(egress[tier]))
                crossing, leaving = _collective(family.kind, who, payload, seen[key], len(egress[tier]))
            totals[tier] += crossing
            egress[tier] += leaving
            if not crossing:
                # What stays inside these domains stays inside all that enclose them.
                break
    return [Traffic(total, each) for total, each in zip(totals, egress, strict=True)]


def payload_of_rank(mesh: Mesh, family: Family, who: Membership) -> FloatArray:
    """Payload of each rank's group, or of the edge that leaves the rank, shape (members,)."""
    payload = np.asarray(family.payload_bytes, np.float64)
    if "pp" not in family.axes:
        return payload[mesh.coordinate("pp", who.ranks)]
    if family.kind in (Kind.PATH, Kind.RING):
        # The last member of a path has no edge; what it is given here is never used.
        return payload[np.minimum(who.position, len(payload) - 1)]
    return np.full(len(who.ranks), payload[0])


def following(who: Membership) -> IntArray:
    """The rank after each of the members in its group, the first after the last; shape (members,)."""
    at = np.empty(who.groups * who.size, np.int64)
    at[who.group * who.size + who.position] = who.ranks
    after: IntArray = at[who.group * who.size + (who.position + 1) % who.size]
    return after


def has_edge(kind: Kind, who: Membership) -> NDArray[np.bool_]:
    """Whether each member passes something on to the next: on a path all but the last do."""
    return (who.position < who.size - 1) | (kind is Kind.RING)


def _pairs(here: IntArray, there: IntArray, payload: FloatArray, domains: int) -> tuple[float, FloatArray]:
    """Bytes of neighbours in different domains, given the domains of both ends of every pair."""
    apart = here != there
    moved = payload[apart]
    leaving = np.zeros(domains)
    for end in (here, there):
        leaving += _summed(end[apart], moved / 2, domains)
    return float(moved.sum()), leaving


def _of_groups(who: Membership, payload: FloatArray) -> FloatArray:
    """Payload of each group, given that of every member, shape (groups,)."""
    found = np.zeros(who.groups)
    found[who.group] = payload
    return found


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

    group: IntArray
    domain: IntArray
    held: IntArray
    parts: IntArray

    @classmethod
    def of(cls, who: Membership, domain: IntArray, domains: int) -> _Touched:
        """What the groups of `who` touch of `domains` domains, given that of every rank."""
        distinct, held = _counted(who.group * domains + domain[who.ranks], who.groups * domains)
        group = distinct // domains
        return cls(group, distinct - group * domains, held, np.bincount(group, minlength=who.groups))


def _collective(
    kind: Kind, who: Membership, payload: FloatArray, touched: _Touched, domains: int
) -> tuple[float, FloatArray]:
    """Bytes of a collective whose groups, each with its payload, touch several domains."""
    share, held = payload[touched.group], touched.held
    if kind is Kind.ALL_TO_ALL:
        leaving = share * held * (who.size - held)
        return float(leaving.sum()), _summed(touched.domain, leaving, domains)
    times = 2.0 if kind is Kind.ALL_REDUCE else 1.0
    crossing = float((times * payload * (touched.parts - 1)).sum())
    parts = touched.parts[touched.group]
    leaving = times * share * (parts - 1) / parts
    return crossing, _summed(touched.domain, leaving, domains)


def _counted(keys: IntArray, possible: int) -> tuple[IntArray, IntArray]:
    """The different keys and how often each comes; a table of all keys where that is small."""
    if possible <= 4 * len(keys):
        table = np.bincount(keys, minlength=possible)
        found = np.flatnonzero(table)
        return found, table[found]
    return np.unique(keys, return_counts=True)


def _summed(index: IntArray, values: FloatArray, size: int) -> FloatArray:
    """Values added up by index, shape (size,)."""
    sums: FloatArray = np.bincount(index, weights=values, minlength=size).astype(np.float64, copy=False)
    return sums
