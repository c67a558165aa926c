"""Bytes of flows counted a second way, for the fleet's check alone.

For every stage, tensor and expert index the domains that hold it are listed from the rank table, and what two
ranks have in common is worked out in fractions. None of it is shared with `planner.fleet.flows`.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.fleet.flows import Flow
    from planner.workload.mesh import Mesh

    IntArray = NDArray[np.int64]
    Homes = dict[tuple[int, int, int], frozenset[int]]
    Pieces = dict[tuple[frozenset[int], frozenset[int]], float]


def recount_flow(
    flow: Flow, meshes: tuple[Mesh, Mesh], domains: tuple[Sequence[IntArray], Sequence[IntArray]], first: int
) -> list[float]:
    """Bytes that cross each tier each time; 0 for tiers before `first`.

    Parameters
    ----------
    meshes
        Of the sender and of the receiver.
    domains
        Of each, for each tier the domain of every rank.
    first
        The node boundary, within which nothing is counted.
    """
    found = []
    for tier, (source, target) in enumerate(zip(*domains, strict=True)):
        if tier < first:
            found.append(0.0)
        elif flow.kind == "weights":
            found.append(_weights(flow, meshes, (homes(meshes[0], source), homes(meshes[1], target))))
        else:
            found.append(flow.total_bytes * float(1 - _matched(source, target)))
    return found


def homes(mesh: Mesh, domain: IntArray) -> Homes:
    """For each stage, tensor and expert index the domains that hold it."""
    ranks = np.arange(mesh.world_size)
    key = np.zeros(mesh.world_size, np.int64)
    for axis in ("pp", "tp", "ep"):
        key = key * mesh.degree(axis) + mesh.coordinate(axis, ranks)
    width = int(domain.max()) + 1
    distinct = np.unique(key * width + domain)
    which, where = distinct // width, distinct % width
    starts = np.flatnonzero(np.diff(which, prepend=-1))
    lists = np.split(where, starts[1:])
    return {
        (number // mesh.ep // mesh.tp, number // mesh.ep % mesh.tp, number % mesh.ep): frozenset(
            each.tolist()
        )
        for number, each in zip(which[starts].tolist(), lists, strict=True)
    }


def _weights(flow: Flow, meshes: tuple[Mesh, Mesh], held: tuple[Homes, Homes]) -> float:
    """Bytes that come into domains which hold no copy of them."""
    return float(sum(size * len(takes - has) for (has, takes), size in pieces(flow, meshes, held).items()))


def pieces(flow: Flow, meshes: tuple[Mesh, Mesh], held: tuple[Homes, Homes]) -> Pieces:
    """Bytes by the domains that hold and those that need them."""
    source, target = meshes
    size_of: Pieces = {}
    tensor = [(i, k, _common(i, source.tp, k, target.tp)) for i in range(source.tp) for k in range(target.tp)]
    expert = [(e, z, _common(e, source.ep, z, target.ep)) for e in range(source.ep) for z in range(target.ep)]
    tensor, expert = [each for each in tensor if each[2]], [each for each in expert if each[2]]
    whole = [_everywhere(each, mesh) for each, mesh in zip(held, meshes, strict=True)]
    for p, q, dense, routed in flow.common:
        for i, k, share in tensor:
            if dense:
                key = whole[0][p, i], whole[1][q, k]
                size_of[key] = size_of.get(key, 0.0) + dense * float(share)
            for e, z, part in expert if routed else ():
                key = held[0][p, i, e], held[1][q, k, z]
                size_of[key] = size_of.get(key, 0.0) + routed * float(share * part)
    return size_of


def _everywhere(held: Homes, mesh: Mesh) -> dict[tuple[int, int], frozenset[int]]:
    """For each stage and tensor index the domains that hold it, whatever their experts."""
    return {
        (p, i): frozenset().union(*(held[p, i, e] for e in range(mesh.ep)))
        for p in range(mesh.pp)
        for i in range(mesh.tp)
    }


@cache
def _common(i: int, one: int, k: int, other: int) -> Fraction:
    """Share of a whole that part i of one split and part k of another have in common."""
    end = min(Fraction(i + 1, one), Fraction(k + 1, other))
    return max(Fraction(0), end - max(Fraction(i, one), Fraction(k, other)))


def _matched(source: IntArray, target: IntArray) -> Fraction:
    """Sum over domains of the smaller of both shares of ranks."""
    sends, takes = Counter(source.tolist()), Counter(target.tolist())
    return sum(
        (min(Fraction(sends[each], len(source)), Fraction(takes[each], len(target))) for each in sends),
        Fraction(0),
    )
