"""Incumbent and bound over time, as data and as a picture."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from planner.placement.placement import Objective
from planner.report.curve import curve_svg
from planner.report.values import finite
from planner.solve.setup.result import Progress

if TYPE_CHECKING:
    from planner.solve.setup.result import Result

FORMATS = (".json", ".svg")
END = "end"


def trace_file(result: Result, suffix: str) -> bytes:
    """Content of a file with the trace of a run; `suffix` is one of `FORMATS`."""
    if suffix == ".svg":
        return curve_svg(result.placement, trace_points(result)).encode()
    return (json.dumps(trace_document(result), indent=2, allow_nan=False) + "\n").encode()


def trace_points(result: Result) -> list[Progress]:
    """The trace up to the end of the run, whose claims are its last point."""
    return [*result.trace, Progress(result.seconds, result.objective, result.lower_bound, END)]


def trace_document(result: Result) -> dict[str, object]:
    """The trace as plain data; null stands for a value or gap that is not known yet."""
    placement = result.placement
    return {
        "topology": placement.cluster.name,
        "workload": placement.workload.name,
        "objective_name": str(placement.claims.objective),
        "unit": "bytes" if placement.claims.objective is Objective.CROSS_NODE else "s",
        "status": str(result.status),
        "points": [
            {
                "elapsed_s": point.elapsed_s,
                "objective": finite(point.value),
                "lower_bound": point.lower_bound,
                "gap": finite(point.gap) if math.isfinite(point.value) else None,
                "phase": point.phase,
            }
            for point in trace_points(result)
        ],
    }
