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
from planner.solve.columns.columns import large, relax
from planner.solve.columns.master import CapacityClass
from planner.solve.columns.pricing import price, sweeps_compiled
from planner.solve.joint.joint_bound import Apart, bound_alone
from planner.solve.joint.pools import lacks_compiled_code
from planner.solve.reduction.levels import linear_credit
from planner.solve.reduction.parts import MOST_PARTS, PartialCells, parts_never_pay
from planner.solve.setup.control import Control
from planner.solve.splits.few_domains import are_few, least_of_few

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

DUAL_SHIFTS = 9
MOST_LOOKS = 20_000


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
    if large(costs, classes, coverage):
        steepest = _steepest(costs, relaxation.duals, max(k.capacity for k in classes))
        whole_cells_are_best = parts_never_pay(costs.part_bytes, steepest)
        return rounded_up(costs, relaxation.bound) if whole_cells_are_best else 0.0
    # A full cluster leaves the level of the duals open; a lower one makes parts less worth while.
    highest = max(0.0, float(relaxation.duals.max()))
    best = -np.inf
    for shift in np.linspace(0.0, highest, DUAL_SHIFTS):
        best = max(best, _with_parts(costs, relaxation.duals - shift, classes, room, coverage))
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
) -> float:
    """Lagrangian bound for domains that hold whole cells and parts of others."""
    most = max(room) // costs.cell_ranks + MOST_PARTS
    priced = price(costs, duals, most, costs.holding(most))
    within = priced.best[priced.used]
    steepest = _steepest(costs, duals, most)
    if not parts_never_pay(costs.part_bytes, steepest) and len(set(room)) * most * MOST_PARTS > MOST_LOOKS:
        return -np.inf
    if parts_never_pay(costs.part_bytes, steepest):
        least = {ranks: min(0.0, float(within[ranks // costs.cell_ranks])) for ranks in room}
    else:
        partial = PartialCells(within, costs.part_bytes, steepest)
        least = {ranks: partial.least(ranks) for ranks in room}
    total = sum(k.count * least[ranks] for k, ranks in zip(classes, room, strict=True))
    return float(duals @ coverage) + total


def _steepest(costs: StageCosts, duals: FloatArray, widest: int) -> float:
    """Most that one more cell can lower a domain's reduced cost."""
    falls = -np.diff(costs.holding(widest + 1), axis=1).min(axis=1)
    kept = 2 * linear_credit(costs)
    kept[:-1] += costs.v
    kept[1:] += costs.v
    return float((duals + np.maximum(falls, 0.0) + kept).max())
