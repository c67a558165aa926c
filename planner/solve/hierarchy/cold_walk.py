"""A cold walk over one tier: rounding a relaxation leaves a few bad domains, which a short walk mends.

The walk of `planner.solve.walks.anneal`, for domains that all lie in one, and from a temperature at which
only small losses are accepted: what the relaxation got right stays.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.columns.residual import Piece
from planner.solve.columns.rows import kind_of_domain, rows_of
from planner.solve.reduction.tree import Level, Tree
from planner.solve.walks.anneal import costliest_cell, state_of, walk
from planner.solve.walks.loops import walks_compiled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.solve.columns.master import CapacityClass
    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.setup.control import Control

    IntArray = NDArray[np.int32]

HOT, COLDER, COOLED = 0.03, 2.0, 0.06
MOVES_A_CELL, MOST_MOVES = 2_000, 3_000_000


def walked(
    costs: StageCosts, classes: Sequence[CapacityClass], pieces: Sequence[Piece], control: Control
) -> list[Piece]:
    """The best of the pieces after short cold walks, one a thread; it may be worse than before."""
    kinds = kind_of_domain(classes)
    room = np.asarray([k.capacity for k in classes], np.int32)[kinds]
    tree, rows = _one_tier(room), rows_of(pieces, kinds, costs.stages)
    if not walks_compiled(control):
        return list(pieces)
    moves, hottest = min(MOST_MOVES, MOVES_A_CELL * int(rows.sum())), HOT * costliest_cell(costs)

    def walk_once(place: int) -> IntArray:
        state, hot = state_of(tree, costs, rows), hottest / COLDER ** (place % 2)
        walk(state, hot, COOLED * hot, moves, control.seed + place, control)
        return state.widths[: len(room)].copy()

    with ThreadPoolExecutor(control.threads) as pool:
        found = list(pool.map(walk_once, range(control.threads)))
    best = min(found, key=lambda each: float(costs.domain_bytes(each).sum()))
    return [Piece(int(kind), row, 1) for kind, row in zip(kinds, best, strict=True) if row.any()]


def _one_tier(room: IntArray) -> Tree:
    """Domains with so much room inside a single one."""
    kind = np.unique(room, return_inverse=True)[1].astype(np.int32)
    alone = np.zeros(1, np.int32)
    inner = Level(0, 1.0, room, np.zeros(len(room), np.int32), kind)
    return Tree((inner, Level(1, 0.0, room.sum(keepdims=True).astype(np.int32), alone, alone)))
