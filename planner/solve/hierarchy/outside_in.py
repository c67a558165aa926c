"""From the outermost tier inwards: first each as if it were alone, then with the tiers further in in view.

What a width will cost further in is what `planner.solve.joint.joint` charges for it. Domains inside are
covered one by one where few of them differ; many are filled in line, and a walk that moves cells between
neighbours alone puts them right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.solve.hierarchy.hierarchy import cover_level, cut_level
from planner.solve.joint.joint_bound import look_ahead
from planner.solve.reduction.tree import tree_cost
from planner.solve.walks.anneal import costliest_cell, state_of, walk
from planner.solve.walks.loops import walks_compiled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.reduction.tree import Tree
    from planner.solve.setup.control import Control

    IntArray = NDArray[np.int32]

ALONE_SHARE, AHEAD_SHARE = 0.6, 0.4
DIVING_ALONE = 0.0
MOST_CUTS = 60
MOVES_A_CELL = 2_000
HOT, COLD = 0.3, 0.01


def outside_in(tree: Tree, costs: StageCosts, control: Control) -> Iterator[IntArray]:
    """Width vectors of the innermost domains, shape (domains, P), without looking ahead, then with it."""
    with control.step(ALONE_SHARE):
        alone = _cut(tree, costs, [costs] * len(tree.levels), control)
    yield alone
    if control.over:
        return
    with control.step(AHEAD_SHARE):
        levels, ahead = look_ahead(tree, costs, control)
    tables = {level.tier: table for level, table in zip(levels, ahead, strict=True)}
    yield _cut(tree, costs, [costs.looking_ahead(tables.get(level.tier)) for level in tree.levels], control)


def _cut(tree: Tree, costs: StageCosts, views: Sequence[StageCosts], control: Control) -> IntArray:
    """Cut tier by tier inwards, each by the costs of its view."""
    outermost = len(tree.levels) - 2
    widths, _ = cover_level(tree, outermost, views[outermost], control, DIVING_ALONE)
    in_line = False
    for place in range(outermost, 0, -1):
        outer = np.column_stack((tree.levels[place].kind, widths))
        in_line = len(np.unique(outer, axis=0)) > MOST_CUTS
        widths = cut_level(tree, place, widths, views[place - 1], control, in_line=in_line)
    return _put_right(tree, costs, widths, control) if in_line else widths


def _put_right(tree: Tree, costs: StageCosts, widths: IntArray, control: Control) -> IntArray:
    """The widths after a walk between innermost domains beside each other, where that is better."""
    state = state_of(tree, costs, widths)
    heat = tree.levels[0].weight * costliest_cell(costs)
    moves = MOVES_A_CELL * costs.stages * costs.replicas
    if not walks_compiled(control):
        return widths
    walk(state, HOT * heat, COLD * heat, moves, control.seed, control, whole=0.0, near=1.0)
    found = state.widths[: len(widths)].copy()
    return min(widths, found, key=lambda each: tree_cost(tree, costs, each))
