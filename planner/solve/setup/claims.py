"""What a run says of the placement it ends with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import InternalError
from planner.placement.placement import Claims, Status, TierClaim

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from planner.placement.crossing import Measure
    from planner.solve.setup.problem import Problem

    FloatArray = NDArray[np.float64]

# Value and bound are the same where they differ by less than this share.
MET = 1e-9


def claimed(
    problem: Problem, best: Measure, bound: float, tier_bounds: FloatArray, *, optimal: bool
) -> Claims:
    """The claims of a measured placement, no bound of which is above what it bounds.

    Parameters
    ----------
    bound
        Lower bound on the objective.
    tier_bounds
        Lower bounds on the crossing bytes of every tier, shape (tiers,).
    optimal
        Whether the value is proven to be the least.

    Raises
    ------
    InternalError
        A bound lies above a value that was reached.
    """
    value = best.value(problem.objective)
    names = [tier.name for tier in problem.cluster.tiers]
    tiers = zip(names, best.tier_bytes, tier_bounds.tolist(), strict=True)
    return Claims(
        objective=problem.objective,
        value=value,
        lower_bound=value if optimal else _below(bound, value),
        status=Status.OPTIMAL if optimal else Status.FEASIBLE,
        weighted_s=best.weighted_s,
        tiers=tuple(TierClaim(name, crossing, _below(low, crossing)) for name, crossing, low in tiers),
    )


def _below(bound: float, value: float) -> float:
    """The bound, at most the value; raises InternalError where it lies above by more than rounding."""
    if bound > value * (1 + MET):
        raise InternalError.of(
            "X003", f"a lower bound of {bound} lies above a value of {value} that was reached"
        )
    return min(bound, value)
