"""The bound where a rule keeps every pipeline in one domain of some tier.

Each domain of that tier, and of every tier outside it, then holds the same number of cells of every
stage: its width vector is ``(w, .., w)``. What is left to choose is w for each domain, and the least
sum of f over all domains is found exactly, by min-plus convolutions over classes of equal domains.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.bound.rounding import rounded_up
from planner.solve.setup.problem import whole_by_rule

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.setup.blocks import Blocks
    from planner.solve.setup.problem import Problem

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

MOST_REPLICAS = 4000


def bound_by_rule(problem: Problem, blocks: Blocks, costs: StageCosts, tier: int) -> float:
    """Least crossing bytes of `tier` that the rule on pipelines allows; 0 where there is none."""
    room = replicas_that_fit(problem, blocks, tier)
    return 0.0 if room is None else whole_replicas_bound(costs, room)


def replicas_that_fit(problem: Problem, blocks: Blocks, tier: int) -> IntArray | None:
    """Whole replicas of cells that fit each domain of `tier`, shape (domains,).

    None where no rule keeps pipelines in domains of `tier` or of one inside it, or where cells may
    be cut.
    """
    if "pp" not in problem.workload.keep or blocks.stages == 1:
        return None
    ruled = problem.cluster.tier_index(problem.workload.keep["pp"])
    cells = whole_by_rule(problem, blocks, ruled)
    if cells is None and blocks.cell_ranks == 1:
        cells = problem.ranks_that_fit[ruled]
    if tier < ruled or cells is None:
        return None
    replicas = cells // blocks.stages
    for level in range(ruled, tier):
        outer = problem.cluster.tiers[level + 1].domains
        parent = problem.cluster.tiers[level].parent
        replicas = np.bincount(parent, replicas, minlength=outer).astype(np.int32)
    return replicas


def whole_replicas_bound(costs: StageCosts, room: IntArray) -> float:
    """Least crossing bytes of a tier whose domains hold up to `room` whole replicas each, at least 0.

    0 as well where there are too many replicas to look at every sum.
    """
    if costs.replicas > MOST_REPLICAS:
        return 0.0
    widths = np.arange(costs.replicas + 1, dtype=np.int32)
    each = costs.domain_bytes(np.repeat(widths[:, None], costs.stages, axis=1))
    least = np.zeros(1)
    for most, domains in Counter(np.minimum(room, costs.replicas).tolist()).items():
        least = _joined(least, _repeated(each[: most + 1], domains, costs.replicas), costs.replicas)
    return rounded_up(costs, float(least[costs.replicas])) if len(least) > costs.replicas else 0.0


def _repeated(one: FloatArray, times: int, most: int) -> FloatArray:
    """Least cost of every number of replicas, up to `most`, in `times` equal domains."""
    total = np.zeros(1)
    while times:
        if times % 2:
            total = _joined(total, one, most)
        times //= 2
        if times:
            one = _joined(one, one, most)
    return total


def _joined(left: FloatArray, right: FloatArray, most: int) -> FloatArray:
    """Min-plus convolution, up to `most`: entry n is the least ``left[i] + right[n - i]``."""
    if len(left) > len(right):
        left, right = right, left
    joined = np.full(min(len(left) + len(right) - 1, most + 1), np.inf)
    for held, cost in enumerate(left[: len(joined)]):
        part = joined[held : held + len(right)]
        np.minimum(part, right[: len(part)] + cost, out=part)
    return joined
