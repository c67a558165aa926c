"""What a table of worths proves, and which way it rises: compiled."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from planner.solve.setup.kernel import allocating, compiled, int64, subroutine, write
from planner.solve.splits.splits_kernel import NEVER, least_rest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

MEMORY, TINY, LEAST_ROOT = 0.9, 1e-12, 1e-3


class Tier(NamedTuple):
    """What the domains of a tier pay from some stage on, and how many there are.

    Parameters
    ----------
    holding
        For every width of every stage, shape (P, widest + 1).
    kept
        Less for a unit of width that a stage and the one before have in common, shape (P + 1,), 0 at the end.
    rooms, held, counts
        Room that domains have, what they hold of the stage before the first, and how many these are; shape
        (kinds,).
    cells
        N.
    """

    holding: FloatArray
    kept: FloatArray
    rooms: IntArray
    held: IntArray
    counts: FloatArray
    cells: int


@allocating
def share_out(tier: Tier, worth: FloatArray, uses: FloatArray) -> float:
    """Least worth of a share of every stage, all together; the widths of those shares are added to `uses`."""
    stages, widths = worth.shape
    least = np.empty(tier.cells + 1)
    covered = 0.0
    for stage in range(stages):
        least[:] = NEVER
        least[0] = 0.0
        # From each number of cells on to those that one more part leads to, several at once.
        for cells in range(tier.cells):
            known = least[cells]
            for width in range(1, min(tier.cells - cells, widths - 1) + 1):
                price = known + worth[stage, width]
                least[cells + width] = min(least[cells + width], price)
        covered += least[tier.cells]
        cells = tier.cells
        while cells > 0:
            width = 1
            while least[cells - width] + worth[stage, width] > least[cells]:
                width += 1
            uses[stage, width] += 1.0
            cells -= width
    return covered


@subroutine
def cheapest_width(paid: FloatArray, rest: FloatArray, kept: float, held: int, left: int) -> int:
    """The width of a stage with which it and those that follow cost a domain least."""
    best, least = 0, NEVER
    for width in range(min(len(paid) - 1, left) + 1):
        price = paid[width] + rest[width, left - width] - kept * min(held, width)
        if price < least - TINY:
            best, least = width, price
    return best


@allocating
def fill_domains(tier: Tier, paid: FloatArray, uses: FloatArray) -> float:
    """Least that all domains pay; the widths that they hold then are taken off `uses`."""
    total, most = 0.0, np.int64(0)
    for room in tier.rooms:
        most = max(most, room)
    rest = least_rest(paid, tier.kept[1:], np.zeros(most + 1))
    for kind in range(len(tier.rooms)):
        left, held = int64(tier.rooms[kind]), int64(tier.held[kind])
        for stage in range(len(paid)):
            kept, width = tier.kept[stage], held
            # Mostly as many cells as of the stage before: then all others need no look.
            price = NEVER
            if stage > 0 and held <= left:
                price = paid[stage, held] + rest[stage, held, left - held] - kept * held
            if stage == 0 or price > rest[stage - 1, held, left] + TINY:
                width = cheapest_width(paid[stage], rest[stage], kept, held, left)
            total += tier.counts[kind] * (paid[stage, width] - kept * min(held, width))
            uses[stage, width] -= tier.counts[kind]
            left, held = left - width, width
    return total


@allocating
def proven(tier: Tier, worth: FloatArray, paid: FloatArray, uses: FloatArray) -> float:
    """The bound that a table of worths proves; `uses` takes how it rises with each entry.

    `paid` takes what is paid for each width beyond its worth.
    """
    stages, widths = worth.shape
    for stage in range(stages):
        for width in range(widths):
            uses[stage, width] = 0.0
            paid[stage, width] = tier.holding[stage, width] - worth[stage, width]
    bound: float = share_out(tier, worth, uses) + fill_domains(tier, paid, uses)
    for stage in range(stages):
        uses[stage, 0] = 0.0
    return bound


@compiled
def climb(
    tier: Tier, start: FloatArray, known: float, steps: int, first: float, last: float
) -> tuple[float, FloatArray]:
    """The best table on a walk of so many steps, each as long as a known value is away from the bound.

    Each goes the way of the last one for the most part. `first` and `last` are the lengths in the beginning
    and in the end, as shares of that.
    """
    stages, widths = start.shape
    worth, table, way = start.copy(), start.copy(), np.zeros_like(start)
    paid, uses, best = np.empty_like(start), np.empty_like(start), -NEVER
    for step in range(steps):
        bound = proven(tier, worth, paid, uses)
        if bound > best:
            best = bound
            write(worth, table)
        square = 0.0
        for stage in range(stages):
            for width in range(widths):
                way[stage, width] = MEMORY * way[stage, width] + uses[stage, width]
                square += way[stage, width] * way[stage, width]
        if square < TINY or bound >= known:
            break
        length = first * (last / first) ** (step / steps) * (known - bound) / square
        for stage in range(stages):
            for width in range(widths):
                worth[stage, width] += length * way[stage, width]
    return best, table


@compiled
def feel(
    tier: Tier, start: FloatArray, memory: float, steps: int, first: float, last: float
) -> tuple[float, FloatArray]:
    """The best table on a walk that moves every entry by about as much, however rarely it is asked for.

    The length of each step is divided, entry by entry, by the root of the mean square of the last ways up
    (Kingma and Ba, "Adam", 2015). `first` and `last` are the lengths in the beginning and in the end.
    """
    stages, widths = start.shape
    worth, table, mean = start.copy(), start.copy(), np.zeros_like(start)
    paid, uses, square, best = np.empty_like(start), np.empty_like(start), np.zeros_like(start), -NEVER
    for step in range(steps):
        bound = proven(tier, worth, paid, uses)
        if bound > best:
            best = bound
            write(worth, table)
        length = first * (last / first) ** (step / steps)
        seen, seen_square = 1 - MEMORY ** (step + 1), 1 - memory ** (step + 1)
        for stage in range(stages):
            for width in range(widths):
                use = uses[stage, width]
                mean[stage, width] = MEMORY * mean[stage, width] + (1 - MEMORY) * use
                square[stage, width] = memory * square[stage, width] + (1 - memory) * use * use
                root = math.sqrt(square[stage, width] / seen_square) + LEAST_ROOT
                worth[stage, width] += length * (mean[stage, width] / seen / root)
    return best, table
