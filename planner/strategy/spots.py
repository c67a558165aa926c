"""How groups lie in a typical domain of each tier, ranks in their order."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.strategy.outline import Level
    from planner.workload.mesh import Mesh

    IntArray = NDArray[np.int64]


class Spot(NamedTuple):
    """How groups that no single domain holds lie in the fullest domain of a tier.

    Parameters
    ----------
    held
        The most ranks of one group in it.
    touched
        Domains that a group lies in.
    groups
        Groups that have ranks in it and elsewhere.
    pairs
        Of all those, pairs of a rank in it and one elsewhere.
    """

    held: int
    touched: int
    groups: float
    pairs: float


def spots(axes: tuple[str, ...], mesh: Mesh, levels: tuple[Level, ...]) -> tuple[int, tuple[Spot, ...]]:
    """Ranks of a group along `axes`, and how they lie at each level up to where one domain holds them."""
    return _spots(tuple(_axis(name, mesh) for name in axes), levels, mesh.world_size)


class _Axis(NamedTuple):
    """An axis of groups: `degree` ranks of it, every `each`-th of those that `runs` are made of.

    Parameters
    ----------
    runs
        Degree and distance of the one or, where expert groups are folded, two axes of the mesh it is
        made of, the fast one first.
    """

    degree: int
    each: int
    runs: tuple[tuple[int, int], ...]

    def at(self, index: IntArray) -> IntArray:
        """How far the ranks with these indices along `runs` lie from the first."""
        found = np.zeros_like(index)
        for degree, step in self.runs:
            found, index = found + index % degree * step, index // degree
        return found

    def offsets(self) -> IntArray:
        """How far the ranks of a group lie from its first."""
        return self.at(np.arange(self.degree) * self.each)

    def behind(self, ranks: IntArray) -> IntArray:
        """How far each of `ranks` lies from the first of its group."""
        index, below = np.zeros_like(ranks), 1
        for degree, step in self.runs:
            index, below = index + ranks // step % degree * below, below * degree
        first = index % self.each if self.each > 1 else index // self.degree * self.degree
        return self.at(index) - self.at(first)


def _axis(name: str, mesh: Mesh) -> _Axis:
    if name not in ("ep", "edp"):
        return _Axis(mesh.degree(name), 1, ((mesh.degree(name), mesh.stride(name)),))
    runs = tuple((mesh.degree(axis), mesh.stride(axis)) for axis in mesh.fold_order)
    return _Axis(mesh.degree(name), mesh.ep if name == "edp" else 1, runs)


@lru_cache(maxsize=2**15)
def _spots(axes: tuple[_Axis, ...], levels: tuple[Level, ...], world: int) -> tuple[int, tuple[Spot, ...]]:
    places: IntArray = np.zeros(1, np.int64)
    for axis in axes:
        places = (places[:, None] + axis.offsets()[None, :]).ravel()
    places = np.sort(places)
    # Groups that lie between each other make a block together.
    block = int(places[-1] + (places[1:] - places[:-1]).min(initial=world))
    found = []
    for level in levels:
        spot = _spot(axes, places, level, block, world // block)
        if spot is None:
            break
        found.append(spot)
    return len(places), tuple(found)


def _spot(axes: tuple[_Axis, ...], places: IntArray, level: Level, block: int, blocks: int) -> Spot | None:
    """How blocks of groups lie in a domain; None where each lies in one."""
    ranks, room = len(places), level.has_room(blocks, block)
    if ranks == 1 or (block <= level.gpus and room):
        return None
    if block <= level.gpus:
        # At most one block at either end of a domain is not all in it, half of it at the worst.
        held = -(-ranks // 2)
        groups = min(level.gpus / held, 2 * block / ranks) if level.gpus >= 2 * block else level.gpus / held
        return Spot(held, 2, groups, groups * held * (ranks - held))
    counts, touched = _counts(axes, level.gpus), len(np.unique(places // level.gpus))
    pairs = float((counts * (ranks - counts)).sum())
    if blocks == 1 or (block % level.gpus == 0 and level.alike):
        return Spot(int(counts.max()), touched, len(counts), pairs)
    # The end of one block and the start of the next share a domain, half of it each at the worst.
    groups = min(2 * len(_counts(axes, -(-level.gpus // 2))), level.gpus)
    if room:
        return Spot(int(counts.max()), touched, groups, pairs)
    pairs = float((counts * (ranks - counts / 2)).sum())
    return Spot(-(-int(counts.max()) // 2), min(touched + 1, ranks), groups, pairs)


def _counts(axes: tuple[_Axis, ...], gpus: int) -> IntArray:
    """How many of the first so many ranks each group has that has any."""
    window = np.arange(gpus)
    counts = np.bincount(window - sum(axis.behind(window) for axis in axes))
    return counts[counts > 0]
