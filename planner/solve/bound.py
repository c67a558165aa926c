"""Lower bounds: no placement that obeys the hard rules moves fewer bytes.

Each tier is bounded on its own, for several cuts into cells, and the best counts. A bound never
assumes that a cell stays whole unless a rule says so: a domain that touches more cells than fit it
whole is charged for every rank that is missing (rho of `planner.solve.reduction`).
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.columns import LARGE_CELLS, CapacityClass, relax
from planner.solve.pricing import price

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.solve.reduction import StageCosts

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

ROUNDING = 1e-9
MORE_CELLS = 8


def tier_bound(costs: StageCosts, ranks: IntArray, whole: IntArray | None) -> float:
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
    """
    cells = costs.stages * costs.replicas
    cut = whole is None and costs.cell_ranks > 1
    capacity = np.minimum(ranks // costs.cell_ranks if whole is None else whole, cells)
    groups = Counter(zip(capacity.tolist(), ranks.tolist(), strict=True))
    classes = [CapacityClass(c, n) for (c, _), n in sorted(groups.items())]
    if max(k.capacity for k in classes) == 0:
        return 0.0
    coverage = np.full(costs.stages, costs.replicas, np.int32)
    if not cut:
        relaxation = relax(costs, classes, coverage)
        return _rounded(costs, relaxation.bound + costs.constant)
    room = [ranks_here for (_, ranks_here), _ in sorted(groups.items())]
    # A domain that takes one cut cell more than fits whole loses at least what it gains, or not:
    # duals from whole cells serve where those fit at all, from rounded-up domains elsewhere.
    rounded = [CapacityClass(-(-r // costs.cell_ranks), k.count) for k, r in zip(classes, room, strict=True)]
    large = max(k.capacity for k in rounded) > LARGE_CELLS
    fits = sum(k.capacity * k.count for k in classes) >= cells
    relaxation = relax(costs, classes if fits and not large else rounded, coverage)
    if large:
        steep = _steepest(costs, relaxation.duals, LARGE_CELLS)
        bound = relaxation.bound if steep <= costs.split_bytes_per_hole * costs.cell_ranks else -np.inf
    else:
        bound = _with_cuts(costs, relaxation.duals, rounded, room, coverage)
    return _rounded(costs, bound + costs.constant)


def _with_cuts(
    costs: StageCosts,
    duals: FloatArray,
    classes: Sequence[CapacityClass],
    room: Sequence[int],
    coverage: IntArray,
) -> float:
    """Lagrangian bound that lets a domain touch more cells than fit it whole.

    With A cells touched and c GPUs, ``B A - c`` ranks at least are missing. Beyond the largest A
    priced, another cell gains at most `_steepest` and costs ``B rho``.
    """
    size, rho = costs.cell_ranks, costs.split_bytes_per_hole
    most = max(k.capacity for k in classes) + MORE_CELLS
    priced = price(costs, duals, most, costs.holding(most))
    slope = rho * size - _steepest(costs, duals, most)
    total = float(duals @ coverage)
    for k, ranks in zip(classes, room, strict=True):
        touched = np.arange(most + 1)
        holes = np.maximum(0, size * touched - ranks)
        inside = priced.best[priced.used] + rho * holes
        least = float(inside.min())
        if most < costs.stages * costs.replicas:
            beyond = float(priced.best[priced.used[most]]) + rho * (size * most - ranks)
            least = min(least, beyond + slope) if slope >= 0 else -np.inf
        total += k.count * min(0.0, least)
    return total


def _steepest(costs: StageCosts, duals: FloatArray, widest: int) -> float:
    """Most that one more cell can lower a domain's reduced cost."""
    falls = -np.diff(costs.holding(widest + 1), axis=1).min(axis=1)
    kept = np.zeros(costs.stages)
    kept[:-1] += costs.v
    kept[1:] += costs.v
    kept[0] += costs.v_wrap
    kept[-1] += costs.v_wrap
    return float((duals + np.maximum(falls, 0.0) + kept).max())


def _rounded(costs: StageCosts, value: float) -> float:
    """Take off what floating point may have added; round up to a multiple of whole payloads."""
    if not math.isfinite(value) or value <= 0:
        return 0.0
    safe = value * (1 - ROUNDING)
    if costs.granule_bytes and value < 2**52:
        return float(math.ceil(safe / costs.granule_bytes - ROUNDING) * costs.granule_bytes)
    return safe
