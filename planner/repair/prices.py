"""A tier's bound from prices that are guessed rather than solved for.

Whatever a cell of each stage is said to be worth, what the domains pay in all is at least

    D sum_p y_p  +  sum_d min over w of (f(w) - y . w)

with D cells of every stage, f the cost of a domain that holds the width vector w, and the minimum over
what fits domain d; the linear relaxation of `planner.solve.columns.columns` looks for the y for which that is
most. Where domains hold their cells in boxes, a cell's worth is its share of what it costs to be there
at all: that of one cell alone over the cells of its stage beside it, and a level that all stages share.
How many stand beside each other is tried, from a whole domain downwards. The best level is found without
a second look at the width vectors: raising it by s takes s u from every vector of u cells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.solve.columns.pricing import price

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.solve.columns.master import CapacityClass
    from planner.solve.reduction.reduction import StageCosts

    FloatArray = NDArray[np.float64]

STEPS = 100
NEARBY = (0.75, 1.5)
MET = 1e-12


def priced_bound(costs: StageCosts, classes: Sequence[CapacityClass]) -> float:
    """Lower bound on the sum of f over all domains, cells kept whole.

    Parameters
    ----------
    costs
        The terms of f; all its replicas are placed.
    classes
        The domains, with room for all cells together.
    """
    largest = max(each.capacity for each in classes)
    widest = min(largest, costs.replicas)
    table, width = costs.holding(widest), np.arange(widest + 1)

    def bound(beside: float) -> float:
        """The bound where so many cells of a stage share what one alone would cost."""
        worth = table[:, 1] / beside
        best = price(costs, np.zeros(costs.stages), largest, table - worth[:, None] * width).best
        level = best_level(best, classes, costs.stages * costs.replicas)
        return costs.replicas * float(worth.sum()) + level

    beside, found = float(widest), bound(widest)
    # The bound is concave in the worth of all cells: once it falls, it falls from there on.
    while beside > 1 and (other := bound(beside / 2)) > found:
        beside, found = beside / 2, other
    return max(found, *(bound(share * beside) for share in NEARBY)) if widest > 1 else found


def best_level(best: FloatArray, classes: Sequence[CapacityClass], cells: int) -> float:
    """The most that one level of worth for all cells makes of reduced costs.

    That is the maximum over s of ``s cells + sum over domains of min over u of (best[u] - s u)``, a
    concave function made of straight pieces: where the pieces on either side meet is looked at next,
    until they meet at its peak.

    Parameters
    ----------
    best
        Least reduced cost of exactly u cells, shape (room + 1,); an empty domain costs nothing.
    classes
        The domains.
    cells
        Cells that they hold together, at most their room.
    """
    best = np.minimum(best, np.where(np.arange(len(best)) == 0, 0.0, np.inf))
    left = float(cells), 0.0
    right = (
        float(cells - sum(each.count * each.capacity for each in classes)),
        sum(each.count * float(best[each.capacity]) for each in classes),
    )
    found = -np.inf
    for _ in range(STEPS):
        level = (right[1] - left[1]) / (left[0] - right[0])
        slope, start = _piece(best, classes, cells, level)
        value = slope * level + start
        found = max(found, value)
        if value >= (left[0] * level + left[1]) - MET * abs(value) or not slope:
            break
        if slope > 0:
            left = slope, start
        else:
            right = slope, start
    return found


def _piece(
    best: FloatArray, classes: Sequence[CapacityClass], cells: int, level: float
) -> tuple[float, float]:
    """The straight piece at a level: its slope, and where it starts from at level 0."""
    reduced = best - level * np.arange(len(best))
    slope, start = float(cells), 0.0
    for each in classes:
        used = int(reduced[: each.capacity + 1].argmin())
        slope -= each.count * used
        start += each.count * float(best[used])
    return slope, start
