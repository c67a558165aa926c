"""Exchange whole children between the domains around them, as long as that saves bytes there.

Two children of equal class change places: their own width vectors stay as they are, so only the
domains that enclose one and not the other notice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.solve.reduction.tree import summed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.reduction.tree import Tree
    from planner.solve.setup.control import Control

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

MOST_SWAPS = 400
MOST_KINDS = 700


def swap_children(tree: Tree, index: int, costs: StageCosts, widths: IntArray, control: Control) -> IntArray:
    """Hill climbing by the best swap of two children of level `index`; `widths` has their vectors."""
    level = tree.levels[index]
    above = _enclosing(tree, index)
    for _ in range(MOST_SWAPS):
        # Children with the same class, vector and parent are alike: one of each stands for all.
        signature = np.column_stack((level.kind, above[0], widths))
        alike = np.unique(signature, axis=0, return_index=True)[1].astype(np.int32)
        if len(alike) > MOST_KINDS or control.over:
            break
        gains = _gains(tree, index, costs, widths, above, alike)
        gains[level.kind[alike][:, None] != level.kind[alike][None, :]] = 0.0
        one, other = np.unravel_index(int(gains.argmin()), gains.shape)
        if gains[one, other] >= -1e-9 * abs(gains).max(initial=0.0) or gains[one, other] >= 0:
            break
        swapped = alike[[one, other]]
        widths[swapped] = widths[swapped[::-1]]
    return widths


def _enclosing(tree: Tree, index: int) -> list[IntArray]:
    """Domain around every child at each level outside `index`, the root left out."""
    above = [tree.levels[index].parent]
    for level in tree.levels[index + 1 : -2]:
        above.append(level.parent[above[-1]])
    return above


def _gains(
    tree: Tree, index: int, costs: StageCosts, widths: IntArray, above: list[IntArray], alike: IntArray
) -> FloatArray:
    """Change of weighted bytes for every swap of two of the children, shape (alike, alike)."""
    count = len(alike)
    change = widths[alike][None, :, :] - widths[alike][:, None, :]
    total: FloatArray = np.zeros((count, count))
    for level, domain in zip(tree.levels[index + 1 : -1], above, strict=True):
        held = summed(widths, domain, len(level.room))
        before = costs.domain_bytes(held)
        mine = held[domain[alike]]
        after = costs.domain_bytes((mine[:, None, :] + change).reshape(-1, costs.stages)).reshape(
            count, count
        )
        delta = after - before[domain[alike]][:, None]
        both = delta + delta.T
        both[domain[alike][:, None] == domain[alike][None, :]] = 0.0
        total += level.weight * both
    return total
