"""Bytes that change rail however ranks are seated inside their domains.

The domain of every rank is given; which of the domain's GPUs in service it sits on is not. Let
``a_r`` be how many of them domain A has on rail r.

*Neighbours.* Take pairs of neighbours of domains A and B no two of which share a rank, such as the
edges of a path at even positions. A pair that keeps its rail takes a GPU on it in A and one in B, so
at most ``sum_r min(a_r, b_r)`` pairs do; of the others the cheapest change.

*Collectives.* Linked by all the rails that its domains have, a group falls into no more parts than
by those of its own ranks. And among groups over the same domains, each of one rank a domain or over
two domains only, a group in one part has a rail r on which it takes a GPU of every domain: at most
``sum_r min_A a_r`` groups do, and each of the others falls into two parts at least.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from planner.placement.rail_sets import linked_parts, unlinked_pairs
from planner.workload.family import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.placement.rail_sets import Bits, Shares

    IntArray = NDArray[np.int64]
    FloatArray = NDArray[np.float64]


def least_of_neighbours(
    ends: IntArray, payload: FloatArray, position: IntArray, size: int, room: IntArray
) -> float:
    """Bytes of pairs of neighbours that must change rail.

    Parameters
    ----------
    ends
        The two domains of each pair, the lesser first, shape (2, pairs).
    payload, position
        Bytes of each pair, and the place in its group of the rank that sends, shape (pairs,).
    size
        Ranks of a group.
    room
        GPUs in service by domain and rail, shape (domains, rails).
    """
    # Even places, odd ones, and the edge that closes a ring of odd size, which meets both.
    turn = np.where((position == size - 1) & (size % 2 == 1), 2, position % 2)
    _, kind = np.unique((ends[0] * len(room) + ends[1]) * 3 + turn, return_inverse=True)
    order = np.lexsort((payload, kind))
    starts = np.flatnonzero(np.diff(kind[order], prepend=-1))
    pairs = np.diff(starts, append=len(order))
    kept = np.minimum(*room[ends[:, order[starts]]]).sum(axis=1)
    place = np.arange(len(order)) - np.repeat(starts, pairs)
    changes = place < np.repeat(pairs - kept, pairs)
    return float(payload[order][changes].sum())


def least_in_collectives(
    kind: Kind, shares: Shares, payload: FloatArray, room: IntArray, bits: Bits
) -> float:
    """Bytes of a family's collectives that must change rail.

    Parameters
    ----------
    payload
        Bytes of each group for a link between two domains, or of a pair for an all-to-all, shape
        (groups,).
    room
        GPUs in service by domain and rail, shape (domains, rails).
    """
    owned = np.where(room > 0, bits, 0).sum(axis=1)[shares.domain]
    if kind is Kind.ALL_TO_ALL:
        return float((payload * unlinked_pairs(replace(shares, rails=owned), len(payload))).sum())
    extra = linked_parts(shares.group, owned, bits, len(payload)) - 1
    total, bundles = float((payload * extra).sum()), _bundles(shares)
    for domains, groups in bundles.items():
        crowded = np.sort(payload[groups])[: max(0, len(groups) - int(room[list(domains)].min(axis=0).sum()))]
        total += max(0.0, float(crowded.sum() - (payload[groups] * extra[groups]).sum()))
    return total


def _bundles(shares: Shares) -> dict[tuple[int, ...], list[int]]:
    """Groups over the same several domains, of one rank each or over two domains only."""
    starts = np.flatnonzero(np.diff(shares.group, prepend=-1))
    most = np.maximum.reduceat(shares.held, starts)
    ends = np.append(starts[1:], len(shares.group))
    bundles: dict[tuple[int, ...], list[int]] = {}
    for start, end, held in zip(starts.tolist(), ends.tolist(), most.tolist(), strict=True):
        if end - start == 2 or (held == 1 and end - start > 2):
            key = tuple(shares.domain[start:end].tolist())
            bundles.setdefault(key, []).append(int(shares.group[start]))
    return bundles
