"""Walks inside many domains, one domain after the other, compiled.

What one domain does inside concerns no other, and one alone fits the fastest memory: a walk over all of
them at once takes cells here and there and waits for memory most of the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.solve.setup.kernel import allocating, compiled, write
from planner.solve.walks.anneal_kernel import State, anneal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]


@allocating
def rows_inside(widths: IntArray, around: IntArray) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Rows of a state: width vectors of the domains of all levels, and where these stand.

    Parameters
    ----------
    widths
        Of the leaves, shape (leaves, P).
    around
        A number for the domain around each leaf at each level, shape (levels, leaves); leaves of one domain
        stand together.

    Returns
    -------
    The arrays `widths`, `above`, `begin` and `size` of `State`.
    """
    levels, leaves = around.shape
    above = np.empty((levels, leaves), np.int32)
    row = -1
    for level in range(levels):
        for leaf in range(leaves):
            if leaf == 0 or around[level, leaf] != around[level, leaf - 1]:
                row += 1
            above[level, leaf] = row
    rows = np.zeros((row + 1, widths.shape[1]), np.int32)
    begin, size = np.zeros(row + 1, np.int32), np.zeros(row + 1, np.int32)
    for level in range(levels):
        for leaf in range(leaves):
            row = above[level, leaf]
            if size[row] == 0:
                begin[row] = leaf
            size[row] += 1
            for stage in range(widths.shape[1]):
                rows[row, stage] += widths[leaf, stage]
    return rows, above, begin, size


@allocating
def state_inside(
    widths: IntArray,
    room: IntArray,
    around: IntArray,
    kinds: IntArray,
    weights: FloatArray,
    holding: FloatArray,
    beside: IntArray,
    kept: FloatArray,
) -> State:
    """The placement of the leaves of one domain, and nothing around it.

    Parameters
    ----------
    widths, room
        Of the leaves, shapes (leaves, P) and (leaves,); those of equal domains in the same order of classes.
    around, kinds
        Number and class of the domain around each leaf at each level, shape (levels, leaves); the outermost
        is the domain itself.
    weights, holding, beside, kept
        As in `State`.
    """
    leaves, stages = widths.shape
    rows, above, begin, size = rows_inside(widths, around)
    kind = np.zeros(len(rows), np.int32)
    for level in range(len(above)):
        for leaf in range(leaves):
            kind[above[level, leaf]] = kinds[level, leaf]
    cells = widths.sum()
    first = np.zeros(stages + 1, np.int32)
    cell_at = np.full((leaves, max(1, min(room.max(), cells))), -1, np.int32)
    stage_of, leaf_of, slot_of = (
        np.empty(cells, np.int32),
        np.empty(cells, np.int32),
        np.empty(cells, np.int32),
    )
    used, cell = np.zeros(leaves, np.int32), 0
    for stage in range(stages):
        for leaf in range(leaves):
            for _ in range(widths[leaf, stage]):
                stage_of[cell], leaf_of[cell], slot_of[cell] = stage, leaf, used[leaf]
                cell_at[leaf, used[leaf]] = cell
                used[leaf] += 1
                cell += 1
        first[stage + 1] = cell
    return State(
        rows,
        above,
        kind,
        np.arange(leaves).astype(np.int32),
        begin,
        size,
        weights,
        np.minimum(room, cells).astype(np.int32),
        used,
        stage_of,
        leaf_of,
        slot_of,
        first,
        cell_at,
        holding,
        beside,
        kept,
    )


@compiled
def anneal_each(
    widths: IntArray,
    room: IntArray,
    around: IntArray,
    kinds: IntArray,
    ends: IntArray,
    domains: IntArray,
    weights: FloatArray,
    holding: FloatArray,
    beside: IntArray,
    kept: FloatArray,
    hot: float,
    cold: float,
    moves_a_cell: int,
    whole: float,
    near: float,
    batch: float,
    seed: int,
) -> None:
    """Walk inside one domain after the other, and write what is found to `widths`.

    Parameters
    ----------
    widths, room, around, kinds
        Of all leaves, as in `state_inside`; those of one domain stand together.
    ends
        Where the leaves of each domain end, shape (all domains,).
    domains
        The domains to walk in.
    """
    for domain in domains:
        begin, end = ends[domain - 1] if domain else 0, ends[domain]
        mine = widths[begin:end]
        cells = mine.sum()
        if end - begin > 1 and cells:
            state = state_inside(
                mine,
                room[begin:end],
                around[:, begin:end],
                kinds[:, begin:end],
                weights,
                holding,
                beside,
                kept,
            )
            anneal(state, hot, cold, moves_a_cell * cells, whole, near, batch, seed + domain)
            write(state.widths, mine)
