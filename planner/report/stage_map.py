"""Which domains hold which stages: counted, then drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Group
from rich.text import Text

from planner.report.style import table
from planner.units import format_count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from rich.console import RenderableType

    from planner.placement.placement import Placement

    IntArray = NDArray[np.int64]

WIDEST_NUMBERS = 12
WIDEST_STRIP = 48
MOST_ROWS = 40
SHADES = "▁▂▃▄▅▆▇█"
NOTHING = "·"
COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "red")


@dataclass(frozen=True)
class MapRow:
    """Domains that hold the same number of ranks of every column."""

    domains: tuple[str, ...]
    ranks: tuple[int, ...]


@dataclass(frozen=True)
class StageMap:
    """Ranks by domain of one tier and position on one axis.

    Parameters
    ----------
    tier, axis
        What rows and columns stand for.
    width
        Positions of the axis that one column holds; 1 unless the axis is long.
    columns
        Number of columns.
    rows
        In order of their first domain; domains without a rank are left out.
    """

    tier: str
    axis: str
    width: int
    columns: int
    rows: tuple[MapRow, ...]

    def document(self) -> dict[str, object]:
        """The map as plain data."""
        return {
            "tier": self.tier,
            "axis": self.axis,
            "positions_per_column": self.width,
            "rows": [{"domains": list(row.domains), "ranks": list(row.ranks)} for row in self.rows],
        }


def stage_map(placement: Placement, tier: int, axis: str | None = None) -> StageMap:
    """Count the ranks of every column in every domain of `tier`.

    Parameters
    ----------
    axis
        Axis of the columns; ``pp``, or the slowest axis of more than one rank where there is only
        one stage.
    """
    mesh, cluster = placement.workload.mesh, placement.cluster
    axis = axis or _axis(placement)
    width = -(-mesh.degree(axis) // WIDEST_STRIP)
    columns = -(-mesh.degree(axis) // width)
    column = mesh.coordinate(axis, np.arange(mesh.world_size)) // width
    domain = cluster.domain_of_gpu[tier][placement.gpu_of_rank]
    counts = np.bincount(
        domain.astype(np.int64) * columns + column, minlength=cluster.tiers[tier].domains * columns
    ).reshape(-1, columns)
    used = np.flatnonzero(counts.any(axis=1))
    names = [cluster.domain_path(tier, int(each)) for each in used]
    return StageMap(cluster.tiers[tier].name, axis, width, columns, _rows(names, counts[used]))


def _axis(placement: Placement) -> str:
    mesh = placement.workload.mesh
    long = [axis for axis in ("tp", "cp", "dp", "pp") if mesh.degree(axis) > 1]
    return long[-1] if long else "pp"


def _rows(names: Sequence[str], counts: IntArray) -> tuple[MapRow, ...]:
    """One row for every domain, or for every pattern where the domains are many."""
    if len(names) <= MOST_ROWS:
        return tuple(MapRow((name,), tuple(row)) for name, row in zip(names, counts.tolist(), strict=True))
    members: dict[tuple[int, ...], list[str]] = {}
    for name, row in zip(names, counts.tolist(), strict=True):
        members.setdefault(tuple(row), []).append(name)
    return tuple(MapRow(tuple(domains), row) for row, domains in members.items())


def map_view(drawn: StageMap) -> RenderableType:
    """The map as numbers where they fit, else as one shaded character a column."""
    what = "stage" if drawn.axis == "pp" else drawn.axis
    each = "" if drawn.width == 1 else f", {drawn.width} a column"
    title = Text(f"ranks of each {what} in each {drawn.tier}{each}", style="bold")
    grid = _numbers(drawn, what) if drawn.columns <= WIDEST_NUMBERS else _strips(drawn, what)
    hidden = drawn.rows[MOST_ROWS:]
    rest = f"and {format_count(sum(len(row.domains) for row in hidden))} more {drawn.tier}s of other patterns"
    return Group(title, grid, *([Text(rest, style="dim")] if hidden else []))


def _numbers(drawn: StageMap, what: str) -> RenderableType:
    made = table(drawn.tier, *(f"{column * drawn.width}" for column in range(drawn.columns)))
    made.columns[1].header = Text(f"{what} 0")
    for row in drawn.rows[:MOST_ROWS]:
        cells = [
            Text(format_count(count) if count else NOTHING, style=_colour(column) if count else "dim")
            for column, count in enumerate(row.ranks)
        ]
        made.add_row(_label(row), *cells)
    return made


def _strips(drawn: StageMap, what: str) -> RenderableType:
    """A heat map: the height of each block is the share of the fullest cell."""
    made = table(drawn.tier, "", "ranks", left=2)
    fullest = max(max(row.ranks) for row in drawn.rows)
    made.columns[1].header = Text(_ruler(drawn))
    made.columns[1].no_wrap = True
    for row in drawn.rows[:MOST_ROWS]:
        strip = Text()
        for column, count in enumerate(row.ranks):
            shade = SHADES[-(-count * len(SHADES) // fullest) - 1] if count else NOTHING
            strip.append(shade, style=_colour(column) if count else "dim")
        made.add_row(_label(row), strip, format_count(sum(row.ranks)))
    return Group(
        made, Text(f"columns: {what} {_span(drawn)}; █ is {format_count(fullest)} ranks", style="dim")
    )


def _ruler(drawn: StageMap) -> str:
    """Positions along the top: one number every eight columns."""
    marks = [f"{column * drawn.width}".ljust(8)[:8] for column in range(0, drawn.columns, 8)]
    return "".join(marks)[: max(drawn.columns, 8)].rstrip()


def _span(drawn: StageMap) -> str:
    return f"0 to {drawn.columns * drawn.width - 1}" if drawn.width == 1 else f"{drawn.width} a column"


def _colour(column: int) -> str:
    return COLOURS[column % len(COLOURS)]


def _label(row: MapRow) -> str:
    from planner.topology.names import compress

    if len(row.domains) == 1:
        return row.domains[0]
    shown = compress(list(row.domains))
    return f"{len(row.domains)}: {shown}" if len(shown) <= 40 else f"{len(row.domains)}: {shown[:37]}..."
