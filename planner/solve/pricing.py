"""Pricing: the cheapest width vector of every size, by a dynamic programme over the stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.ladder import Ladder
from planner.solve.levels import linear_credit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.solve.reduction import StageCosts

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

RING_CELLS = 40
LADDER_CELLS = 24


@dataclass(frozen=True, eq=False)
class Sweep:
    """The programme along a path of stages, kept so that vectors can be read back.

    Parameters
    ----------
    best
        Least reduced cost with exactly u cells, shape (room + 1,).
    tables
        For each stage the least cost by (last width, cells used).
    kept
        Bytes a unit of width keeps home between neighbouring stages, shape (P - 1,).
    """

    best: FloatArray
    tables: tuple[FloatArray, ...]
    kept: FloatArray

    def vector(self, used: int) -> IntArray:
        """A width vector that reaches ``best[used]``, shape (P,)."""
        widths = np.zeros(len(self.tables), np.int32)
        last = int(np.argmin(self.tables[-1][:, used]))
        for stage in range(len(self.tables) - 1, 0, -1):
            widths[stage] = last
            used -= last
            before = self.tables[stage - 1][:, used]
            shared = self.kept[stage - 1] * np.minimum(np.arange(len(before)), last)
            last = int(np.argmin(before - shared))
        widths[0] = last
        return widths


@dataclass(frozen=True, eq=False)
class Priced:
    """Cheapest reduced cost within every room, over one sweep or over the sweeps of a ring."""

    sweeps: tuple[Sweep | Ladder, ...]
    best: FloatArray
    used: IntArray

    @classmethod
    def of(cls, sweeps: tuple[Sweep | Ladder, ...]) -> Priced:
        """Join sweeps: the least cost of any of them."""
        best = np.minimum.reduce([sweep.best for sweep in sweeps])
        lowest = np.minimum.accumulate(best)
        first = np.concatenate(([True], lowest[1:] < lowest[:-1]))
        used = np.maximum.accumulate(np.where(first, np.arange(len(best)), 0)).astype(np.int32)
        return cls(sweeps, best, used)

    def within(self, room: int) -> float:
        """Least reduced cost in at most `room`."""
        return float(self.best[self.used[room]])

    def vector(self, room: int) -> IntArray:
        """A width vector that reaches `within`, shape (P,)."""
        used = int(self.used[room])
        return min(self.sweeps, key=lambda sweep: float(sweep.best[used])).vector(used)


def price(costs: StageCosts, duals: FloatArray, room: int, table: FloatArray) -> Priced:
    """Minimise ``sum_p table[p, w[p]] - duals . w - shared`` over width vectors within `room`.

    The state is (last width, cells used); prefix minima make a stage cost O(widths x room). A ring
    of stages is solved for every width of its first stage, and a folded pipeline as a ladder, where
    domains are small; beyond, the edges that close the path are relaxed to a linear credit, which
    keeps the result a valid lower bound.

    Parameters
    ----------
    costs
        Gives what neighbours share; `table` replaces its holding costs.
    duals
        Worth of a unit of width of each stage, shape (P,).
    room
        Largest room of interest.
    table
        Holding cost by stage and width, shape (P, widths).
    """
    widths = np.arange(table.shape[1])
    reduced = table - duals[:, None] * widths
    if costs.rungs.any() and costs.stages % 2 == 0 and room <= LADDER_CELLS:
        return Priced.of((Ladder(reduced, costs, room),))
    if room > RING_CELLS or costs.rungs.any():
        reduced -= linear_credit(costs)[:, None] * widths
    elif costs.v_wrap:
        return Priced.of(tuple(_closed(reduced, costs, room, int(first)) for first in widths))
    return Priced.of((_sweep(reduced, costs.v, room),))


def _closed(reduced: FloatArray, costs: StageCosts, room: int, first: int) -> Sweep:
    """A ring of stages with the first stage's width fixed, so that its seam can be credited."""
    widths = np.arange(reduced.shape[1])
    closed = reduced.copy()
    closed[0, widths != first] = np.inf
    closed[-1] -= costs.v_wrap * np.minimum(widths, first)
    return _sweep(closed, costs.v, room)


def _sweep(reduced: FloatArray, kept: FloatArray, room: int) -> Sweep:
    """The dynamic programme along a path of stages."""
    width = reduced.shape[1]
    table = np.full((width, room + 1), np.inf)
    fitting = np.arange(min(width, room + 1))
    table[fitting, fitting] = reduced[0][fitting]
    tables = [table]
    for stage in range(1, len(reduced)):
        table = _advance(table, reduced[stage], kept[stage - 1])
        tables.append(table)
    return Sweep(table.min(axis=0), tuple(tables), kept)


def _advance(table: FloatArray, reduced: FloatArray, kept: float) -> FloatArray:
    """One stage further; the last width shares ``kept * min(before, last)`` with the one before."""
    credit = kept * np.arange(len(table))[:, None]
    below = np.minimum.accumulate(table - credit, axis=0)
    above = np.minimum.accumulate(table[::-1], axis=0)[::-1] - credit
    joined = np.minimum(below, above)
    after = np.full(table.shape, np.inf)
    for last in range(min(table.shape)):
        after[last, last:] = joined[last, : table.shape[1] - last] + reduced[last]
    return after
