"""What every width of every stage is worth: tables that bound one tier, made better step by step.

Any table proves a bound (see `planner.solve.columns.shares`): that at which domains cost least, less what
they hold is worth, and stages are shared out at the least worth. How it rises with each entry is seen from
what the domains hold and what the shares consist of. To price both takes a fraction of a millisecond, so
that thousands of steps uphill take less time than a linear programme, and where many widths matter end
higher.
"""

from __future__ import annotations

import math
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.setup.control import Control
    from planner.solve.splits.worths_kernel import Tier

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

# Steps of each walk, its first and last length, and how long squares are remembered where they are.
CLIMB, FEEL, FINER = (2_000, 1.0, 0.02), (2_500, 0.1, 0.001), (1_000, 0.01, 0.0003)
SHORT_MEMORY, LONG_MEMORY = 0.99, 0.999
# Of all walks, as entries of the tables that are priced.
MOST_WORK = 2e8
# How far above the bound the least is thought to be where no value is known.
GUESS = 0.04


@dataclass(frozen=True, eq=False)
class Worths:
    """A table, shape (P, widest + 1), and the lower bound on the sum of f that it proves."""

    bound: float
    table: FloatArray


def raised(
    costs: StageCosts, room: IntArray, start: Worths, control: Control, known: float = math.inf
) -> Worths:
    """The best of tables found from a start, in steps that time allows.

    Parameters
    ----------
    room
        Most cells of each domain, shape (domains,).
    known
        A sum of f that some widths have.
    """
    from planner.solve.splits.worths_kernel import climb, feel

    tier = _tier(costs, room)
    unit = float(np.abs(tier.holding).max()) or 1.0
    share = min(1.0, MOST_WORK / (tier.holding.size * float(tier.rooms.max()) * (CLIMB[0] + FEEL[0])))
    if math.isinf(known):
        known = start.bound + GUESS * abs(start.bound + costs.constant)
    walks: list[Callable[[], tuple[float, FloatArray]]] = [
        lambda: climb(tier, start.table, known, round(share * CLIMB[0]), *CLIMB[1:]),
        lambda: feel(tier, start.table, SHORT_MEMORY, round(share * FEEL[0]), *_lengths(FEEL, unit)),
    ]
    best = start
    if not control.over:
        with ThreadPoolExecutor(control.threads) as pool:
            found = [Worths(*each) for each in pool.map(lambda walk: walk(), walks)]
        best = max(start, *found, key=lambda each: each.bound)
    if not control.over:
        steps = round(share * FINER[0])
        last = Worths(*feel(tier, best.table, LONG_MEMORY, steps, *_lengths(FINER, unit)))
        best = max(best, last, key=lambda each: each.bound)
    return best


def _lengths(walk: tuple[int, float, float], unit: float) -> tuple[float, float]:
    """First and last length of a walk's steps, given as shares of the costliest width."""
    return walk[1] * unit, walk[2] * unit


def _tier(costs: StageCosts, room: IntArray) -> Tier:
    """The tier as flat arrays."""
    from planner.solve.splits.worths_kernel import Tier

    counted = sorted(Counter(room.tolist()).items())
    rooms, counts = (np.asarray(each, np.int32) for each in zip(*counted, strict=True))
    holding = costs.holding(min(int(room.max()), costs.replicas))
    kept = np.concatenate(([0.0], costs.v, [0.0]))
    return Tier(holding, kept, rooms, np.zeros_like(rooms), counts.astype(np.float64), costs.replicas)


def compile_walks() -> None:
    """Walk one step on a table of one cell, which has the inner loops compiled."""
    from planner.solve.splits.worths_kernel import Tier, climb, feel

    nothing, one = np.zeros((1, 2)), np.ones(1, np.int32)
    tier = Tier(nothing, np.zeros(2), one, one, np.ones(1), 1)
    climb(tier, nothing, 1.0, 1, 1.0, 0.5)
    feel(tier, nothing, SHORT_MEMORY, 1, 1.0, 0.5)
