"""One segment for each domain: an integer programme for tiers of many large domains.

A domain that has room for dozens of cells seldom holds two segments in a good placement, so that nothing
needs to be packed: the choice is how often each segment is used. Only a few cells more than there are may be
covered, which are taken out of the domains afterwards where that costs least; without that freedom hardly any
choice of whole segments adds up. HiGHS finds within seconds what walks take much longer for.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from planner.solve.columns.residual import Piece

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.solve.columns.master import CapacityClass
    from planner.solve.columns.segments import Excess, Segments
    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.setup.control import Control

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

# With fewer domains, or smaller ones, segments are packed as well and better.
LEAST_ROOM, LEAST_DOMAINS = 24, 24
MOST_ALONE, MOST_OVER = 1_500, 5
# Of deterministic runs, which no clock ends.
MOST_NODES = 10


def worth_one_each(classes: Sequence[CapacityClass]) -> bool:
    """Whether domains are so large, and so many, that each holds one segment in good placements."""
    return min(k.capacity for k in classes) >= LEAST_ROOM and sum(k.count for k in classes) >= LEAST_DOMAINS


def nearest_alone(segments: Segments, worth: FloatArray, excess: Excess) -> IntArray:
    """Widths of those that leave least to be gained where they are alone in a domain, shape (segments, P).

    Parameters
    ----------
    worth
        Of every width of every stage, shape (P, widest + 1).
    """
    stages = np.arange(segments.widths.shape[1])
    gained = worth[stages, segments.widths].sum(axis=1)
    above = segments.bytes_each - gained + excess.last[segments.cells]
    return segments.widths[np.argsort(above, kind="stable")[:MOST_ALONE]]


def one_each(
    costs: StageCosts,
    classes: Sequence[CapacityClass],
    coverage: IntArray,
    widths: IntArray,
    control: Control,
    limit_s: float,
) -> list[Piece]:
    """The best choice of one segment for each domain that is found; none where none is.

    Parameters
    ----------
    coverage
        Cells of each stage to place, shape (P,).
    widths
        Segments to choose from, shape (segments, P).
    """
    amounts = _chosen(costs, classes, coverage, widths, control, limit_s)
    if amounts is None:
        return []
    rows = np.repeat(widths, amounts, axis=0)
    _take_out(costs, rows, rows.sum(axis=0) - coverage)
    # The fullest go into the largest domains.
    rows = rows[np.argsort(-rows.sum(axis=1), kind="stable")]
    order = sorted(range(len(classes)), key=lambda kind: -classes[kind].capacity)
    kinds = [kind for kind in order for _ in range(classes[kind].count)]
    counted = Counter((kind, row.tobytes()) for kind, row in zip(kinds, rows, strict=False) if row.any())
    return [Piece(kind, np.frombuffer(row, np.int32), n) for (kind, row), n in counted.items()]


def _chosen(
    costs: StageCosts,
    classes: Sequence[CapacityClass],
    coverage: IntArray,
    widths: IntArray,
    control: Control,
    limit_s: float,
) -> IntArray | None:
    """How often each segment is used, shape (segments,); None where no choice is found."""
    import highspy

    highs = highspy.Highs()
    for name, option in (("output_flag", False), ("threads", 1), ("random_seed", control.seed)):
        highs.setOptionValue(name, option)
    if control.deterministic:
        highs.setOptionValue("mip_max_nodes", MOST_NODES)
    else:
        highs.setOptionValue("time_limit", max(0.0, min(limit_s, control.left_s)))
    for cells in coverage.tolist():
        highs.addRow(cells, cells, 0, [], [])
    # No more domains may hold more than a room than have more than that room.
    rooms = np.unique([0, *(k.capacity for k in classes)])[:-1]
    for room in rooms:
        highs.addRow(0, sum(k.count for k in classes if k.capacity > room), 0, [], [])
    held = widths.sum(axis=1)
    for row, cells, each in zip(widths, held, costs.domain_bytes(widths), strict=True):
        stages, larger = np.flatnonzero(row), np.flatnonzero(cells > rooms)
        rows = np.append(stages, costs.stages + larger).astype(np.int32)
        amounts = np.append(row[stages], np.ones(len(larger)))
        highs.addCol(each, 0, highspy.kHighsInf, len(rows), rows, amounts)
    # A cell that is taken out no longer stays with its neighbours.
    ties = np.append(costs.v, costs.v_wrap)
    for stage in range(costs.stages):
        lost = float(ties[stage] + ties[stage - 1])
        highs.addCol(lost, 0, MOST_OVER, 1, np.asarray([stage], np.int32), np.asarray([-1.0]))
    count = len(widths)
    whole = np.full(count, highspy.HighsVarType.kInteger)
    highs.changeColsIntegrality(count, np.arange(count, dtype=np.int32), whole)

    def asked(*event: Any) -> None:
        answer = event[3]
        answer.user_interrupt = control.stop.is_set()

    highs.setCallback(asked, None)
    highs.startCallback(highspy.cb.HighsCallbackType.kCallbackMipInterrupt)
    highs.run()
    if highs.getInfo().primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        return None
    used: IntArray = np.rint(highs.getSolution().col_value[:count]).astype(np.int32)
    return used


def _take_out(costs: StageCosts, rows: IntArray, over: IntArray) -> None:
    """Take so many cells of each stage out of the rows, shape (domains, P), each where that costs least."""
    for stage in np.repeat(np.arange(len(over)), over):
        holding = np.flatnonzero(rows[:, stage])
        before, after = rows[holding], rows[holding]
        after[:, stage] -= 1
        rise = costs.domain_bytes(after) - costs.domain_bytes(before)
        rows[holding[np.argmin(rise)], stage] -= 1
