"""Top down by walks: the outermost tier first, then each tier inside the one around it.

Where tiers hardly fight, an outer tier may choose first, and what the domains inside one outer domain do
concerns no other. So a walk needs to see a tier at a time, from a start in line, and domains that come
out badly are done again alone. That is far quicker than a walk over all tiers at once, which is cold for
outer tiers where it is warm enough for inner ones.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.reduction.tree import Tree, above_each, summed, tree_cost
from planner.solve.walks.anneal import costliest_cell, state_of, walk
from planner.solve.walks.inside import Walk, walked_inside
from planner.solve.walks.pairs_inside import pairs_fit, shared_inside, turns_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.reduction.tree import Level
    from planner.solve.setup.control import Control

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

RUNS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 24, 32, 48, 64)
COLD, SETTLING = 0.03, 0.02
COOLED = 0.06
# Heat and share of batches of the walks over the outermost tier.
OUTERMOST = ((0.08, 0.5), (0.4, 0.5), (0.15, 0.5), (0.4, 0.9), (0.15, 0.9), (1.0, 0.5))
# It is worth more moves: all further in depends on it.
OUTERMOST_MOVES = 3


@dataclass(frozen=True)
class Effort:
    """How a tier is walked.

    Parameters
    ----------
    moves_a_cell
        Moves for each cell.
    heat
        Where the walk begins, as a share of the costliest cell's bytes at the tier.
    batch
        Chance that several cells of a stage move at once.
    outermost
        Walks over the outermost tier, of which the cheapest is taken.
    runs
        Run lengths that are tried for cells in line.
    charges
        By tier what each width will cost further in, as of `planner.solve.joint.guide`; none where not given.
    """

    moves_a_cell: int
    heat: float = 0.2
    batch: float = 0.9
    outermost: int = len(OUTERMOST)
    runs: int = len(RUNS)
    charges: Mapping[int, FloatArray] = field(default_factory=dict)


def covered_top_down(
    tree: Tree, costs: StageCosts, coverage: IntArray, effort: Effort, seed: int, control: Control
) -> IntArray:
    """Width vectors of the innermost domains, shape (domains, P), that hold `coverage`, shape (P,).

    The outermost tier is walked several times, as it is quick and a walk of few domains is soon stuck.
    """
    place = len(tree.levels) - 2
    outermost = Tree(tree.levels[place:])

    def walked(turn: int) -> IntArray:
        heat, batch = OUTERMOST[turn]
        moves = OUTERMOST_MOVES * effort.moves_a_cell
        tried = replace(effort, heat=heat, batch=batch, moves_a_cell=moves)
        return filled_inside(outermost, costs, 1, coverage[None], tried, seed + turn, control)

    with ThreadPoolExecutor(control.threads) as pool:
        found = list(pool.map(walked, range(effort.outermost)))
    best = min(found, key=lambda each: tree_cost(outermost, costs, each))
    return filled_inside(tree, costs, place, best, effort, seed, control)


def filled_inside(
    tree: Tree, costs: StageCosts, index: int, widths: IntArray, effort: Effort, seed: int, control: Control
) -> IntArray:
    """Width vectors of the innermost domains, given those of the domains of level `index`."""
    heat = costliest_cell(costs)
    random = np.random.default_rng(seed)
    for place in range(index - 1, -1, -1):
        level, inner = tree.levels[place], Tree(tree.levels[place:])
        seen = costs.looking_ahead(effort.charges.get(level.tier))
        widths = lined_inside(level, widths, seen, random, effort.runs)
        if not level.weight or control.over:
            continue
        if pairs_fit(costs, level):
            turns = turns_for(costs, level, effort.moves_a_cell)
            widths = shared_inside(seen, level, widths, effort.heat * heat, turns, seed + place, control)
            continue
        hot, cold = (each * heat * level.weight for each in (effort.heat, COLD))
        how = Walk(hot, cold, effort.moves_a_cell, batch=effort.batch)
        if len(inner.levels) > 2:
            widths = walked_inside(inner, seen, 1, widths, how, seed + place, control)
        else:
            widths = _walked_alone(inner, seen, widths, how, seed + place, control)
    return widths


def _walked_alone(
    tree: Tree, costs: StageCosts, widths: IntArray, how: Walk, seed: int, control: Control
) -> IntArray:
    """Width vectors after a walk over the whole cluster: a single one, that looks at the clock."""
    state, moves = state_of(tree, costs, widths), how.moves_a_cell * int(widths.sum())
    walk(state, how.hot, how.cold, moves, seed, control, whole=how.whole, near=how.near, batch=how.batch)
    return state.widths[: len(widths)].copy()


def lined_inside(
    level: Level,
    outer: IntArray,
    costs: StageCosts,
    random: np.random.Generator | None = None,
    tried: int = len(RUNS),
) -> IntArray:
    """Cells of each outer domain in line, cut by the rooms of the domains inside, shape (domains, P).

    A line takes the stages that the domain holds in runs, and the cells of one run in equal proportion; each
    outer domain gets the run length that is best for it, of all or of some random ones. Domains inside
    stand in a random order, if any.
    """
    domains, stages = len(level.room), outer.shape[1]
    shuffled = np.arange(domains) if random is None else random.permutation(domains)
    order = shuffled[np.argsort(level.parent[shuffled], kind="stable")].astype(np.int32)
    outside, stage, share = _cells(outer)
    inside = _cut_by_rooms(level, order, outer.sum(axis=1))
    place = np.cumsum(outer > 0, axis=1)[outside, stage] - 1
    best, least = np.zeros((domains, stages), np.int32), np.full(len(outer), np.inf)
    runs = [each for each in RUNS if each <= stages]
    if random is not None and tried < len(runs):
        runs = random.choice(runs, tried, replace=False).tolist()
    # One key, as to sort by several takes several times as long.
    turn, ahead = np.empty(len(stage), np.int64), outside.astype(np.int64) * stages
    turn[np.lexsort((stage, share))] = np.arange(len(stage))
    for run in runs:
        line = np.argsort((ahead + place // run) * len(stage) + turn, kind="stable")
        counts = np.bincount(inside * stages + stage[line], minlength=best.size)
        widths = counts.reshape(best.shape).astype(np.int32)
        cost = np.bincount(level.parent, costs.domain_bytes(widths), minlength=len(outer))
        cheaper = cost < least
        best[cheaper[level.parent]] = widths[cheaper[level.parent]]
        least = np.minimum(least, cost)
    return best


def _cells(widths: IntArray) -> tuple[IntArray, IntArray, FloatArray]:
    """Of every cell, domain by domain, its domain, its stage and where it stands among those, in 0 .. 1."""
    domain, stage = np.nonzero(widths)
    held = widths[domain, stage]
    number = np.arange(held.sum()) - np.repeat(np.cumsum(held) - held, held)
    share = (number + 0.5) / np.repeat(held, held)
    return np.repeat(domain, held).astype(np.int32), np.repeat(stage, held).astype(np.int32), share


def _cut_by_rooms(level: Level, order: IntArray, cells: IntArray) -> IntArray:
    """Domain inside of each cell of the lines, which follow on each other in the order of outer domains."""
    room, parent = level.room[order].astype(np.int64), level.parent[order]
    ends = np.cumsum(room)
    before = ends - room
    first = np.searchsorted(parent, parent)
    taken = np.clip(cells[parent] - (before - before[first]), 0, room)
    return np.repeat(order, taken)


def costs_inside(tree: Tree, costs: StageCosts, index: int, widths: IntArray) -> FloatArray:
    """Weighted bytes of the levels inside each domain of level `index`, shape (domains,)."""
    total = np.zeros(len(tree.levels[index].room))
    for place in range(index):
        level, outer = tree.levels[place], tree.levels[place + 1]
        around = above_each(Tree(tree.levels[place:]), index - place)
        total += level.weight * np.bincount(around, costs.domain_bytes(widths), minlength=len(total))
        widths = summed(widths, level.parent, len(outer.room))
    return total


def cheaper_inside(tree: Tree, costs: StageCosts, index: int, one: IntArray, other: IntArray) -> IntArray:
    """For each domain of level `index`, which hold the same in both, the inside that costs less."""
    better = costs_inside(tree, costs, index, other) < costs_inside(tree, costs, index, one)
    return np.where(better[above_each(tree, index)][:, None], other, one)


def refined(
    tree: Tree, costs: StageCosts, widths: IntArray, effort: Effort, seed: int, control: Control
) -> IntArray:
    """The insides of the domains of every level done again, each taken where it costs less."""
    for index in range(len(tree.levels) - 2, 0, -1):
        if control.over:
            break
        outer = widths
        for level, around in zip(tree.levels[:index], tree.levels[1:], strict=False):
            outer = summed(outer, level.parent, len(around.room))
        other = filled_inside(tree, costs, index, outer, effort, seed + index, control)
        widths = cheaper_inside(tree, costs, index, widths, other)
    return widths


def settled(
    tree: Tree, costs: StageCosts, widths: IntArray, effort: Effort, seed: int, control: Control
) -> IntArray:
    """The width vectors after a cold walk over all tiers, one a worker, where one of these is better."""
    weights = np.asarray([level.weight for level in tree.levels[:-1]])
    heat, moves = SETTLING * costliest_cell(costs), effort.moves_a_cell * int(widths.sum())
    cold = COOLED * heat * weights[weights > 0].min()

    def walked(turn: int) -> IntArray:
        state = state_of(tree, costs, widths)
        walk(state, heat * weights.max(), cold, moves, seed + turn, control, batch=effort.batch)
        return state.widths[: len(widths)].copy()

    with ThreadPoolExecutor(control.threads) as pool:
        found = [widths, *pool.map(walked, range(control.threads))]
    return min(found, key=lambda each: tree_cost(tree, costs, each))
