"""From a least sum of f to a tier's least crossing bytes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.solve.reduction.reduction import StageCosts

ROUNDING = 1e-9
CANCELLED = 1e-13


def rounded_up(costs: StageCosts, summed: float) -> float:
    """Crossing bytes of a tier whose f is at least `summed`, less what floating point may have added.

    Rounded up to a multiple of the payloads where those are whole.
    """
    value = summed + costs.constant
    largest = sum(float(coefficient.sum()) for _, _, coefficient in costs.terms)
    largest += float(costs.v.sum() + costs.rungs.sum()) + costs.v_wrap
    cancelled = CANCELLED * costs.replicas * largest
    if not math.isfinite(value) or value <= cancelled:
        return 0.0
    safe = value * (1 - ROUNDING) - cancelled
    if costs.granule_bytes and value < 2**52:
        return float(math.ceil(safe / costs.granule_bytes - ROUNDING) * costs.granule_bytes)
    return safe
