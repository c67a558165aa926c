"""Tiers of few domains: their least crossing bytes, and width vectors that reach them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.columns import relax
from planner.solve.compiling import compiled_in_time
from planner.solve.control import Control
from planner.solve.forest import forest_of
from planner.solve.master import CapacityClass
from planner.solve.splits import Cheapest, Prices, Splits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.solve.reduction import StageCosts

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

MOST_DOMAINS, MOST_REPLICAS, MOST_TABLE = 16, 400, 6_000_000
STEP, WHOLE = 1e-3, 1e-6
# Of the time there is: a relaxation that is cut off is worth less, and splits make up for it.
WORTH_SHARE = 0.3
COMPILED_S = 600.0
# Splits of a stage that are listed, and prices that are added for those of a stage: by the worth of a plain
# relaxation, then of one with rounded rows.
FIRST_EFFORTS, LATER_EFFORTS = ((60_000, 3e8), (250_000, 1.2e9)), ((250_000, 1.2e9), (1_000_000, 5e9))


def are_few(costs: StageCosts, room: IntArray) -> bool:
    """Whether domains with these rooms, shape (domains,), hold all cells and are few enough."""
    cells = costs.stages * costs.replicas
    if len(room) > MOST_DOMAINS or costs.replicas > MOST_REPLICAS or room.sum() < cells:
        return False
    largest = min(int(room.max()), cells)
    path = not costs.v_wrap and not costs.rungs.any()
    return path and costs.stages * (costs.replicas + 1) * (largest + 1) <= MOST_TABLE


def least_of_few(costs: StageCosts, room: IntArray, control: Control) -> Cheapest:
    """Lower bound on the sum of f over few domains, and width vectors that reach it where they were found.

    Whole cells only. A plain relaxation says what widths are worth; one with rounded rows, which takes
    longer, where that is not enough.

    Parameters
    ----------
    room
        Most cells of each domain, shape (domains,).
    """
    best = Cheapest(-np.inf)
    for rounding in (False, True):
        with control.step(WORTH_SHARE):
            worth, bound = _worth(costs, room, control, rounding=rounding)
        best = Cheapest(_whole(costs, max(best.bound, bound)))
        if not splits_compiled(control):
            return best
        prices = Prices(costs.holding(costs.replicas), costs.v, worth)
        splits = Splits(forest_of([room], []), [prices], costs.replicas)
        efforts = LATER_EFFORTS if rounding else FIRST_EFFORTS
        for splits_listed, prices_added in efforts[:1] if control.deterministic else efforts:
            most = int(min(splits_listed, prices_added / (len(room) * (costs.replicas + 1) ** 2)))
            step = max(costs.granule_bytes, _whole(costs, best.bound + STEP * abs(best.bound)) - best.bound)
            best = splits.rise(best.bound, step, costs.granule_bytes, most, control)
            if best.widths is not None or control.over:
                return best
    return best


def _worth(
    costs: StageCosts, room: IntArray, control: Control, *, rounding: bool
) -> tuple[FloatArray, float]:
    """What a relaxation says every width is worth, shape (P, N + 1), and its bound."""
    cells = costs.stages * costs.replicas
    counted = sorted(Counter(np.minimum(room, cells).tolist()).items())
    classes = [CapacityClass(each, count) for each, count in counted]
    coverage = np.full(costs.stages, costs.replicas, np.int32)
    found = relax(costs, classes, coverage, control=control, rounding=rounding, steady=True)
    # Large domains are priced by the worth of a cell alone; wider than its room nothing is.
    worth = found.duals[:, None] * np.arange(costs.replicas + 1.0)
    known = min(worth.shape[1], found.worth.shape[1])
    worth[:, :known] = found.worth[:, :known]
    return worth, found.bound


def _whole(costs: StageCosts, summed: float) -> float:
    """The next sum of f that crossing bytes can be."""
    granule, constant = costs.granule_bytes, costs.constant
    if not granule or abs(summed + constant) >= 2**52:
        return summed
    return float(np.ceil((summed + constant) / granule - WHOLE) * granule) - constant


def splits_compiled(control: Control) -> bool:
    """Whether the inner loops are compiled, or could be in time."""
    return compiled_in_time(_compile, control)


def _compile() -> None:
    """Run a programme of one cell, which has its inner loops compiled."""
    nothing = np.zeros((1, 2))
    forest = forest_of([np.ones(1, np.int32)], [])
    Splits(forest, [Prices(nothing, np.zeros(0), nothing)], 1).rise(0.0, 1.0, 0.0, 1, Control(COMPILED_S))
