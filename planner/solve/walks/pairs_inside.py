"""Pairs of domains share out what they hold inside each of many outer domains, side by side.

The domains inside one outer domain are few and hold the same stages: there a pair that shares out all it
holds at once gains far more than cells that move alone, and the more so the larger the domains are.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.reduction.tree import Level
    from planner.solve.setup.control import Control

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

# Turns for each domain: about what takes half as long as so many moves for each cell of the domain.
TURNS_A_MOVE, FEWEST_TURNS, MOST_A_MOVE = 12.0, 15, 0.5
# States of the programmes of all turns inside one domain: between two looks at the clock.
MOST_STATES = 400_000_000
COOLED = 0.02


def pairs_fit(costs: StageCosts, level: Level) -> bool:
    """Whether pairs can share out inside the domains around a level, and are quick."""
    return not costs.rungs.any() and _most_turns(costs, level) >= FEWEST_TURNS


def _most_turns(costs: StageCosts, level: Level) -> int:
    """Turns for each domain that there is time for."""
    most = min(int(level.room.max()), costs.stages * costs.replicas)
    states = (2 * most + costs.stages) * (most + 1)
    return int(MOST_STATES / (states * np.bincount(level.parent).max()))


def turns_for(costs: StageCosts, level: Level, moves_a_cell: int) -> int:
    """Turns for each domain that are worth so many moves for each cell."""
    room = max(1, int(level.room.max()))
    wanted = min(TURNS_A_MOVE / room, MOST_A_MOVE) * moves_a_cell
    return min(max(FEWEST_TURNS, round(wanted)), _most_turns(costs, level))


def shared_inside(
    costs: StageCosts, level: Level, widths: IntArray, hot: float, turns: int, seed: int, control: Control
) -> IntArray:
    """Width vectors of a level's domains, shape (domains, P), after pairs inside outer ones shared out.

    None costs more than before. What there is no time for stays as it is.

    Parameters
    ----------
    widths
        Those to begin with; what all inside one outer domain hold together stays the same.
    hot
        Noise at the beginning, in bytes; it falls from there.
    turns
        For each domain.
    """
    from planner.solve.walks.paired_kernel import share_out_each

    order = np.argsort(level.parent, kind="stable")
    rows, rooms = widths[order].astype(np.int32), level.room[order].astype(np.int32)
    inside = np.bincount(level.parent)
    ends = np.cumsum(inside).astype(np.int32)
    tables = costs.holding(costs.replicas + 1), np.append(costs.v, costs.v_wrap)

    def share_out(domains: IntArray) -> None:
        if not control.over:
            share_out_each(rows, rooms, ends, domains, *tables, hot, COOLED * hot, turns, seed)

    chunks = np.array_split(np.arange(len(ends), dtype=np.int32), min(len(ends), 4 * control.threads))
    with ThreadPoolExecutor(control.threads) as pool:
        list(pool.map(share_out, chunks))
    found = np.empty_like(rows)
    found[order] = rows
    return found
