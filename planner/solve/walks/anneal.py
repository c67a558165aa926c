"""Anneal: move single cells, and what whole domains hold, with all tiers in view.

Constructions let one tier lead and the others follow. Where tiers pull against each other the best
placement is a compromise at every one of them, which a walk that accepts a worse placement now and
then, ever more seldom, finds: simulated annealing (Kirkpatrick, Gelatt and Vecchi 1983).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from planner.solve.reduction.tree import summed, tree_cost
from planner.solve.walks.loops import walks_compiled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.reduction.tree import Level, Tree
    from planner.solve.setup.control import Control
    from planner.solve.walks.anneal_kernel import State

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

FIRST_MOVES_A_CELL = 400
GROWTH = 3
FITTING = 0.95
CHUNK = 200_000
MOST_MOVES_A_CELL = 300_000
# Of deterministic runs, which nobody's clock ends: about what the default time limit allows.
MOST_WORK_A_CELL = 60_000
MOST_WORK = 3_000_000
MOST_MOVES_A_WALK = 20_000
MOST_CELLS = 100_000
WHOLE = 0.1
NEAR = 0.2
BATCH = 0.4
# The hottest walk of a round begins at this share of the costliest cell's bytes, times the root of its
# moves a cell; those beside it are colder.
HOT = 0.001
HOTTEST = 0.2
COOLED = 0.06
COLDER = 2.0
SHADES = 3


def state_of(tree: Tree, costs: StageCosts, widths: IntArray) -> State:
    """The placement with these width vectors of the innermost domains, shape (domains, P)."""
    from planner.solve.walks.anneal_kernel import State

    levels = tree.levels[:-1]
    rows, above, leaves = [widths], [np.arange(len(widths))], np.arange(len(widths))
    for level, outer in pairwise(levels):
        leaves = np.asarray(level.parent[leaves], np.int64)
        above.append(leaves + sum(map(len, rows)))
        rows.append(summed(rows[-1], level.parent, len(outer.room)))
    used = widths.sum(axis=1).astype(np.int32)
    held = widths.sum(axis=0)
    room = np.minimum(levels[0].room, held.sum()).astype(np.int32)
    leaf_of = np.concatenate([np.repeat(np.arange(len(widths)), column) for column in widths.T])
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
        stage_of=np.repeat(np.arange(costs.stages), held).astype(np.int32),
        first=np.concatenate(([0], np.cumsum(held))).astype(np.int32),
        leaf_of=leaf_of.astype(np.int32),
        slot_of=slot_of,
        cell_at=cell_at,
        holding=costs.holding(costs.replicas + 1),
        **_insides(levels, np.stack(above)),
        **edges_of(costs),
    )


def _insides(levels: Sequence[Level], above: IntArray) -> dict[str, NDArray[Any]]:
    """The arrays `kind`, `inside`, `begin` and `size` of a state."""
    kind = np.concatenate([level.kind for level in levels]).astype(np.int32)
    # From the outermost domain inwards: by class, and those of one domain together.
    keys = [key for row in above for key in (row, kind[row])]
    inside = np.lexsort(keys)
    begin, size = np.zeros((2, len(kind)), np.int32)
    for row in above:
        held, first, times = np.unique(row[inside], return_index=True, return_counts=True)
        begin[held], size[held] = first, times
    return {"kind": kind, "inside": inside.astype(np.int32), "begin": begin, "size": size}


def walk(
    state: State,
    hot: float,
    cold: float,
    moves: int,
    seed: int,
    control: Control,
    *,
    whole: float = WHOLE,
    near: float = NEAR,
    batch: float = BATCH,
) -> None:
    """Cool down from `hot` to `cold` in `moves` moves, or as far as the time goes."""
    from planner.solve.walks.anneal_kernel import anneal

    chunks = max(1, moves // CHUNK)
    seeds = np.random.default_rng(seed).integers(2**31, size=chunks).tolist()
    for (begin, end), each in zip(pairwise(np.geomspace(hot, cold, chunks + 1)), seeds, strict=True):
        if control.over:
            return
        anneal(state, begin, end, moves // chunks, whole, near, batch, each)


def edges_of(costs: StageCosts) -> dict[str, NDArray[Any]]:
    """The arrays `beside` and `kept` of a state: which stages have edges, and what these keep home."""
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


def costliest_cell(costs: StageCosts) -> float:
    """Bytes of the stage whose cells cost most where they lie alone; never 0."""
    return float(costs.holding(1).max() + costs.v.max(initial=0.0)) or 1.0


def worth_annealing(tree: Tree, costs: StageCosts) -> bool:
    """Whether there are several tiers to weigh against each other, and not too many cells."""
    weighty = sum(level.weight > 0 for level in tree.levels[:-1])
    return weighty > 1 and costs.stages * costs.replicas <= MOST_CELLS


def annealed(
    tree: Tree, costs: StageCosts, widths: IntArray, control: Control, seeds: Iterator[int]
) -> Iterator[IntArray]:
    """Width vectors of the innermost domains from ever longer walks, each from the best there is.

    Walks of one round go on side by side, one a worker, some hotter and some colder. Yields only what is
    better than all before.
    """
    weights = np.asarray([level.weight for level in tree.levels[:-1]])
    cell = costliest_cell(costs)
    lightest = weights[weights > 0].min()
    cells = costs.stages * costs.replicas
    enough = MOST_MOVES_A_CELL * cells
    if control.deterministic:
        enough = min(MOST_WORK_A_CELL * cells, MOST_WORK)
    moves, in_all, least = min(FIRST_MOVES_A_CELL * cells, enough), 0, tree_cost(tree, costs, widths)
    if not walks_compiled(control):
        return
    with ThreadPoolExecutor(control.threads) as pool:
        for turn in count():
            if control.over or in_all >= enough:
                return
            started = control.elapsed_s
            hottest = min(HOTTEST, HOT * (moves / cells) ** 0.5) * cell
            hot = [hottest / COLDER**shade for shade in _shades(turn, control.threads)]
            states = [state_of(tree, costs, widths) for _ in hot]
            walks = [
                pool.submit(walk, state, heat * weights.max(), COOLED * heat * lightest, moves, seed, control)
                for state, heat, seed in zip(states, hot, islice(seeds, len(hot)), strict=True)
            ]
            for each in walks:
                each.result()
            rows = [state.widths[: len(widths)].copy() for state in states]
            prices = [tree_cost(tree, costs, each) for each in rows]
            best = int(np.argmin(prices))
            if prices[best] < least:
                widths, least = rows[best], prices[best]
                yield widths
            in_all += moves
            moves = min(_next(moves, control, control.elapsed_s - started), MOST_MOVES_A_WALK * cells)


def _shades(turn: int, threads: int) -> list[int]:
    """How much colder than the hottest the walks of a round are; of several, one is the hottest."""
    if threads == 1:
        return [turn % SHADES]
    return [0, *(1 + (turn + k) % (SHADES - 1) for k in range(threads - 1))]


def _next(moves: int, control: Control, seconds: float) -> int:
    """Moves of the next walk: more than in the last one, as far as there is time to cool down."""
    if control.deterministic:
        return moves * GROWTH
    fitting = int(FITTING * moves * control.left_s / max(seconds, 1e-3))
    return fitting if 0 < fitting < 2 * GROWTH * moves else moves * GROWTH
