"""Walks inside each of many domains, side by side: they do not concern each other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.reduction.tree import above_each
from planner.solve.walks.anneal import edges_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.reduction.tree import Tree
    from planner.solve.setup.control import Control

    IntArray = NDArray[np.int32]

# Moves between two looks at the clock.
CHUNK = 300_000


@dataclass(frozen=True)
class Walk:
    """How cells walk inside a domain.

    Parameters
    ----------
    hot, cold
        Where the temperature begins and ends, in weighted bytes.
    moves_a_cell
        Moves for each cell.
    whole, near, batch
        Chances of the kinds of moves, as in `planner.solve.walks.anneal_kernel.anneal`.
    """

    hot: float
    cold: float
    moves_a_cell: int
    whole: float = 0.0
    near: float = 1.0
    batch: float = 0.9


def walked_inside(
    tree: Tree, costs: StageCosts, index: int, widths: IntArray, how: Walk, seed: int, control: Control
) -> IntArray:
    """Width vectors of the innermost domains, shape (domains, P), after a walk in each domain of a level.

    A walk sees all tiers inside the domain of level `index`, and nothing outside. What there is no time
    for stays as it is.
    """
    from planner.solve.walks.inside_kernel import anneal_each

    around = np.stack([above_each(tree, level) for level in range(index + 1)])
    kinds = np.stack([level.kind[row] for level, row in zip(tree.levels, around, strict=False)])
    # Equal domains, which may exchange all they hold leaf by leaf, have theirs in the same order of classes.
    order = np.lexsort([key for pair in zip(around, kinds, strict=True) for key in pair])
    around, kinds = (np.ascontiguousarray(each[:, order], np.int32) for each in (around, kinds))
    ends = np.append(np.flatnonzero(np.diff(around[-1])) + 1, len(order)).astype(np.int32)
    rows, room = widths[order], tree.levels[0].room[order].astype(np.int32)
    weights = np.asarray([*(level.weight for level in tree.levels[:index]), 0.0])
    edges = edges_of(costs)
    tables = weights, costs.holding(costs.replicas + 1), edges["beside"], edges["kept"]
    chances = how.moves_a_cell, how.whole, how.near, how.batch, seed

    def walk_in(domains: IntArray) -> None:
        if not control.over:
            inner = rows, room, around, kinds, ends, domains
            anneal_each(*inner, *tables, how.hot, how.cold, *chances)

    held = np.diff(np.cumsum(rows.sum(axis=1))[ends - 1], prepend=0)
    chunks = _chunks(held * how.moves_a_cell, control.threads)
    with ThreadPoolExecutor(control.threads) as pool:
        list(pool.map(walk_in, chunks))
    found = np.empty_like(rows)
    found[order] = rows
    return found


def _chunks(moves: IntArray, threads: int) -> list[IntArray]:
    """Domains in runs of about equally many moves, few enough between two looks at the clock."""
    ends = np.cumsum(moves)
    most = max(1, min(CHUNK, int(ends[-1]) // (2 * threads)))
    number = ends // most
    starts = np.flatnonzero(np.diff(number, prepend=-1))
    return np.split(np.arange(len(moves), dtype=np.int32), starts[1:])
