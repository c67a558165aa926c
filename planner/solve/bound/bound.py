"""Lower bounds: no placement that obeys the hard rules moves fewer bytes.

Each tier is bounded on its own, for several cuts into cells, and the best counts. A bound never
assumes that a cell stays whole unless a rule says so; `cut_cells` allows for parts of them.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.bound.cut_cells import RankRoom, bound_with_parts
from planner.solve.bound.rounding import rounded_up
from planner.solve.columns.columns import relax
from planner.solve.columns.master import CapacityClass
from planner.solve.columns.pricing import sweeps_compiled
from planner.solve.joint.joint_bound import Apart, bound_alone
from planner.solve.joint.pools import lacks_compiled_code
from planner.solve.setup.control import Control
from planner.solve.splits.few_domains import are_few, least_of_few

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts

    IntArray = NDArray[np.int32]


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
    if not cut and max(k.capacity for k in classes) == 0:
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
    rooms = [RankRoom(ranks_here, count) for (_, ranks_here), count in sorted(groups.items())]
    return rounded_up(costs, bound_with_parts(costs, rooms, control))
