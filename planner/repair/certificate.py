"""The lower bound of a repaired placement.

A bound of the placement before holds on where the job is the same and nothing that could hold a rank or
carry a byte was added: with fewer GPUs no placement moves fewer bytes, and summed uplinks that shrink
only raise the seconds that those bytes take. Elsewhere the tiers are bounded anew. Jobs of more than a
thousand ranks are bounded for their largest cells alone, and where rules keep these whole by guessed
prices; the linear relaxation is solved only where these leave much to be proven.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.errors import InternalError
from planner.placement.crossing import measure, objective_bound
from planner.placement.placement import Claims, Objective, Status, TierClaim

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.placement.placement import Placement
    from planner.repair.task import Task
    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.setup.problem import Problem
    from planner.topology.cluster import Cluster

    BoolArray = NDArray[np.bool_]
    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

MET = 1e-9
SMALL_RANKS = 1000
LOOSE = 0.05


def claims_of(before: Placement, task: Task, gpu_of_rank: IntArray) -> Claims:
    """What holds of a repaired placement, with bounds carried over where they still prove something."""
    found = measure(task.cluster, task.workload, gpu_of_rank)
    value = found.value(task.objective)
    carried = bound_before(before, task)
    # Claims of a file are not proven to whoever reads it: what is above a value that is reached is wrong.
    if carried is not None and (
        carried[1] > value * (1 + MET) or (carried[0] > np.array(found.tier_bytes) * (1 + MET)).any()
    ):
        carried = None
    tier_bounds, bound = carried or bound_anew(task, value)
    met = value <= bound * (1 + MET)
    if bound > value * (1 + 1e3 * MET):
        raise InternalError.of("X003", f"a lower bound of {bound} lies above a value of {value}")
    tiers = zip(task.cluster.tiers, found.tier_bytes, tier_bounds.tolist(), strict=True)
    return Claims(
        objective=Objective(task.objective),
        value=value,
        lower_bound=value if met else min(bound, value),
        status=Status.OPTIMAL if met else Status.FEASIBLE,
        weighted_s=found.weighted_s,
        tiers=tuple(TierClaim(tier.name, crossing, min(low, crossing)) for tier, crossing, low in tiers),
    )


def bound_before(placement: Placement, task: Task) -> tuple[FloatArray, float] | None:
    """What the claims of the placement before still prove: bytes of each tier, and the objective.

    None where they prove nothing of the task.
    """
    if placement.workload != task.workload or placement.claims.objective != task.objective:
        return None
    old = placement.cluster
    could = old.gpu_in_service
    if old.gpu_spare.any() and not old.gpu_spare[placement.gpu_of_rank].any():
        could = could & ~old.gpu_spare
    if (task.available & ~could).any() or not _no_more_uplink(old, task.cluster):
        return None
    tiers = np.array([each.lower_bound_bytes for each in placement.claims.tiers])
    return tiers, max(placement.claims.lower_bound, objective_bound(task.cluster, task.objective, tiers))


def _no_more_uplink(old: Cluster, new: Cluster) -> bool:
    """Whether no domain and no tier has more uplink than before."""
    for before, after in zip(old.tiers, new.tiers, strict=True):
        one, other = before.uplink_bytes_per_s, after.uplink_bytes_per_s
        if (one is None) != (other is None) or (
            one is not None and other is not None and (other > one).any()
        ):
            return False
    return True


def bound_anew(task: Task, value: float | None = None) -> tuple[FloatArray, float]:
    """Lower bounds on the bytes of each tier, and on the objective, from the job and the hardware alone.

    Parameters
    ----------
    value
        What a placement reaches. Where the quick bound lies far below, a better one is looked for.
    """
    from planner.solve.setup.problem import Problem

    problem = Problem(task.cluster, task.workload, task.objective, task.available)
    tiers = _tier_bounds(problem, priced=True)
    bound = objective_bound(task.cluster, task.objective, tiers)
    if value is not None and value > bound * (1 + LOOSE) and task.ranks > SMALL_RANKS:
        tiers = np.maximum(tiers, relaxed_bounds(problem))
        bound = objective_bound(task.cluster, task.objective, tiers)
    return tiers, bound


def relaxed_bounds(problem: Problem) -> FloatArray:
    """Lower bounds on the bytes of each tier, shape (tiers,), from the linear relaxation where it is large.

    Nothing limits them by the clock: they are the same on any machine.
    """
    return _tier_bounds(problem, priced=False)


def _tier_bounds(problem: Problem, *, priced: bool) -> FloatArray:
    """Lower bounds on the bytes of each tier, shape (tiers,); of large jobs only where bytes count."""
    cluster = problem.cluster
    tiers = np.zeros(len(cluster.tiers))
    small = problem.workload.mesh.world_size <= SMALL_RANKS
    for tier in range(len(tiers) - 1):
        if small or tier >= cluster.boundary or cluster.tier_uplink_bytes_per_s[tier]:
            tiers[tier] = _bound_of(problem, tier, priced=priced)
    return tiers


def _bound_of(problem: Problem, tier: int, *, priced: bool) -> float:
    """Lower bound on a tier's crossing bytes, the best of several cuts into cells."""
    from planner.solve.bound.whole_replicas import bound_by_rule
    from planner.solve.reduction.reduction import reduce_costs
    from planner.solve.setup.blocks import candidate_blocks
    from planner.solve.setup.problem import whole_by_rule

    small = problem.workload.mesh.world_size <= SMALL_RANKS
    best = 0.0
    for blocks in candidate_blocks(problem.workload.mesh):
        costs = reduce_costs(problem.workload.families, blocks)
        whole = whole_by_rule(problem, blocks, tier)
        if whole is None or small:
            # Loads what large jobs need nothing of.
            from planner.solve.bound.bound import tier_bound

            found = tier_bound(costs, problem.ranks_that_fit[tier], whole)
        else:
            found = _without_rounding(costs, whole, priced=priced)
        best = max(best, found, bound_by_rule(problem, blocks, costs, tier))
        if found > 0 and not small:
            break
    return best


def _without_rounding(costs: StageCosts, whole: IntArray, *, priced: bool) -> float:
    """Bound of one tier whose domains hold `whole` cells each, shape (domains,): relaxed, or by prices."""
    from planner.repair.prices import priced_bound
    from planner.solve.bound.rounding import rounded_up
    from planner.solve.columns.columns import large, relax
    from planner.solve.columns.master import CapacityClass

    capacity, count = np.unique(np.minimum(whole, costs.stages * costs.replicas), return_counts=True)
    classes = [CapacityClass(*each) for each in zip(capacity.tolist(), count.tolist(), strict=True)]
    coverage = np.full(costs.stages, costs.replicas, np.int32)
    if priced and not large(costs, classes, coverage):
        return rounded_up(costs, priced_bound(costs, classes))
    return rounded_up(costs, relax(costs, classes, coverage).bound)
