"""Tiers of few domains: their least crossing bytes, and width vectors that reach them."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.columns.columns import relax
from planner.solve.columns.master import CapacityClass
from planner.solve.setup.compiling import InnerLoops, compiled_in_time
from planner.solve.setup.control import Control
from planner.solve.splits.alike import Alike, Effort
from planner.solve.splits.alike_states import compile_listing
from planner.solve.splits.splits import Cheapest, Prices
from planner.solve.splits.worths import Worths, compile_walks, raised

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

MOST_DOMAINS, MOST_REPLICAS, MOST_TABLE = 16, 400, 6_000_000
# Entries of the table of prices of all codes: widths twice, and rooms.
MOST_PRICES = 20_000_000
STEP, WHOLE = 1e-3, 1e-6
# Of the time there is: a relaxation that is cut off is worth less, and splits make up for it.
WORTH_SHARE = 0.3
COMPILED_S = 600.0
# What a budget may take: by the table of the relaxation, by the best one, and there where no clock ends it.
FIRST, EFFORT = Effort(2_000_000, 30_000, 0), Effort(150_000_000, 10**10)
MEASURED = Effort(30_000_000, 5_000_000, in_all=10_000_000)


def are_few(costs: StageCosts, room: IntArray, most: int = MOST_DOMAINS) -> bool:
    """Whether at most so many domains with these rooms, shape (domains,), hold all cells and can be split."""
    cells, widths = costs.stages * costs.replicas, costs.replicas + 1
    if len(room) > most or costs.replicas > MOST_REPLICAS or room.sum() < cells:
        return False
    base = min(int(room.max()), cells) + 1
    path = not costs.v_wrap and not costs.rungs.any()
    return path and costs.stages * widths * base <= MOST_TABLE and widths * widths * base <= MOST_PRICES


def least_of_few(costs: StageCosts, room: IntArray, control: Control, known: float = math.inf) -> Cheapest:
    """Lower bound on the sum of f over few domains, and width vectors that reach it where they were found.

    Whole cells only. A plain relaxation says what widths are worth at first.

    Parameters
    ----------
    room
        Most cells of each domain, shape (domains,).
    known
        A sum of f that some widths have, which are not to be found again.
    """
    with control.step(WORTH_SHARE):
        worths = _relaxed(costs, room, control)
    best = Cheapest(_whole(costs, worths.bound))
    if best.bound >= known or not splits_compiled(control):
        return best
    # Some jobs are soon done by any table, and to raise one takes longer.
    best = _risen(costs, room, worths, best.bound, FIRST, control, known)
    if best.widths is not None or best.bound >= known or control.over:
        return best
    worths = raised(costs, room, worths, control, known)
    effort = MEASURED if control.deterministic else EFFORT
    least = max(best.bound, _whole(costs, worths.bound))
    return _risen(costs, room, worths, least, effort, control, known)


def _risen(
    costs: StageCosts,
    room: IntArray,
    worths: Worths,
    least: float,
    effort: Effort,
    control: Control,
    known: float,
) -> Cheapest:
    """The least of domains, as far as a table of worths and an effort lead, from a bound that is known."""
    # Wider than the largest room no domain can hold a stage.
    table = np.zeros((costs.stages, costs.replicas + 1))
    table[:, : worths.table.shape[1]] = worths.table
    alike = Alike(room, Prices(costs.holding(costs.replicas), costs.v, table), costs.replicas)
    step = costs.granule_bytes or STEP * abs(least)
    return alike.rise(least, step, costs.granule_bytes, effort, control, known)


def _relaxed(costs: StageCosts, room: IntArray, control: Control) -> Worths:
    """What a relaxation says every width is worth, shape (P, widest + 1), and its bound."""
    cells = costs.stages * costs.replicas
    counted = sorted(Counter(np.minimum(room, cells).tolist()).items())
    classes = [CapacityClass(each, count) for each, count in counted]
    coverage = np.full(costs.stages, costs.replicas, np.int32)
    found = relax(costs, classes, coverage, control=control, steady=True)
    # Of large domains only the worth of a cell is known.
    widest = min(int(room.max()), costs.replicas)
    return Worths(found.bound, found.duals[:, None] * np.arange(widest + 1.0))


def _whole(costs: StageCosts, summed: float) -> float:
    """The next sum of f that crossing bytes can be."""
    granule, constant = costs.granule_bytes, costs.constant
    if not granule or abs(summed + constant) >= 2**52:
        return summed
    return float(np.ceil((summed + constant) / granule - WHOLE) * granule) - constant


def splits_compiled(control: Control) -> bool:
    """Whether the inner loops are compiled, or could be in time."""
    return compiled_in_time(SPLITS, control)


def compile_splits() -> None:
    """Run programmes of one cell, which has their inner loops compiled."""
    compile_walks()
    nothing, room = np.zeros((1, 2)), np.ones(1, np.int32)
    control = Control(COMPILED_S)
    Alike(room, Prices(nothing, np.zeros(0), nothing), 1).rise(0.0, 1.0, 0.0, Effort(10, 10), control)
    compile_listing()


SPLITS = InnerLoops(
    compile_splits, ("planner.solve.splits.alike_kernel", "planner.solve.splits.worths_kernel")
)
