"""What a table of worths proves, and which way it rises: compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from planner.solve.setup.kernel import compiled
from planner.solve.splits.splits_kernel import NEVER, least_rest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

MEMORY, TINY = 0.9, 1e-12


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


@compiled
def share_out(tier: Tier, worth: FloatArray, uses: FloatArray) -> float:
    """Least worth of a share of every stage, all together; the widths of those shares are added to `uses`."""
    stages, widths = worth.shape
    least, last = np.zeros(tier.cells + 1), np.zeros(tier.cells + 1, np.int32)
    covered = 0.0
    for stage in range(stages):
        for cells in range(1, tier.cells + 1):
            least[cells] = NEVER
            for width in range(1, min(cells, widths - 1) + 1):
                price = least[cells - width] + worth[stage, width]
                if price < least[cells]:
                    least[cells], last[cells] = price, width
        covered += least[tier.cells]
        cells = tier.cells
        while cells > 0:
            uses[stage, last[cells]] += 1.0
            cells -= last[cells]
    return covered


@compiled
def cheapest_width(paid: FloatArray, rest: FloatArray, kept: float, held: int, left: int) -> int:
    """The width of a stage with which it and those that follow cost a domain least."""
    best, least = 0, NEVER
    for width in range(min(len(paid) - 1, left) + 1):
        price = paid[width] + rest[width, left - width] - kept * min(held, width)
        if price < least - TINY:
            best, least = width, price
    return best


@compiled
def fill_domains(tier: Tier, paid: FloatArray, uses: FloatArray) -> float:
    """Least that all domains pay; the widths that they hold then are taken off `uses`."""
    rest = least_rest(paid, tier.kept[1:], tier.rooms.max())
    total = 0.0
    for kind in range(len(tier.rooms)):
        left, held = tier.rooms[kind], tier.held[kind]
        for stage in range(len(paid)):
            kept = tier.kept[stage]
            width = cheapest_width(paid[stage], rest[stage], kept, held, left)
            total += tier.counts[kind] * (paid[stage, width] - kept * min(held, width))
            uses[stage, width] -= tier.counts[kind]
            left, held = left - width, width
    return total


@compiled
def proven(tier: Tier, worth: FloatArray, uses: FloatArray) -> float:
    """The bound that a table of worths proves; `uses` takes how it rises with each entry."""
    uses[:] = 0.0
    bound: float = share_out(tier, worth, uses) + fill_domains(tier, tier.holding - worth, uses)
    uses[:, 0] = 0.0
    return bound


@compiled
def climb(
    tier: Tier, start: FloatArray, known: float, steps: int, first: float, last: float
) -> tuple[float, FloatArray]:
    """The best table on a walk of so many steps, each as long as a known value is away from the bound.

    Each goes the way of the last one for the most part. `first` and `last` are the lengths in the beginning
    and in the end, as shares of that.
    """
    worth, way, uses = start.copy(), np.zeros(start.shape), np.zeros(start.shape)
    best, table = -NEVER, start.copy()
    for step in range(steps):
        bound = proven(tier, worth, uses)
        if bound > best:
            best, table = bound, worth.copy()
        way = MEMORY * way + uses
        square = (way * way).sum()
        if square < TINY or bound >= known:
            break
        worth = worth + first * (last / first) ** (step / steps) * (known - bound) / square * way
    return best, table


@compiled
def feel(
    tier: Tier, start: FloatArray, memory: float, steps: int, first: float, last: float
) -> tuple[float, FloatArray]:
    """The best table on a walk that moves every entry by about as much, however rarely it is asked for.

    The length of each step is divided, entry by entry, by the root of the mean square of the last ways up
    (Kingma and Ba, "Adam", 2015). `first` and `last` are the lengths in the beginning and in the end.
    """
    worth, uses = start.copy(), np.zeros(start.shape)
    mean, square = np.zeros(start.shape), np.zeros(start.shape)
    best, table = -NEVER, start.copy()
    for step in range(steps):
        bound = proven(tier, worth, uses)
        if bound > best:
            best, table = bound, worth.copy()
        mean = MEMORY * mean + (1 - MEMORY) * uses
        square = memory * square + (1 - memory) * uses * uses
        length = first * (last / first) ** (step / steps)
        scaled = mean / (1 - MEMORY ** (step + 1)) / (np.sqrt(square / (1 - memory ** (step + 1))) + 1e-3)
        worth = worth + length * scaled
    return best, table
