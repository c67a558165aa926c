"""The inner loop of `planner.solve.anneal`, compiled: millions of moves a second."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from numba import njit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]


def compiled(function: Any) -> Any:
    """Compile a function; keep the result for later runs where some folder for it can be written."""
    try:
        return njit(cache=True)(function)
    except RuntimeError as failure:
        if "no locator" not in str(failure):
            raise
        # Neither the package's folder nor the user's can be written: every run compiles anew.
        return njit(function)


class State(NamedTuple):
    """A placement as flat arrays.

    Parameters
    ----------
    widths
        Width vectors of the domains of all levels, innermost first, shape (rows, P).
    above
        Row of the domain around a leaf, shape (levels, leaves).
    weights
        Cost of a crossing byte at each level, shape (levels,).
    room, used
        Places of each leaf, and how many are taken, both (leaves,).
    stage_of, leaf_of, slot_of
        Of every cell its stage, leaf and place there, all (cells,); cells are numbered stage by stage.
    cell_at
        The cell in each place of a leaf, shape (leaves, places); -1 where it is free.
    holding
        Table of h, shape (P, widths).
    beside, kept
        Stages that each stage has an edge to (-1 for none), and what it keeps home; both (P, edges).
    """

    widths: IntArray
    above: IntArray
    weights: FloatArray
    room: IntArray
    used: IntArray
    stage_of: IntArray
    leaf_of: IntArray
    slot_of: IntArray
    cell_at: IntArray
    holding: FloatArray
    beside: IntArray
    kept: FloatArray


@compiled
def shift(state: State, row: int, stage: int, sign: int) -> float:
    """Put a cell into a domain (`sign` 1) or take it out (-1); the change of its f."""
    before = state.widths[row, stage]
    after = before + sign
    change = state.holding[stage, after] - state.holding[stage, before]
    for edge in range(state.beside.shape[1]):
        other = state.beside[stage, edge]
        if other >= 0:
            held = state.widths[row, other]
            change -= state.kept[stage, edge] * (min(held, after) - min(held, before))
    state.widths[row, stage] = after
    return float(change)


@compiled
def move(state: State, stage: int, source: int, target: int) -> float:
    """Move a cell between two leaves; the weighted change over all levels."""
    change = 0.0
    for level in range(state.above.shape[0]):
        one, other = state.above[level, source], state.above[level, target]
        # Further out both leaves are in the same domain.
        if one == other:
            break
        change += state.weights[level] * (shift(state, one, stage, -1) + shift(state, other, stage, 1))
    return change


@compiled
def move_all(state: State, held_by: int, source: int, target: int) -> float:
    """Move the cells that leaf `held_by` has from `source` to `target`; the weighted change."""
    change = 0.0
    for place in range(state.used[held_by]):
        change += move(state, state.stage_of[state.cell_at[held_by, place]], source, target)
    return change


@compiled
def exchange_leaves(state: State, one: int, other: int, temperature: float, chance: float) -> None:
    """Let two leaves of different domains exchange all they hold, where that is accepted."""
    if state.above[1, one] == state.above[1, other]:
        return
    if state.used[one] > state.room[other] or state.used[other] > state.room[one]:
        return
    change = move_all(state, one, one, other) + move_all(state, other, other, one)
    if change > 0 and chance >= math.exp(-change / temperature):
        move_all(state, one, other, one)
        move_all(state, other, one, other)
        return
    for place in range(max(state.used[one], state.used[other])):
        here, there = state.cell_at[one, place], state.cell_at[other, place]
        state.cell_at[one, place], state.cell_at[other, place] = there, here
        if here >= 0:
            state.leaf_of[here] = other
        if there >= 0:
            state.leaf_of[there] = one
    state.used[one], state.used[other] = state.used[other], state.used[one]


@compiled
def exchange_cells(
    state: State, cell: int, target: int, place: int, temperature: float, chance: float
) -> None:
    """Move a cell to a place of another leaf, in exchange for the cell there, where that is accepted."""
    source, stage = state.leaf_of[cell], state.stage_of[cell]
    back = state.cell_at[target, place]
    if back >= 0 and state.stage_of[back] == stage:
        return
    change = move(state, stage, source, target)
    if back >= 0:
        change += move(state, state.stage_of[back], target, source)
    if change > 0 and chance >= math.exp(-change / temperature):
        if back >= 0:
            move(state, state.stage_of[back], source, target)
        move(state, stage, target, source)
        return
    old = state.slot_of[cell]
    if back < 0:
        # The places in use stay the first ones: the last cell moves up, the new one comes last.
        state.used[source] -= 1
        back, place = state.cell_at[source, state.used[source]], state.used[target]
        state.cell_at[source, state.used[source]] = -1
        state.used[target] += 1
        if back != cell:
            state.cell_at[source, old], state.slot_of[back] = back, old
    else:
        state.cell_at[source, old], state.slot_of[back], state.leaf_of[back] = back, old, source
    state.cell_at[target, place], state.slot_of[cell], state.leaf_of[cell] = cell, place, target


@compiled
def anneal(
    state: State, hot: float, cold: float, moves: int, whole: float, random: np.random.Generator
) -> None:
    """Try `moves` moves while the temperature falls from `hot` to `cold`.

    A move takes a cell to a leaf that holds a cell of the same or a neighbouring stage; with chance
    `whole` these two leaves exchange all they hold instead.
    """
    edges = state.beside.shape[1]
    replicas = len(state.stage_of) // state.widths.shape[1]
    cooling = (cold / hot) ** (1.0 / max(1, moves))
    temperature = hot
    for _ in range(moves):
        temperature *= cooling
        cell = int(random.random() * len(state.stage_of))
        stage, source = state.stage_of[cell], state.leaf_of[cell]
        edge = int(random.random() * (edges + 1))
        wanted = stage
        if edge < edges and state.beside[stage, edge] >= 0:
            wanted = state.beside[stage, edge]
        target = state.leaf_of[wanted * replicas + int(random.random() * replicas)]
        if target == source:
            continue
        chance = random.random()
        if len(state.above) > 1 and random.random() < whole:
            exchange_leaves(state, source, target, temperature, chance)
        else:
            place = int(random.random() * state.room[target])
            exchange_cells(state, cell, target, place, temperature, chance)
