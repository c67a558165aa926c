"""The inner loop of `planner.solve.walks.anneal`, compiled: millions of moves a second.

It runs without Python's lock. A move is priced before anything is changed, so that one that is not accepted
leaves nothing to undo. What every move needs gets its arrays one by one: a call with a whole state takes
longer than the rest.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from planner.solve.setup.kernel import compiled, int64, seeded, subroutine, unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]
    WordArray = NDArray[np.uint64]


# Of batches half are all cells of a stage, half a part of them.
PORTIONS = 2.0
# Of a type, where a plain number would have a function compiled for itself alone.
ONE = np.int64(1)


class State(NamedTuple):
    """A placement as flat arrays.

    Parameters
    ----------
    widths
        Width vectors of the domains of all levels, innermost first, shape (rows, P).
    above
        Row of the domain around a leaf, shape (levels, leaves).
    kind
        Class of the domain of each row, shape (rows,): equal ones of a level have equal subtrees.
    inside, begin
        All leaves in an order in which those inside any domain stand together, those of equal domains in
        the same order of classes, shape (leaves,); and where those of each row begin, shape (rows,).
    size
        Leaves inside the domain of each row, shape (rows,).
    weights
        Cost of a crossing byte at each level, shape (levels,).
    room, used
        Places of each leaf, and how many are taken, both (leaves,).
    stage_of, leaf_of, slot_of
        Of every cell its stage, leaf and place there, all (cells,); cells are numbered stage by stage.
    first
        Number of the first cell of each stage, and of all cells, shape (P + 1,).
    cell_at
        The cell in each place of a leaf, shape (leaves, places); -1 where it is free.
    holding
        Table of h, shape (P, widths).
    beside, kept
        Stages that each stage has an edge to (-1 for none), and what it keeps home; both (P, edges).
    """

    widths: IntArray
    above: IntArray
    kind: IntArray
    inside: IntArray
    begin: IntArray
    size: IntArray
    weights: FloatArray
    room: IntArray
    used: IntArray
    stage_of: IntArray
    leaf_of: IntArray
    slot_of: IntArray
    first: IntArray
    cell_at: IntArray
    holding: FloatArray
    beside: IntArray
    kept: FloatArray


@subroutine
def shifted(
    widths: IntArray,
    holding: FloatArray,
    beside: IntArray,
    kept: FloatArray,
    row: int,
    stage: int,
    more: int,
) -> float:
    """What a domain pays more with `more` cells (less than 0: fewer) of a stage."""
    before = widths[row, stage]
    after = before + more
    change = holding[stage, after] - holding[stage, before]
    for edge in range(beside.shape[1]):
        other = beside[stage, edge]
        if other >= 0:
            held = widths[row, other]
            change -= kept[stage, edge] * (min(held, after) - min(held, before))
    return float(change)


@subroutine
def change_of_move(
    widths: IntArray,
    above: IntArray,
    weights: FloatArray,
    holding: FloatArray,
    beside: IntArray,
    kept: FloatArray,
    stage: int,
    cells: int,
    back: int,
    cells_back: int,
    source: int,
    target: int,
) -> float:
    """Weighted change if cells of `stage` go to another leaf, and cells of `back` (-1: none) come."""
    total = 0.0
    for level in range(above.shape[0]):
        one, other = int64(above[level, source]), int64(above[level, target])
        # Further out both leaves are in the same domain.
        if one == other:
            break
        change = shifted(widths, holding, beside, kept, one, stage, -cells)
        change += shifted(widths, holding, beside, kept, other, stage, cells)
        if back >= 0:
            widths[one, stage] -= cells
            widths[other, stage] += cells
            change += shifted(widths, holding, beside, kept, other, back, -cells_back)
            change += shifted(widths, holding, beside, kept, one, back, cells_back)
            widths[one, stage] += cells
            widths[other, stage] -= cells
        total += weights[level] * change
    return total


@subroutine
def move(widths: IntArray, above: IntArray, stage: int, source: int, target: int) -> None:
    """Count a cell of a stage at another leaf, and in the domains around both."""
    for level in range(above.shape[0]):
        one, other = int64(above[level, source]), int64(above[level, target])
        if one == other:
            break
        widths[one, stage] -= 1
        widths[other, stage] += 1


@subroutine
def exchange_cells(state: State, cell: int, target: int, place: int) -> None:
    """Move a cell to a place of another leaf, in exchange for the cell there, if any."""
    source, stage = int64(state.leaf_of[cell]), int64(state.stage_of[cell])
    back, old = int64(state.cell_at[target, place]), state.slot_of[cell]
    move(state.widths, state.above, stage, source, target)
    if back >= 0:
        move(state.widths, state.above, int64(state.stage_of[back]), target, source)
        state.cell_at[source, old], state.slot_of[back], state.leaf_of[back] = back, old, source
    else:
        # The places in use stay the first ones: the last cell moves up, the new one comes last.
        state.used[source] -= 1
        last, place = state.cell_at[source, state.used[source]], int64(state.used[target])
        state.cell_at[source, state.used[source]] = -1
        state.used[target] += 1
        if last != cell:
            state.cell_at[source, old], state.slot_of[last] = last, old
    state.cell_at[target, place], state.slot_of[cell], state.leaf_of[cell] = cell, place, target


@subroutine
def place_of(state: State, leaf: int, stage: int) -> int:
    """A place of a leaf that holds a cell of a stage; the first free one where there is none."""
    for place in range(state.used[leaf]):
        if state.stage_of[state.cell_at[leaf, place]] == stage:
            return int(place)
    return int64(state.used[leaf])


@subroutine
def exchange_batch(
    state: State,
    cell: int,
    back: int,
    target: int,
    portion: float,
    every: bool,
    temperature: float,
    chance: float,
) -> None:
    """Let a portion of a leaf's cells of a stage, or all, go to another leaf, where that is accepted.

    Of the stage of `back` as many come as must, or all; fewer go where there is no room for all.
    """
    source, stage = int64(state.leaf_of[cell]), int64(state.stage_of[cell])
    stage_back = int64(state.stage_of[back])
    there = int64(state.widths[target, stage_back])
    free = int64(state.room[target] - state.used[target])
    going = min(int64(state.widths[source, stage]), free + there)
    if portion < 1.0:
        going = 1 + int(portion * (going - 1))
    coming = max(0, going - free)
    if every:
        coming = max(coming, min(there, int64(state.room[source] - state.used[source]) + going))
    change = change_of_move(
        state.widths,
        state.above,
        state.weights,
        state.holding,
        state.beside,
        state.kept,
        stage,
        going,
        stage_back,
        coming,
        source,
        target,
    )
    if change > 0 and chance >= math.exp(-change / temperature):
        return
    for step in range(max(going, coming)):
        if step < going:
            mine = int64(state.cell_at[source, place_of(state, source, stage)])
            place = place_of(state, target, stage_back) if step < coming else int64(state.used[target])
            exchange_cells(state, mine, target, place)
        else:
            yours = int64(state.cell_at[target, place_of(state, target, stage_back)])
            exchange_cells(state, yours, source, int64(state.used[source]))


@subroutine
def paid(state: State, row: int) -> float:
    """f of a domain."""
    total = 0.0
    for stage in range(state.widths.shape[1]):
        held = state.widths[row, stage]
        total += state.holding[stage, held]
        for edge in range(state.beside.shape[1]):
            other = state.beside[stage, edge]
            if other > stage:
                total -= state.kept[stage, edge] * min(held, state.widths[row, other])
    return float(total)


@subroutine
def hand_over(state: State, level: int, one: int, other: int, sign: int) -> None:
    """Exchange what two domains of a level hold in the sums around them (`sign` 1), or back (-1)."""
    leaf, its = state.inside[state.begin[one]], state.inside[state.begin[other]]
    for outer in range(level + 1, state.above.shape[0]):
        around, about = state.above[outer, leaf], state.above[outer, its]
        if around == about:
            break
        for stage in range(state.widths.shape[1]):
            more = sign * (state.widths[other, stage] - state.widths[one, stage])
            state.widths[around, stage] += more
            state.widths[about, stage] -= more


@subroutine
def paid_around(state: State, level: int, leaf: int, its: int) -> float:
    """Weighted f of the domains around two leaves outside a level, as far as they are not the same."""
    total = 0.0
    for outer in range(level + 1, state.above.shape[0]):
        around, about = state.above[outer, leaf], state.above[outer, its]
        if around == about:
            break
        total += state.weights[outer] * (paid(state, around) + paid(state, about))
    return total


@subroutine
def exchange_leaves(state: State, one: int, other: int) -> None:
    """Exchange the cells of two leaves; their width vectors and those around them are not touched."""
    for place in range(max(state.used[one], state.used[other])):
        here, there = state.cell_at[one, place], state.cell_at[other, place]
        state.cell_at[one, place], state.cell_at[other, place] = there, here
        if here >= 0:
            state.leaf_of[here] = other
        if there >= 0:
            state.leaf_of[there] = one
    state.used[one], state.used[other] = state.used[other], state.used[one]


@subroutine
def exchange_domains(
    state: State, level: int, leaf: int, its: int, temperature: float, chance: float
) -> None:
    """Let the domains of a level around two leaves exchange all they hold, where that is accepted.

    They must lie in different domains of the next level, and be equal, or leaves with room enough.
    """
    one, other = state.above[level, leaf], state.above[level, its]
    if state.above[level + 1, leaf] == state.above[level + 1, its]:
        return
    if level == 0:
        if state.used[leaf] > state.room[its] or state.used[its] > state.room[leaf]:
            return
    elif state.kind[one] != state.kind[other]:
        return
    before = paid_around(state, level, leaf, its)
    hand_over(state, level, one, other, ONE)
    change = paid_around(state, level, leaf, its) - before
    if change > 0 and chance >= math.exp(-change / temperature):
        hand_over(state, level, one, other, -ONE)
        return
    for place in range(state.size[one]):
        mine, yours = state.inside[state.begin[one] + place], state.inside[state.begin[other] + place]
        exchange_leaves(state, mine, yours)
        for inner in range(level + 1):
            row, opposite = state.above[inner, mine], state.above[inner, yours]
            # Each domain is exchanged once, with its first leaf.
            if state.inside[state.begin[row]] == mine:
                for stage in range(state.widths.shape[1]):
                    held = state.widths[row, stage]
                    state.widths[row, stage] = state.widths[opposite, stage]
                    state.widths[opposite, stage] = held


@subroutine
def leaf_with(random: WordArray, leaf_of: IntArray, first: IntArray, beside: IntArray, stage: int) -> int:
    """The leaf of a random cell of a stage or of one that it has an edge to; -1 where that has no cell."""
    edge, wanted = int(unit(random) * (beside.shape[1] + 1)), stage
    if edge < beside.shape[1] and beside[stage, edge] >= 0:
        wanted = beside[stage, edge]
    cells = first[wanted + 1] - first[wanted]
    if cells == 0:
        return -1
    return int64(leaf_of[first[wanted] + int(unit(random) * cells)])


@compiled
def anneal(
    state: State, hot: float, cold: float, moves: int, whole: float, near: float, batch: float, seed: int
) -> None:
    """Try `moves` moves while the temperature falls from `hot` to `cold`.

    A move takes a cell to another leaf: with chance `near` to one beside its own, else to one that holds
    cells of the same or a neighbouring stage. With chance `whole` the domains of some level around the
    two leaves exchange all they hold instead; with chance `batch` all cells of a stage that the leaf has
    go together.
    """
    widths, above, weights, holding = state.widths, state.above, state.weights, state.holding
    beside, kept, stage_of, leaf_of = state.beside, state.kept, state.stage_of, state.leaf_of
    inside, begin, size, room, cell_at = state.inside, state.begin, state.size, state.room, state.cell_at
    random = seeded(seed)
    levels, first = above.shape[0], state.first
    cooling = (cold / hot) ** (1.0 / max(1, moves))
    temperature = hot
    for _ in range(moves):
        temperature *= cooling
        cell = int(unit(random) * len(stage_of))
        stage, source = int64(stage_of[cell]), int64(leaf_of[cell])
        if levels > 1 and unit(random) < near:
            around = above[1, source]
            target = int64(inside[begin[around] + int(unit(random) * size[around])])
        else:
            target = leaf_with(random, leaf_of, first, beside, stage)
        if target < 0 or target == source or room[target] == 0:
            continue
        chance = unit(random)
        if levels > 1 and unit(random) < whole:
            level = int(unit(random) * (levels - 1))
            exchange_domains(state, level, source, target, temperature, chance)
            continue
        place = int(unit(random) * room[target])
        back = int64(cell_at[target, place])
        back_stage = int64(stage_of[back]) if back >= 0 else -1
        if back_stage == stage:
            continue
        if back >= 0 and unit(random) < batch:
            portion = PORTIONS * unit(random)
            exchange_batch(state, cell, back, target, portion, unit(random) < 0.5, temperature, chance)
            continue
        change = change_of_move(
            widths, above, weights, holding, beside, kept, stage, ONE, back_stage, ONE, source, target
        )
        if change <= 0 or chance < math.exp(-change / temperature):
            exchange_cells(state, cell, target, place)
