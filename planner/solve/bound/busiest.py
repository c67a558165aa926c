"""A lower bound on how busy the busiest uplink is, however many domains share the work.

Crossing bytes shared by all domains of a tier say little where a job needs few of them. So here each
domain is looked at for itself: E(n) is the least that n cells send out of it, whatever cells they are. With
a longest time T a domain holds at most the most cells n with ``E(n) <= T U``, U its uplink, and all
domains together must hold all cells. And some domain holds cells of each stage.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.bound.rounding import CANCELLED
from planner.solve.columns.pricing import price
from planner.solve.reduction.reduction import SUPPORT_FACTOR, incidence, reduce_costs
from planner.solve.setup.blocks import candidate_blocks
from planner.solve.setup.problem import whole_by_rule
from planner.workload.family import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.setup.blocks import Blocks
    from planner.solve.setup.problem import Problem
    from planner.workload.family import Family

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

# States of the programmes of one tier.
MOST_STATES = 50_000_000
# How often what domains hold at most is drawn from what groups are shared by at least, and back.
ROUNDS = 2
# What sums of so few terms may have gained in floating point.
SUMMED = 1e-12


def busiest_bound(problem: Problem, known: float) -> float:
    """Least time of the busiest uplink, in seconds, of any placement that obeys the rules.

    Parameters
    ----------
    known
        Time of a known placement. What follows from a better one may be assumed of all others, and the
        bound is at most this.
    """
    best = 0.0
    for blocks in candidate_blocks(problem.workload.mesh):
        for tier, level in enumerate(problem.cluster.tiers[:-1]):
            whole = whole_by_rule(problem, blocks, tier)
            room = problem.ranks_that_fit[tier] if blocks.cell_ranks == 1 else whole
            if level.uplink_bytes_per_s is not None and room is not None:
                best = max(best, _busiest(problem, blocks, room, level.uplink_bytes_per_s, known))
    return min(best * (1 - SUMMED), known)


def _busiest(problem: Problem, blocks: Blocks, room: IntArray, uplink: FloatArray, known: float) -> float:
    """The same of one tier and one cut into cells, which stay whole; 0 where that would take long."""
    families, stages, cells = problem.workload.families, blocks.stages, blocks.stages * blocks.replicas
    room = np.minimum(room, cells)
    largest = int(room.max(initial=0))
    widest = min(largest, blocks.replicas)
    if room.sum() < cells or stages * (stages + 1) * widest * largest > MOST_STATES:
        return 0.0
    edges = reduce_costs([each for each in families if "pp" in each.axes], blocks)
    costs = replace(edges, v_wrap=0.0, rungs=np.zeros_like(edges.rungs))
    most = np.full(stages, widest)
    for _ in range(ROUNDS):
        table = egress_table(families, blocks, widest, room, most)
        fits = _least_with(table, costs.v) <= known * float(uplink.max())
        # Nobody holds more cells of a stage than are sent for in the known time.
        most = np.maximum((fits * np.arange(widest + 1)).max(axis=1), 1)
    table = egress_table(families, blocks, widest, room, most)
    least = _least_egress(costs, table, largest)
    counted = Counter(zip(room.tolist(), uplink.tolist(), strict=True))
    classes = [(size, speed, n) for (size, speed), n in counted.items()]
    best = _shortest(least, classes, cells)
    for stage in range(stages):
        has_it = table.copy()
        has_it[stage, 0] = np.inf
        within = np.minimum.accumulate(_least_egress(costs, has_it, largest))
        best = max(best, min(_seconds(within[size], speed) for size, speed, _ in classes))
    return best


def _least_with(table: FloatArray, v: FloatArray) -> FloatArray:
    """Least that a domain with w cells of a stage sends, whatever else it holds, shape (P, widest + 1)."""
    apart = np.abs(np.subtract.outer(np.arange(table.shape[1]), np.arange(table.shape[1]))) / 2
    found = table.copy()
    for rows, kept, into in ((table, v, found), (table[::-1], v[::-1], found[::-1])):
        beside = np.zeros(table.shape[1])
        for stage in range(1, len(rows)):
            beside = (beside + rows[stage - 1] + kept[stage - 1] * apart).min(axis=1)
            into[stage] += beside
    return found


def _seconds(sent: float, speed: float) -> float:
    return float(sent) / speed if speed else (np.inf if sent else 0.0)


def _shortest(least: FloatArray, classes: Sequence[tuple[int, float, int]], cells: int) -> float:
    """The shortest time in which domains of these rooms, uplinks and counts can hold so many cells."""
    times = [np.asarray([_seconds(each, speed) for each in least[: size + 1]]) for size, speed, _ in classes]
    candidates = np.unique(np.concatenate(times))
    low, high = 0, len(candidates) - 1
    while low < high:
        middle = (low + high) // 2
        held = sum(
            n * int(np.flatnonzero(each <= candidates[middle]).max())
            for each, (_, _, n) in zip(times, classes, strict=True)
        )
        low, high = (low, middle) if held >= cells else (middle + 1, high)
    return float(candidates[low])


def _least_egress(costs: StageCosts, table: FloatArray, largest: int) -> FloatArray:
    """E(n): least bytes that exactly n cells send out of a domain, shape (largest + 1,)."""
    half = np.zeros(costs.stages)
    half[:-1] += costs.v / 2
    half[1:] += costs.v / 2
    # |a - b| = a + b - 2 min(a, b), whose large terms may leave something of what cancels.
    cancelled = CANCELLED * float(half.sum()) * largest
    return np.maximum(price(costs, -half, largest, table).best - cancelled, 0.0)


def egress_table(
    families: Sequence[Family], blocks: Blocks, widest: int, room: IntArray, most: IntArray
) -> FloatArray:
    """Least bytes that families of a stage send out of a domain by its width, shape (P, widest + 1).

    Of w cells, in groups of n, at least one group is cut where n does not divide w, and shared by at least as
    many domains as its cells need.

    Parameters
    ----------
    room
        Cells that fit each domain, shape (domains,).
    most
        Cells of each stage that any domain holds at most, shape (P,).
    """
    table, width = np.zeros((blocks.stages, widest + 1)), np.arange(widest + 1)
    together = np.cumsum(np.sort(room)[::-1])
    for family in families:
        if "pp" in family.axes:
            continue
        lies = incidence(family, blocks)
        n, ranks = lies.cells_per_group, lies.ranks_per_cell
        if lies.group_ranks == 1 or n == 1:
            continue
        payload: FloatArray = np.asarray(family.payload_bytes, np.float64) * (blocks.cell_ranks // ranks)
        rest = width % n
        if family.kind in SUPPORT_FACTOR:
            needed = max(2, int(np.searchsorted(together, n)) + 1)
            shared_by = np.maximum(needed, -(-n // most))
            payload = payload * SUPPORT_FACTOR[family.kind] * (1 - 1 / shared_by)
            sent: FloatArray = np.where(rest > 0, 1.0, 0.0)
        elif family.kind is Kind.ALL_TO_ALL:
            sent = np.asarray(ranks**2 * rest * (n - rest), np.float64)
        else:
            # A ring that is cut is cut twice.
            sent = np.where(rest > 0, 1.0 if family.kind is Kind.RING else 0.5, 0.0)
        table += np.outer(payload, sent)
    return table
