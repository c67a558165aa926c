"""The curve of a run as SVG: incumbent and bound over time, the gap between them shaded.

The picture follows the reader's light or dark preference, and each point tells its phase, value and
bound when pointed at.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from planner.placement.placement import Objective
from planner.report.scale import Scale
from planner.report.values import gap_of, known_gap, objective_value
from planner.units import format_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.placement.placement import Placement
    from planner.solve.setup.result import Progress

WIDTH, HEIGHT = 760, 440
LEFT, RIGHT, TOP, BOTTOM = 92, 736, 68, 372
MOST_X, MOST_Y = 9, 6
WIDE_RATIO = 4.0
MARGIN = 0.06
NAMES = {
    Objective.WEIGHTED: "weighted: uplink time of a step",
    Objective.CROSS_NODE: "cross_node: bytes between nodes in a step",
    Objective.BOTTLENECK: "bottleneck: busiest uplink's time of a step",
}
STYLE = """
  .trace { --paper: #ffffff; --ink: #1f2933; --faint: #667480; --rule: #dde3e8; --value: #00796b;
           --bound: #b4540a; background: var(--paper); }
  @media (prefers-color-scheme: dark) {
    .trace { --paper: #14191f; --ink: #e6ebf0; --faint: #9aa7b3; --rule: #2c3640; --value: #4dd0c0;
             --bound: #ffb067; }
  }
  .trace text { font: 13px system-ui, sans-serif; fill: var(--ink); }
  .trace .title { font-weight: 600; font-size: 15px; }
  .trace .tick { fill: var(--faint); font-size: 12px; font-variant-numeric: tabular-nums; }
  .trace .rule { stroke: var(--rule); }
  .trace .value, .trace .bound { fill: none; stroke-width: 2; stroke-linejoin: round; }
  .trace .value { stroke: var(--value); }
  .trace .bound { stroke: var(--bound); stroke-dasharray: 6 4; }
  .trace .gap { fill: var(--value); opacity: 0.14; }
  .trace .point { fill: var(--value); }
  .trace .value-name { fill: var(--value); font-weight: 600; }
  .trace .bound-name { fill: var(--bound); font-weight: 600; }
"""


def curve_svg(placement: Placement, points: Sequence[Progress]) -> str:
    """Draw a trace.

    Parameters
    ----------
    points
        In order of time; the last one is the end of the run.
    """
    claims = placement.claims
    known = [point for point in points if math.isfinite(point.value)]
    across, up = _time_scale(points), _value_scale(known)
    # A bound far below, such as the 0 before the first is known, is no line: the gap has no end there.
    bounds = [(point.elapsed_s, point.lower_bound) for point in known if point.lower_bound >= up.low]
    title = f"{placement.workload.name} on {placement.cluster.name}"
    ends = f"{claims.status}, {objective_value(claims.objective, claims.value)}, gap {gap_of(claims)}"
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    label = escape(f"{title}: {ends}", {'"': "&quot;"})
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="trace" {size} role="img" aria-label="{label}">',
        f"<style>{STYLE}</style>",
        _text(LEFT, 28, title, "title"),
        _text(LEFT, 49, f"{ends} after {format_seconds(round(points[-1].elapsed_s, 3))}", "tick"),
        *_legend(),
        *_axes(across, up, claims.objective),
        f'<path class="gap" d="{_area(known, across, up)}"/>',
        f'<path class="bound" d="{_steps(bounds, across, up)}"/>',
        f'<path class="value" d="{_steps([(p.elapsed_s, p.value) for p in known], across, up)}"/>',
        *(_point(point, claims.objective, across, up) for point in known),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _time_scale(points: Sequence[Progress]) -> Scale:
    """Logarithmic, for most is found early; from the first point on."""
    first = max(min(point.elapsed_s for point in points), 1e-3)
    return Scale(first, max(points[-1].elapsed_s, 2 * first), LEFT, RIGHT, logarithmic=True)


def _value_scale(known: Sequence[Progress]) -> Scale:
    """From the final bound to the first value, with a margin; logarithmic where they are far apart."""
    low, high = known[-1].lower_bound, max(point.value for point in known)
    if low > 0 and high / low > WIDE_RATIO:
        return Scale(low * (1 - MARGIN), high * (1 + MARGIN), BOTTOM, TOP, logarithmic=True)
    margin = MARGIN * (high - low) or MARGIN * high or 1.0
    return Scale(max(0.0, low - margin), high + margin, BOTTOM, TOP)


def _legend() -> list[str]:
    """Names of the two lines, above the plot."""
    return [
        f'<path class="value" d="M{RIGHT - 214} 45h22"/>',
        _text(RIGHT - 186, 49, "incumbent", "value-name"),
        f'<path class="bound" d="M{RIGHT - 84} 45h22"/>',
        _text(RIGHT - 56, 49, "bound", "bound-name"),
    ]


def _axes(across: Scale, up: Scale, objective: Objective) -> list[str]:
    """Rules with their values, and what the axes are."""
    parts = []
    for value in up.ticks(MOST_Y):
        parts.append(f'<path class="rule" d="M{LEFT} {up(value):.1f}H{RIGHT}"/>')
        parts.append(_text(LEFT - 8, up(value) + 4, objective_value(objective, value), "tick", "end"))
    for value in across.ticks(MOST_X):
        parts.append(f'<path class="rule" d="M{across(value):.1f} {TOP}V{BOTTOM}"/>')
        parts.append(_text(across(value), BOTTOM + 18, format_seconds(value), "tick", "middle"))
    parts.append(
        _text((LEFT + RIGHT) / 2, HEIGHT - 18, "time since the start of the run (log scale)", anchor="middle")
    )
    middle = (TOP + BOTTOM) / 2
    label = NAMES[objective] + (" (log scale)" if up.logarithmic else "")
    upright = f'transform="translate(18 {middle:.1f}) rotate(-90)" text-anchor="middle"'
    parts.append(f"<text {upright}>{escape(label)}</text>")
    return parts


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    chosen = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{chosen}>{escape(text)}</text>'


def _corners(points: Sequence[tuple[float, float]], across: Scale, up: Scale) -> list[str]:
    """Corners of a line that keeps each value until the next one."""
    corners = []
    for index, (time, value) in enumerate(points):
        if index:
            corners.append(f"{across(time):.1f} {up(points[index - 1][1]):.1f}")
        corners.append(f"{across(time):.1f} {up(value):.1f}")
    return corners


def _steps(points: Sequence[tuple[float, float]], across: Scale, up: Scale) -> str:
    return "M" + "L".join(_corners(points, across, up))


def _area(known: Sequence[Progress], across: Scale, up: Scale) -> str:
    """Outline of what lies between value and bound."""
    above = _corners([(point.elapsed_s, point.value) for point in known], across, up)
    below = _corners([(point.elapsed_s, point.lower_bound) for point in known], across, up)
    return "M" + "L".join([*above, *reversed(below)]) + "Z"


def _point(point: Progress, objective: Objective, across: Scale, up: Scale) -> str:
    """A dot that tells what it stands for."""
    told = (
        f"{format_seconds(round(point.elapsed_s, 3))}, {point.phase}: "
        f"{objective_value(objective, point.value)}, "
        f"bound {objective_value(objective, point.lower_bound)}, gap {known_gap(point.gap)}"
    )
    place = f'cx="{across(point.elapsed_s):.1f}" cy="{up(point.value):.1f}"'
    return f'<circle class="point" {place} r="3"><title>{escape(told)}</title></circle>'
