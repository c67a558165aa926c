"""Which rails each group has in each domain, as sets of bits, and which of its domains they link."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.placement.recount import Membership

    IntArray = NDArray[np.int64]
    Bits = NDArray[Any]

WORD = 63


def rail_bits(rails: int) -> Bits:
    """One bit for each rail, shape (rails,); Python's own integers where a word is too short."""
    return np.array([1 << rail for rail in range(rails)], np.int64 if rails < WORD else object)


@dataclass(frozen=True, eq=False)
class Shares:
    """What each group has in each domain it touches: one entry a share, sorted by group and domain.

    Parameters
    ----------
    group, domain, held
        Group, domain, and ranks of the group in the domain, each of shape (shares,).
    rails
        Set of rails of those ranks, shape (shares,).
    """

    group: IntArray
    domain: IntArray
    held: IntArray
    rails: Bits


def shares_of(who: Membership, domain: IntArray, bits_of_rank: Bits) -> Shares:
    """The shares of a family's groups; `domain` and `bits_of_rank` have an entry for every rank."""
    domains = int(domain.max(initial=0)) + 1
    keys = who.group.astype(np.int64) * domains + domain[who.ranks]
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    rails = np.bitwise_or.reduceat(bits_of_rank[who.ranks[order]], starts)
    group, here = np.divmod(keys[starts], domains)
    return Shares(group, here, np.diff(starts, append=len(keys)), rails)


def linked_parts(group: IntArray, rails: Bits, bits: Bits, groups: int) -> IntArray:
    """Parts that each group falls into where only a common rail links two domains, shape (groups,).

    Rail by rail, the sets of a group that hold it are joined. Sets joined once stay equal, so one
    pass over the rails joins all that are linked, however many steps apart.
    """
    joined = rails.copy()
    parts = np.zeros(groups, np.int64)
    for bit in bits:
        on_it = (joined & bit) != 0
        union = np.zeros(groups, bits.dtype)
        np.bitwise_or.at(union, group[on_it], joined[on_it])
        joined[on_it] = union[group[on_it]]
    for index, bit in enumerate(bits):
        # Each part is counted at the lowest of its rails.
        lowest = ((joined & bit) != 0) & ((joined & int(sum(bits[:index]))) == 0)
        here = np.zeros(groups, np.bool_)
        here[group[lowest]] = True
        parts += here
    return parts


def unlinked_pairs(shares: Shares, groups: int) -> IntArray:
    """Ordered pairs of a group's ranks in two domains without a common rail, shape (groups,)."""
    order = np.lexsort((shares.rails, shares.group))
    group, rails, held = shares.group[order], shares.rails[order], shares.held[order]
    starts = _starts(group, rails)
    group, rails, held = group[starts], rails[starts], np.add.reduceat(held, starts)
    pairs = np.zeros(groups, np.int64)
    for step in range(1, int(np.bincount(group).max(initial=0))):
        apart = (group[step:] == group[:-step]) & ((rails[step:] & rails[:-step]) == 0)
        np.add.at(pairs, group[step:][apart], 2 * held[step:][apart] * held[:-step][apart])
    return pairs


def _starts(group: IntArray, other: Bits) -> IntArray:
    """Where each run of equal entries of both begins."""
    new = (group[1:] != group[:-1]) | (other[1:] != other[:-1])
    return np.flatnonzero(np.concatenate(([True], new)))
