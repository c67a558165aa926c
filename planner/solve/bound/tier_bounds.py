"""Lower bounds on every tier of a problem, and on the objective that they add up to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.solve.bound.bound import tier_bound
from planner.solve.bound.whole_replicas import bound_by_rule
from planner.solve.columns.pricing import sweeps_compiled
from planner.solve.joint.joint_bound import Apart
from planner.solve.joint.pools import lacks_compiled_code
from planner.solve.reduction.reduction import reduce_costs
from planner.solve.setup.blocks import candidate_blocks
from planner.solve.setup.problem import whole_by_rule
from planner.solve.splits.few_domains import MOST_DOMAINS, splits_compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.solve.setup.control import Control
    from planner.solve.setup.problem import Problem

    FloatArray = NDArray[np.float64]

# A grid of so many cells is cut in further ways; of a larger one the first cut with a bound is enough.
SMALL_CELLS = 2000
FEW_SHARE = 0.5


def tier_bounds(
    problem: Problem, control: Control, *, sharp: bool = True, apart: Apart | None = None
) -> FloatArray:
    """Lower bounds on the crossing bytes of each tier, shape (tiers,); nothing is placed.

    Each tier has its part of the time; nothing crosses the outermost, which holds everything.

    Parameters
    ----------
    sharp
        Whether tiers of few domains may be looked at closely, where there are several.
    apart
        Takes note of what tiers use by themselves.
    """
    found, apart = np.zeros(len(problem.cluster.tiers)), apart or Apart()
    tiers = len(found) - 1
    domains = [len(tier.names) for tier in problem.cluster.tiers[:-1]]
    # A single one has constructions that look as closely.
    sharp = sharp and sum(each > 1 for each in domains) > 1
    if sharp:
        # Not in the time of the first tier.
        _load(problem, control, apart)
    # Tiers of many domains take moments. Those of few take what there is, the fewer the less.
    order = sorted(range(tiers), key=lambda tier: domains[tier] if domains[tier] <= MOST_DOMAINS else 0)
    for place, tier in enumerate(order):
        share = 1 / (tiers - place)
        with control.step(max(share, FEW_SHARE) if domains[tier] <= MOST_DOMAINS else share):
            found[tier] = _bound_of(problem, tier, control, sharp, apart)
    return found


def _load(problem: Problem, control: Control, apart: Apart) -> None:
    """Have the inner loops that bounds will need compiled."""
    domains = [len(tier.names) for tier in problem.cluster.tiers[:-1]]
    if min(domains) <= MOST_DOMAINS:
        splits_compiled(control)
    blocks = next(iter(candidate_blocks(problem.workload.mesh)))
    costs = reduce_costs(problem.workload.families, blocks)
    rooms = [int(ranks.max()) // costs.cell_ranks for ranks in problem.ranks_that_fit[:-1]]
    if any(lacks_compiled_code(costs, room) for room in rooms):
        apart.compiled = sweeps_compiled(control)


def _bound_of(problem: Problem, tier: int, control: Control, sharp: bool, apart: Apart) -> float:
    """Lower bound on a tier's crossing bytes, the best of several cuts into cells."""
    best = 0.0
    for blocks in candidate_blocks(problem.workload.mesh):
        costs = reduce_costs(problem.workload.families, blocks)
        whole = whole_by_rule(problem, blocks, tier)
        found = tier_bound(costs, problem.ranks_that_fit[tier], whole, control, sharp=sharp, apart=apart)
        best = max(best, found, bound_by_rule(problem, blocks, costs, tier))
        if control.over or (found > 0 and blocks.stages * blocks.replicas > SMALL_CELLS):
            break
    return best
