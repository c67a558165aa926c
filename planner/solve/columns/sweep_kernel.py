"""The dynamic programme of pricing along a path of stages, compiled: for large domains, again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.solve.setup.kernel import compiled, subroutine

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]


@subroutine
def begin(reduced: FloatArray, table: FloatArray) -> None:
    """Least cost by last width and cells used after the first stage, which has as many cells as its width."""
    table[:] = np.inf
    for width in range(min(table.shape)):
        table[width, width] = reduced[width]


@subroutine
def from_wider(before: FloatArray, least: FloatArray) -> None:
    """Least of a table over each width and all wider ones, shape (widths, room + 1)."""
    widths, room = before.shape
    for used in range(room):
        least[widths - 1, used] = before[widths - 1, used]
    for width in range(widths - 2, -1, -1):
        for used in range(room):
            wider, own = least[width + 1, used], before[width, used]
            least[width, used] = min(own, wider)


@subroutine
def same_table(one: FloatArray, other: FloatArray) -> bool:
    """Whether two tables of the same shape are equal."""
    for row in range(one.shape[0]):
        for place in range(one.shape[1]):
            if one[row, place] != other[row, place]:
                return False
    return True


@compiled
def sweep(
    reduced: FloatArray,
    kept: FloatArray,
    tables: FloatArray,
    at: IntArray,
    wider: FloatArray,
    narrower: FloatArray,
) -> None:
    """Write the least cost by last width and cells used to `tables`, shape (P, widths, room + 1).

    Between a stage of width b and the next of width w ``kept * min(b, w)`` stay home: a narrower b keeps all
    of its own, which minima along the widths take off at once, and a wider one all of the next. Stages
    that are alike and come after a run so long that nothing is gained by a longer one have the same table.

    Parameters
    ----------
    reduced
        Cost of every width of every stage, shape (P, widths).
    kept
        What a unit of width keeps home between a stage and the next, shape (P - 1,).
    at
        Which table is that of each stage, shape (P,), which is written too.
    wider, narrower
        Room for minima, shapes (widths, room + 1) and (room + 1,).
    """
    stages, widths, room = tables.shape
    begin(reduced[0], tables[0])
    at[0] = 0
    for stage in range(1, stages):
        last = at[stage - 1]
        before, after = tables[last], tables[last + 1]
        at[stage] = last + 1
        alike = stage > 1 and kept[stage - 1] == kept[stage - 2]
        alike = alike and same_table(reduced[stage : stage + 1], reduced[stage - 1 : stage])
        if alike and (at[stage - 2] == last or same_table(before, tables[last - 1])):
            at[stage] = last
            continue
        from_wider(before, wider)
        for width in range(widths):
            paid, pay = kept[stage - 1] * width, reduced[stage, width]
            for used in range(room):
                low, own = narrower[used], before[width, used] - paid
                narrower[used] = low if width > 0 and low < own else own
            for used in range(min(width, room)):
                after[width, used] = np.inf
            for used in range(room - width):
                low, high = narrower[used], wider[width, used] - paid
                after[width, used + width] = (min(high, low)) + pay


@compiled
def least_by_cells(table: FloatArray) -> FloatArray:
    """Least of a table over the last widths, by cells used, shape (room + 1,)."""
    best: FloatArray = table[0].copy()
    for width in range(1, table.shape[0]):
        for used in range(table.shape[1]):
            best[used] = min(best[used], table[width, used])
    return best


@compiled
def cheapest_ending(table: FloatArray, charges: FloatArray) -> tuple[float, int, int]:
    """Least cost with some width, that width, and the cells used, where u cells cost ``charges[u]`` more."""
    best, last, cells = np.inf, 1, 1
    for width in range(1, table.shape[0]):
        for used in range(width, table.shape[1]):
            cost = table[width, used] + charges[used]
            if cost < best:
                best, last, cells = cost, width, used
    return best, last, cells


@compiled
def walk_back(
    tables: FloatArray, at: IntArray, kept: FloatArray, stage: int, last: int, used: int, widths: IntArray
) -> None:
    """Write the vector that ends with width `last` at `stage`, `used` cells in all, to `widths` of zeros."""
    for place in range(stage, 0, -1):
        if used == 0:
            return
        widths[place] = last
        used -= last
        after, best = last, np.inf
        for width in range(tables.shape[1]):
            paid = tables[at[place - 1], width, used] - kept[place - 1] * min(width, after)
            if paid < best:
                best, last = paid, width
    widths[0] = last
