"""How groups lie in a typical domain of each tier, ranks in their order."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from planner.strategy.level import Level
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
    """An axis of groups: `degree` ranks of it, every `each`-th of those along `runs`.

    Parameters
    ----------
    runs
        Degree and distance of the one or, where expert groups are folded, two axes of the mesh it is
        made of, the fast one first.
    """

    degree: int
    each: int
    runs: tuple[_Run, ...]

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


class _Run(NamedTuple):
    """So many ranks at equal distances."""

    degree: int
    step: int


def _axis(name: str, mesh: Mesh) -> _Axis:
    if name not in ("ep", "edp"):
        return _Axis(mesh.degree(name), 1, (_Run(mesh.degree(name), mesh.stride(name)),))
    near, far = (_Run(mesh.degree(axis), mesh.stride(axis)) for axis in mesh.fold_order)
    runs = (
        (_Run(near.degree * far.degree, near.step),) if near.degree * near.step == far.step else (near, far)
    )
    return _Axis(mesh.degree(name), mesh.ep if name == "edp" else 1, runs)


@lru_cache(maxsize=2**15)
def _spots(axes: tuple[_Axis, ...], levels: tuple[Level, ...], world: int) -> tuple[int, tuple[Spot, ...]]:
    places: IntArray = np.zeros(1, np.int64)
    for axis in axes:
        places = (places[:, None] + axis.offsets()[None, :]).ravel()
    places = np.sort(places)
    # Groups that lie between each other make a block together.
    steps = places[1:] - places[:-1]
    block = int(places[-1] + steps.min(initial=world))
    even = _Run(len(places), int(steps[0])) if len(steps) and (steps == steps[0]).all() else None
    found = []
    for level in levels:
        spot = _spot(lambda gpus: _counts(axes, even, gpus), places, level, block, world // block)
        if spot is None:
            break
        found.append(spot)
    return len(places), tuple(found)


def _spot(
    counts_of: Callable[[int], IntArray], places: IntArray, level: Level, block: int, blocks: int
) -> Spot | None:
    """How blocks of groups lie in a domain; None where each lies in one.

    `counts_of` says how many of so many ranks in a row each group has that has any.
    """
    ranks, room = len(places), level.has_room(blocks, block)
    if ranks == 1 or (block <= level.gpus and room):
        return None
    if block <= level.gpus:
        # At most one block at either end of a domain is not all in it, half of it at the worst.
        held = -(-ranks // 2)
        groups = min(level.gpus / held, 2 * block / ranks) if level.gpus >= 2 * block else level.gpus / held
        return Spot(held, 2, groups, groups * held * (ranks - held))
    counts, touched = counts_of(level.gpus), 1 + int(np.count_nonzero(np.diff(places // level.gpus)))
    pairs = float((counts * (ranks - counts)).sum())
    if blocks == 1 or (block % level.gpus == 0 and level.alike):
        return Spot(int(counts.max()), touched, len(counts), pairs)
    # The end of one block and the start of the next share a domain, half of it each at the worst.
    groups = min(2 * len(counts_of(-(-level.gpus // 2))), level.gpus)
    if room:
        return Spot(int(counts.max()), touched, groups, pairs)
    pairs = float((counts * (ranks - counts / 2)).sum())
    return Spot(-(-int(counts.max()) // 2), min(touched + 1, ranks), groups, pairs)


def _counts(axes: tuple[_Axis, ...], even: _Run | None, gpus: int) -> IntArray:
    """How many of the first so many ranks, less than a block, each group has that has any."""
    if even is not None:
        whole, more = divmod(gpus, even.step)
        counts: IntArray = np.full(min(gpus, even.step), whole)
        counts[:more] += 1
        return counts
    window = np.arange(gpus)
    counts = np.bincount(window - sum(axis.behind(window) for axis in axes if axis.degree > 1))
    return counts[counts > 0]
