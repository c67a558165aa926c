"""Numbers as people read them, and as JSON can hold them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from planner.placement.placement import Objective
from planner.units import format_bytes, format_seconds

if TYPE_CHECKING:
    from planner.placement.placement import Claims

UNKNOWN = "-"


def objective_value(objective: Objective, value: float) -> str:
    """A value of `objective` with its unit."""
    return format_bytes(value) if objective is Objective.CROSS_NODE else format_seconds(value)


def known_value(objective: Objective, value: float | None) -> str:
    """A value of `objective`, or a dash where none is known yet."""
    return UNKNOWN if value is None or not math.isfinite(value) else objective_value(objective, value)


def percent(share: float) -> str:
    """A share in per cent, three digits; what is not zero never looks like it."""
    if not math.isfinite(share):
        return "unbounded"
    if 0 < abs(share) < 1e-4:
        return "< 0.01 %"
    shown = 100 * share
    return f"{shown:,.0f} %" if abs(shown) >= 1000 else f"{shown:.3g} %"


def known_gap(gap: float | None) -> str:
    """A gap in per cent, or a dash where none is known yet."""
    return UNKNOWN if gap is None or not math.isfinite(gap) else percent(gap)


def ratio(value: float, reference: float) -> str:
    """How many times `reference` a value is."""
    if reference == 0:
        return "1.00x" if value == 0 else "infinite"
    return f"{value / reference:,.2f}x"


def finite(number: float) -> float | None:
    """A number for JSON, which has no infinity: None stands for it."""
    return number if math.isfinite(number) else None


def gap_of(claims: Claims) -> str:
    """The gap of a placement as text."""
    return percent(claims.gap)
