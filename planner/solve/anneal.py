"""Anneal: move single cells, and what whole domains hold, with all tiers in view.

Constructions let one tier lead and the others follow. Where tiers pull against each other the best
placement is a compromise at every one of them, which a walk that accepts a worse placement now and
then, ever more seldom, finds: simulated annealing (Kirkpatrick, Gelatt and Vecchi 1983).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from planner.solve.tree import summed, tree_cost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from planner.solve.anneal_kernel import State
    from planner.solve.control import Control
    from planner.solve.reduction import StageCosts
    from planner.solve.tree import Tree

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

FIRST_MOVES = 400_000
GROWTH = 3
CHUNK = 200_000
MOST_MOVES_IN_ALL = 15_000_000
MOST_MOVES_A_CELL = 20_000
MOST_CELLS = 100_000
WHOLE = 0.3
# The longer a walk, the hotter it may begin: at 1e6 moves at this share of the costliest cell's bytes.
HOT = 0.035
HOTTEST = 0.25
COOLED = 0.25


def state_of(tree: Tree, costs: StageCosts, widths: IntArray) -> State:
    """The placement with these width vectors of the innermost domains, shape (domains, P)."""
    from planner.solve.anneal_kernel import State

    levels = tree.levels[:-1]
    rows, above, inside = [widths], [np.arange(len(widths))], np.arange(len(widths))
    for level, outer in pairwise(levels):
        inside = np.asarray(level.parent[inside], np.int64)
        above.append(inside + sum(map(len, rows)))
        rows.append(summed(rows[-1], level.parent, len(outer.room)))
    used = widths.sum(axis=1).astype(np.int32)
    room = np.minimum(levels[0].room, costs.stages * costs.replicas).astype(np.int32)
    leaf_of = np.concatenate([np.repeat(np.arange(len(widths)), held) for held in widths.T])
    order = np.argsort(leaf_of, kind="stable")
    slot_of = np.empty(len(order), np.int32)
    slot_of[order] = np.arange(len(order)) - np.repeat(np.cumsum(used) - used, used)
    cell_at = np.full((len(widths), max(1, int(room.max()))), -1, np.int32)
    cell_at[leaf_of, slot_of] = np.arange(len(order))
    return State(
        widths=np.concatenate(rows).astype(np.int32),
        above=np.stack(above).astype(np.int32),
        weights=np.asarray([level.weight for level in levels]),
        room=room,
        used=used,
        stage_of=np.repeat(np.arange(costs.stages), costs.replicas).astype(np.int32),
        leaf_of=leaf_of.astype(np.int32),
        slot_of=slot_of,
        cell_at=cell_at,
        holding=costs.holding(costs.replicas + 1),
        **_edges(costs),
    )


def walk(
    state: State, hot: float, cold: float, moves: int, whole: float, seed: int, control: Control
) -> None:
    """Cool down from `hot` to `cold` in `moves` moves, or as far as the time goes."""
    from planner.solve.anneal_kernel import anneal

    random = np.random.default_rng(seed)
    chunks = max(1, moves // CHUNK)
    for begin, end in pairwise(np.geomspace(hot, cold, chunks + 1)):
        if control.over:
            return
        anneal(state, begin, end, moves // chunks, whole, random)


def _edges(costs: StageCosts) -> dict[str, NDArray[Any]]:
    """The arrays `beside` and `kept` of a state."""
    stages = np.arange(costs.stages)
    edges = [(int(p), int(p) + 1, float(v)) for p, v in zip(stages, costs.v, strict=False)]
    if costs.v_wrap:
        edges.append((costs.stages - 1, 0, costs.v_wrap))
    edges += [(p, costs.stages - 1 - p, float(kept)) for p, kept in enumerate(costs.rungs) if kept]
    around: list[list[tuple[int, float]]] = [[] for _ in stages]
    for one, other, value in edges:
        around[one].append((other, value))
        around[other].append((one, value))
    most = max(1, *map(len, around))
    beside = np.full((costs.stages, most), -1, np.int32)
    kept = np.zeros((costs.stages, most))
    for stage, mine in enumerate(around):
        for place, (other, value) in enumerate(mine):
            beside[stage, place], kept[stage, place] = other, value
    return {"beside": beside, "kept": kept}


def worth_annealing(tree: Tree, costs: StageCosts) -> bool:
    """Whether there are several tiers to weigh against each other, and not too many cells."""
    weighty = sum(level.weight > 0 for level in tree.levels[:-1])
    return weighty > 1 and costs.stages * costs.replicas <= MOST_CELLS


def annealed(tree: Tree, costs: StageCosts, widths: IntArray, control: Control) -> Iterator[IntArray]:
    """Width vectors of the innermost domains from ever longer walks, each from the best there is.

    Yields only what is better than all before.
    """
    weights = np.asarray([level.weight for level in tree.levels[:-1]])
    cell = float(costs.holding(1).max() + costs.v.max(initial=0.0)) or 1.0
    enough = MOST_MOVES_A_CELL * costs.stages * costs.replicas
    if control.deterministic:
        enough = min(enough, MOST_MOVES_IN_ALL)
    moves, in_all, seed, least = min(FIRST_MOVES, enough), 0, control.seed, tree_cost(tree, costs, widths)
    while not control.over and in_all < enough:
        hot = min(HOTTEST, HOT * (moves / 1e6) ** 0.5) * cell
        state = state_of(tree, costs, widths)
        ends = hot * weights.max(), COOLED * hot * weights[weights > 0].min()
        walk(state, *ends, moves, WHOLE, seed, control)
        found = state.widths[: len(widths)].copy()
        cost = tree_cost(tree, costs, found)
        if cost < least:
            widths, least = found, cost
            yield found
        in_all, moves, seed = in_all + moves, moves * GROWTH, seed + 1
