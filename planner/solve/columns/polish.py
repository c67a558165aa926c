"""Polish: free a few domains at a time and share out their cells again, exactly.

The reduced cost of a domain's width vector says how far it is from what the relaxation would use; the
domains that are freed are drawn by that excess, so that effort goes where the gap is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.solve.columns.residual import share_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.setup.control import Control

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

FREED_WIDTHS = 72
ROUNDS = 40
FAILURES = 12
ROUND_SECONDS = 0.25
POLISH_SECONDS = 0.6
CLOSE = 1e-6


def polish(
    costs: StageCosts,
    rooms: Sequence[int],
    widths: IntArray,
    duals: FloatArray,
    bound: float,
    control: Control,
    effort: float,
) -> IntArray:
    """Improve the width vectors of domains with the given rooms, shape (domains, P); never worsen them.

    Ends when the sum of f is within `CLOSE` of `bound`, after `FAILURES` rounds in a row that found
    nothing, or when the time for it is spent.
    """
    random = np.random.default_rng(control.seed)
    freed = max(2, min(6, FREED_WIDTHS // costs.stages))
    started, failures = control.clock_s, 0
    if len(widths) <= freed:
        return widths
    for _ in range(max(1, round(ROUNDS * effort))):
        each = costs.domain_bytes(widths)
        spent = control.clock_s - started > POLISH_SECONDS * effort
        if each.sum() - bound <= CLOSE * abs(bound) or failures >= FAILURES or spent or control.over:
            break
        chosen = _draw(each - widths @ duals, widths, freed, random)
        before = widths[chosen]
        after = share_out(costs, [rooms[c] for c in chosen], before, control, ROUND_SECONDS)
        better = costs.domain_bytes(after).sum() < costs.domain_bytes(before).sum()
        failures = 0 if better else failures + 1
        widths[chosen] = after
    return widths


def _draw(
    reduced: FloatArray, widths: IntArray, freed: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """Domains to free: drawn by excess, no two with the same vector unless there are too few others."""
    excess = reduced - reduced.min()
    first = random.permutation(len(widths))
    order = first[np.argsort(-(excess[first] * random.random(len(widths))), kind="stable")]
    _, where = np.unique(widths[order], axis=0, return_index=True)
    distinct = order[np.sort(where)]
    return distinct[:freed] if len(distinct) >= freed else order[:freed]
