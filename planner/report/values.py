"""Numbers as people read them, and as JSON can hold them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from planner.placement.placement import Objective
from planner.units import format_bytes, format_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.placement.placement import Claims

UNKNOWN = "-"


def objective_value(objective: Objective, value: float) -> str:
    """A value of `objective` with its unit."""
    if not math.isfinite(value):
        return "unbounded"
    return format_bytes(value) if objective is Objective.CROSS_NODE else format_seconds(value)


def known_value(objective: Objective, value: float | None) -> str:
    """A value of `objective`, or a dash where none is known yet."""
    return UNKNOWN if value is None else objective_value(objective, value)


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


def finite(number: float | None) -> float | None:
    """A number for JSON, which has no infinity: None stands for it."""
    return number if number is not None and math.isfinite(number) else None


def uplink_seconds(crossing_bytes: float, uplink_bytes_per_s: float | None) -> float | None:
    """Seconds that crossing bytes keep uplinks busy, T_t / U_t; None where crossing is free."""
    if uplink_bytes_per_s is None:
        return None
    if uplink_bytes_per_s == 0:
        return math.inf if crossing_bytes > 0 else 0.0
    return crossing_bytes / uplink_bytes_per_s


def shares(seconds: Sequence[float | None]) -> list[float | None]:
    """Part of the summed uplink seconds that each tier has; None where crossing is free."""
    total = sum(second or 0.0 for second in seconds)
    if math.isinf(total):
        return [None if second is None else float(math.isinf(second)) for second in seconds]
    return [None if second is None else second / total if total else 0.0 for second in seconds]


def gap_of(claims: Claims) -> str:
    """The gap of a placement as text."""
    return percent(claims.gap)
