"""Lower bounds: no placement that obeys the hard rules moves fewer bytes.

Each tier is bounded on its own, for several cuts into cells, and the best counts. A bound never
assumes that a cell stays whole unless a rule says so: beside its whole cells a domain may hold parts
of others, each charged at least `StageCosts.part_bytes` and credited at most what its ranks can gain.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.bound.rounding import ROUNDING, rounded_up
from planner.solve.columns.columns import LARGE_TABLE, large, relax
from planner.solve.columns.master import CapacityClass
from planner.solve.columns.pricing import price, sweeps_compiled
from planner.solve.joint.joint_bound import Apart, bound_alone
from planner.solve.joint.pools import lacks_compiled_code
from planner.solve.reduction.levels import Levels, linear_credit
from planner.solve.reduction.parts import PartialCells, many_parts, parts_never_pay
from planner.solve.setup.control import Control
from planner.solve.splits.few_domains import are_few, least_of_few

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

DUAL_SHIFTS = 9
# Numbers of whole cells and parts that domains are looked at with.
MOST_LOOKS = 5_000
# Halvings of what a cell may be charged for its place.
HALVINGS = 12


def tier_bound(
    costs: StageCosts,
    ranks: IntArray,
    whole: IntArray | None,
    control: Control | None = None,
    *,
    sharp: bool = True,
    apart: Apart | None = None,
) -> float:
    """Bound one tier's crossing bytes for one cut into cells; at least 0.

    Parameters
    ----------
    costs
        The terms of f.
    ranks
        GPUs that may hold a rank in each domain, shape (domains,).
    whole
        Cells that fit each domain where a rule keeps cells whole, shape (domains,); None where
        cells may be cut.
    control
        Where given, a bound that is valid but not the best is returned once its time is over.
    sharp
        Whether to look as closely as compiled code can: at few domains split by split, at large ones with
        exact prices.
    apart
        Takes note of what large domains use by themselves, for the bound over all tiers.
    """
    cells = costs.stages * costs.replicas
    cut = whole is None and costs.cell_ranks > 1
    capacity = np.minimum(ranks // costs.cell_ranks if whole is None else whole, cells)
    groups = Counter(zip(capacity.tolist(), ranks.tolist(), strict=True))
    classes = [CapacityClass(c, n) for (c, _), n in sorted(groups.items())]
    if max(k.capacity for k in classes) == 0:
        return 0.0
    coverage = np.full(costs.stages, costs.replicas, np.int32)
    if not cut and sharp and are_few(costs, capacity):
        return rounded_up(costs, least_of_few(costs, capacity, control or Control(math.inf)).bound)
    endless, apart = control or Control(math.inf), apart or Apart()
    compiled = apart.compiled or lacks_compiled_code(costs, int(capacity.max()))
    if not cut and sharp and compiled and sweeps_compiled(endless):
        return rounded_up(costs, bound_alone(costs, capacity, endless, apart))
    if not cut:
        relaxation = relax(costs, classes, coverage, control=control, rounding=True, steady=True)
        return rounded_up(costs, relaxation.bound)
    room = [ranks_here for (_, ranks_here), _ in sorted(groups.items())]
    # Where whole cells do not all fit, the duals of slightly larger domains serve as well.
    if sum(k.capacity * k.count for k in classes) < cells:
        larger = [-(-ranks // costs.cell_ranks) for ranks in room]
        classes = [CapacityClass(c, k.count) for c, k in zip(larger, classes, strict=True)]
    relaxation = relax(costs, classes, coverage, control=control, steady=True)
    lagrangian = _with_parts
    if large(costs, classes, coverage):
        steepest = _steepest(costs, relaxation.duals, max(k.capacity for k in classes))
        if parts_never_pay(costs.part_bytes, steepest):
            return rounded_up(costs, relaxation.bound)
        lagrangian = _large_with_parts
    # A full cluster leaves the level of the duals open; a lower one makes parts less worth while.
    highest = max(0.0, float(relaxation.duals.max()))
    best = -np.inf
    for shift in np.linspace(0.0, highest, DUAL_SHIFTS):
        best = max(best, lagrangian(costs, relaxation.duals - shift, classes, room, coverage, control))
        met = best >= relaxation.bound - ROUNDING * abs(relaxation.bound)
        if met or (control is not None and control.over):
            break
    return rounded_up(costs, best)


def _with_parts(
    costs: StageCosts,
    duals: FloatArray,
    classes: Sequence[CapacityClass],
    room: Sequence[int],
    coverage: IntArray,
    control: Control | None,
) -> float:
    """Lagrangian bound for domains that hold whole cells and parts of others."""
    if control is not None and control.over:
        return -np.inf
    cells, largest = costs.stages * costs.replicas, max(room)
    whole = {ranks: min(ranks // costs.cell_ranks, cells) for ranks in room}
    steepest = _steepest(costs, duals, min(largest, costs.replicas))
    if parts_never_pay(costs.part_bytes, steepest):
        within = _within(costs, duals, max(whole.values()))
        least = {ranks: min(0.0, float(within[whole[ranks]])) for ranks in room}
    else:
        # With parts a domain could hold some ranks of every cell that it has a rank for.
        most = max(*whole.values(), min(largest, cells, _most_priced(costs)))
        parts = min(MOST_LOOKS // sum(each + 1 for each in whole.values()), largest)
        if most < min(largest, cells):
            parts = min(parts, most - max(whole.values()))
        within, levels = _within(costs, duals, most), Levels.of(costs, costs.replicas)

        def envelope(mean: float, cells: int) -> float:
            return _envelope_at(levels, duals, mean, cells, steepest)

        partial = PartialCells(within, costs.part_bytes, steepest, parts, cells, envelope)
        least = {ranks: partial.least(ranks) for ranks in room}
    total = sum(k.count * least[ranks] for k, ranks in zip(classes, room, strict=True))
    return float(duals @ coverage) + total


def _large_with_parts(
    costs: StageCosts,
    duals: FloatArray,
    classes: Sequence[CapacityClass],
    room: Sequence[int],
    coverage: IntArray,
    control: Control | None,
) -> float:
    """The same for large domains, whose widths are real numbers."""
    levels, cells = Levels.of(costs, costs.replicas), costs.stages * costs.replicas
    steepest, least = _steepest(costs, duals, costs.replicas), {}
    for ranks in set(room):
        if control is not None and control.over:
            return -np.inf
        cut = (
            pays + _envelope_at(levels, duals, ranks / costs.cell_ranks, most, steepest)
            for pays, most in many_parts(costs.part_bytes[1:-1], ranks, cells, 1)
        )
        whole = min(ranks // costs.cell_ranks, cells)
        least[ranks] = min([levels.cheapest(duals, whole)[0], *cut])
    total = sum(k.count * least[ranks] for k, ranks in zip(classes, room, strict=True))
    return float(duals @ coverage) + total


def _envelope_at(levels: Levels, duals: FloatArray, mean: float, most: int, steepest: float) -> float:
    """The lower convex envelope of the least reduced cost of up to `most` cells, at a mean of them.

    That is the most, over all charges for a cell's place, that the cheapest vector so charged costs, less the
    charges of the mean; any charge gives a bound. Charges that are too low use more cells than the mean.
    """
    best, low, high = -np.inf, 0.0, max(0.0, steepest)
    for _ in range(HALVINGS):
        charge = (low + high) / 2
        cost, widths = levels.cheapest(duals - charge, most)
        best = max(best, cost - charge * mean)
        low, high = (charge, high) if widths.sum() > mean else (low, charge)
    return best


def _most_priced(costs: StageCosts) -> int:
    """Cells that the exact pricing programme is small enough for."""
    narrow = math.isqrt(LARGE_TABLE // costs.stages)
    return narrow if narrow <= costs.replicas else LARGE_TABLE // (costs.stages * costs.replicas)


def _within(costs: StageCosts, duals: FloatArray, most: int) -> FloatArray:
    """Least reduced cost with at most A cells, shape (most + 1,)."""
    priced = price(costs, duals, most, costs.holding(min(most, costs.replicas)))
    return priced.best[priced.used]


def _steepest(costs: StageCosts, duals: FloatArray, widest: int) -> float:
    """Most that one more cell can lower a domain's reduced cost."""
    falls = -np.diff(costs.holding(widest + 1), axis=1).min(axis=1)
    kept = 2 * linear_credit(costs)
    kept[:-1] += costs.v
    kept[1:] += costs.v
    return float((duals + np.maximum(falls, 0.0) + kept).max())
