"""Walks over the cells of a ring of stages on one tier, by what is truly paid.

Width vectors that are best by f may leave no way to close every replica where it began, while others, as
good, do. A walk that sees replicas finds such others: it begins at a placement that is closed as well as its
widths allow, and takes runs of cells to neighbours of theirs in exchange for others.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count, cycle, pairwise
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.seats.realize import widths_of
from planner.solve.seats.ring_loops import rings_compiled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.reduction.tree import Tree
    from planner.solve.setup.control import Control

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

MOST_CELLS = 40_000
ROUNDS, FIRST_MOVES_A_CELL, GROWTH, MOST_MOVES, CHUNK = 5, 300, 3, 20_000_000, 200_000
HOT, COLDER, COOLED = 0.06, 2.0, 0.06
# The first walks start far hotter, by different factors side by side, end colder, and are short.
QUICK_HEATS, QUICK_COOLED, QUICK_MOVES_A_CELL, QUICK_CELLS = (5.0, 4.0), 0.02, 225, 2_500


def walks_on_rings(tree: Tree, costs: StageCosts) -> bool:
    """Whether replicas are rings, there is one tier to cross, and not too many cells."""
    ring = costs.v_wrap > 0 and not costs.rungs.any() and costs.stages > 2
    return ring and len(tree.levels) == 2 and costs.stages * costs.replicas <= MOST_CELLS


def paid_by_rings(costs: StageCosts, home: IntArray, domains: int) -> float:
    """Crossing bytes of cells in these domains, shape (P, N), as far as the terms of f predict them."""
    widths = widths_of(home, domains)
    held = costs.holding(int(widths.max()))[np.arange(costs.stages), widths].sum()
    apart = (home != np.roll(home, -1, axis=0)).sum(axis=1)
    kept = _kept(costs)
    return costs.constant + float(held + (apart - costs.replicas) @ kept)


def quickly_walked(tree: Tree, costs: StageCosts, home: IntArray, control: Control) -> IntArray:
    """Domain of every cell, shape (P, N), from short walks from one that may be far from the best."""
    room = tree.levels[0].room.astype(np.int32)
    hottest, moves = _hottest(costs), QUICK_MOVES_A_CELL * home.size
    with ThreadPoolExecutor(control.threads) as pool:
        jobs = [
            pool.submit(
                _walk, costs, home.copy(), room, heat * hottest, moves, control.seed, control, QUICK_COOLED
            )
            for heat in QUICK_HEATS
        ]
        found = [job.result() for job in jobs]
    return min(found, key=lambda each: paid_by_rings(costs, each, len(room)))


def walked_rings(tree: Tree, costs: StageCosts, home: IntArray, control: Control) -> Iterator[IntArray]:
    """Domain of every cell, shape (P, N), from ever longer walks; only what is better than all before.

    Parameters
    ----------
    home
        The same of a known placement.
    """
    room = tree.levels[0].room.astype(np.int32)
    least, moves = paid_by_rings(costs, home, len(room)), FIRST_MOVES_A_CELL * home.size
    if not rings_compiled(control):
        return
    hottest, seeds = _hottest(costs), count(control.seed)
    heat = cycle((hottest, hottest / COLDER))
    with ThreadPoolExecutor(control.threads) as pool:
        for _ in range(ROUNDS):
            if control.over:
                return
            jobs = [
                pool.submit(_walk, costs, home.copy(), room, next(heat), moves, next(seeds), control)
                for _ in range(control.threads)
            ]
            found = [job.result() for job in jobs]
            paid = [paid_by_rings(costs, each, len(room)) for each in found]
            best = int(np.argmin(paid))
            if paid[best] < least:
                home, least = found[best], paid[best]
                yield home
            moves = min(moves * GROWTH, MOST_MOVES)


def _hottest(costs: StageCosts) -> float:
    """Temperature at which walks from a good placement begin."""
    return HOT * float(costs.holding(1).max() + _kept(costs).max())


def _kept(costs: StageCosts) -> FloatArray:
    """Bytes that stay home when neighbours share a domain, the last joins last and first; shape (P,)."""
    return np.append(costs.v, costs.v_wrap)


def _walk(
    costs: StageCosts,
    home: IntArray,
    room: IntArray,
    hot: float,
    moves: int,
    seed: int,
    control: Control,
    cooled: float = COOLED,
) -> IntArray:
    """Walk from `home`, which is changed, cooling down, or as far as the time goes."""
    from planner.solve.seats.ring_kernel import walk_rings

    flat = home.reshape(-1)
    order, used = np.argsort(flat, kind="stable"), np.bincount(flat, minlength=len(room))
    slot_of = np.empty(len(flat), np.int32)
    slot_of[order] = np.arange(len(flat)) - np.repeat(np.cumsum(used) - used, used)
    cell_at = np.full((len(room), max(1, int(room.max()))), -1, np.int32)
    cell_at[flat, slot_of] = np.arange(len(flat))
    state = home, widths_of(home, len(room)), cell_at, slot_of, room
    tables = costs.holding(costs.replicas + 1), _kept(costs)
    chunks = max(1, moves // CHUNK)
    seeds = np.random.default_rng(seed).integers(2**31, size=chunks).tolist()
    for (begin, end), each in zip(pairwise(np.geomspace(hot, cooled * hot, chunks + 1)), seeds, strict=True):
        if control.over:
            break
        walk_rings(*state, *tables, begin, end, moves // chunks, each)
    return home
