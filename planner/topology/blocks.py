"""Pairs of things as few blocks, in each of which every one of some is paired with every one of others."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.topology.names import natural

if TYPE_CHECKING:
    from collections.abc import Iterable

    Block = tuple[list[str], list[str]]


def blocks(pairs: Iterable[tuple[str, str]], *, by_second: bool = False) -> list[Block]:
    """Blocks that together have exactly `pairs`, the largest first; from the end that gives fewer.

    Parameters
    ----------
    by_second
        Group by what the second ones have in common, even where that gives more blocks.
    """
    forward: dict[str, set[str]] = defaultdict(set)
    backward: dict[str, set[str]] = defaultdict(set)
    for one, other in pairs:
        forward[one].add(other)
        backward[other].add(one)
    by_first = _alike(forward)
    turned = [(ones, others) for others, ones in _alike(backward)]
    return turned if by_second or len(turned) < len(by_first) else by_first


def _alike(partners: dict[str, set[str]]) -> list[Block]:
    """Things that have the same partners, with these; the largest blocks first."""
    same: dict[frozenset[str], list[str]] = defaultdict(list)
    for thing, own in partners.items():
        same[frozenset(own)].append(thing)
    found = [(sorted(things, key=natural), sorted(own, key=natural)) for own, things in same.items()]
    return sorted(found, key=lambda block: (-len(block[0]) * len(block[1]), natural(block[0][0])))
