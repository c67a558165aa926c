"""The tree of domains that hold cells, with domains of equal shape joined into classes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.setup.problem import Layout, Problem

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Level:
    """One tier of the tree.

    Parameters
    ----------
    tier
        Index of the tier in the cluster.
    weight
        Cost of a crossing byte.
    room
        Cells that fit each domain, shape (domains,).
    parent
        Enclosing domain at the next level, shape (domains,); all 0 at the level below the root.
    kind
        Class of each domain, shape (domains,): equal classes have equal subtrees.
    """

    tier: int
    weight: float
    room: IntArray
    parent: IntArray
    kind: IntArray


@dataclass(frozen=True, eq=False)
class Tree:
    """Levels, innermost first; the last is the whole cluster, a single domain."""

    levels: tuple[Level, ...]

    @classmethod
    def of(cls, problem: Problem, layout: Layout) -> Tree:
        """Build the tree over the domains of the layout's cell tier, or over its bundles inside them."""
        tiers, last = problem.cluster.tiers, len(problem.cluster.tiers) - 1
        room, kind = layout.room, np.unique(layout.room, return_inverse=True)[1].astype(np.int32)
        steps = [(tier, tiers[tier].parent) for tier in range(layout.cell_tier, last)]
        if layout.bundles is not None:
            steps = [*enumerate(layout.bundles.parents, layout.bundles.cut.tier), *steps]
        # Around bundles are the bundles of the next tier.
        domains = [len(parent) for _, parent in steps[1:]] + [1]
        levels = []
        for (tier, parent), outer in zip(steps, domains, strict=False):
            levels.append(Level(tier, float(problem.weights[tier]), room, parent, kind))
            kind = _classes(kind, parent, outer)
            room = np.bincount(parent, room, minlength=outer).astype(np.int32)
        levels.append(Level(last, float(problem.weights[last]), room, np.zeros(len(room), np.int32), kind))
        return cls(tuple(levels))


def summed(widths: IntArray, parent: IntArray, domains: int) -> IntArray:
    """Width vectors of the enclosing domains, shape (domains, P)."""
    if domains == 1:
        whole: IntArray = widths.sum(axis=0, dtype=np.int32, keepdims=True)
        return whole
    columns = [np.bincount(parent, weights=column, minlength=domains) for column in widths.T]
    return np.stack(columns, axis=1).astype(np.int32)


def above_each(tree: Tree, index: int) -> IntArray:
    """Domain of level `index` around each innermost domain, shape (domains,)."""
    above = np.arange(len(tree.levels[0].room), dtype=np.int32)
    for level in tree.levels[:index]:
        above = level.parent[above]
    return above


def _classes(kind: IntArray, parent: IntArray, domains: int) -> IntArray:
    """Class of each outer domain: which inner classes it holds, and how many of each."""
    members: list[Counter[int]] = [Counter() for _ in range(domains)]
    for one, domain in zip(kind.tolist(), parent.tolist(), strict=True):
        members[domain][one] += 1
    known: dict[tuple[tuple[int, int], ...], int] = {}
    keys = [tuple(sorted(counter.items())) for counter in members]
    return np.asarray([known.setdefault(key, len(known)) for key in keys], np.int32)


def tree_cost(tree: Tree, costs: StageCosts, widths: IntArray) -> float:
    """Weighted bytes of all levels below the root, constants left out; `widths` are the innermost."""
    return cost_from(tree, 0, costs, widths)


def cost_from(tree: Tree, index: int, costs: StageCosts, widths: IntArray) -> float:
    """Weighted bytes of the levels from `index` outwards, constants left out."""
    total = 0.0
    for level, outer in zip(tree.levels[index:-1], tree.levels[index + 1 :], strict=True):
        total += level.weight * float(costs.domain_bytes(widths).sum())
        widths = summed(widths, level.parent, len(outer.room))
    return total
