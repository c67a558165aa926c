"""A placement: which GPU holds each rank, and what is claimed of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from planner.placement.stated import Stated
    from planner.topology.cluster import Cluster
    from planner.workload.workload import Workload


class Objective(StrEnum):
    """What a placement is ordered by."""

    WEIGHTED = "weighted"
    CROSS_NODE = "cross_node"
    BOTTLENECK = "bottleneck"


class Status(StrEnum):
    """What is known of a placement's objective."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"


@dataclass(frozen=True)
class TierClaim:
    """Crossing bytes of one tier and their proven lower bound."""

    tier: str
    crossing_bytes: float
    lower_bound_bytes: float


@dataclass(frozen=True)
class Claims:
    """What the solver says of a placement; the checker recomputes all but the bounds.

    Parameters
    ----------
    objective
        Which objective was minimised.
    value
        Its value: seconds of uplink time for ``weighted`` and ``bottleneck``, bytes for
        ``cross_node``.
    lower_bound
        No placement that obeys the hard rules has a smaller value.
    status
        ``optimal`` only where value and bound meet or CP-SAT proved it.
    weighted_s
        J, whatever the objective: the tie-break of the other two.
    tiers
        One entry a tier, innermost first, the outermost (never crossed) included.
    """

    objective: Objective
    value: float
    lower_bound: float
    status: Status
    weighted_s: float
    tiers: tuple[TierClaim, ...]

    @property
    def gap(self) -> float:
        """(value - bound) / bound; 0 where both are 0, infinite where only the bound is."""
        return relative_gap(self.value, self.lower_bound)


def relative_gap(value: float, bound: float) -> float:
    """(value - bound) / bound; 0 where the bound is met, infinite where it is 0 and the value not."""
    if value <= bound:
        return 0.0
    return (value - bound) / bound if bound > 0 else float("inf")


@dataclass(frozen=True, eq=False)
class Placement:
    """The whole mapping.

    Parameters
    ----------
    cluster
        The hardware it was planned on.
    workload
        The job that was planned.
    gpu_of_rank
        GPU of every rank, shape (world_size,).
    claims
        What the solver says of it.
    stated
        Where it was read from a file: what the file states beside. None for a placement made from
        another, since the statements are about that one.
    """

    cluster: Cluster
    workload: Workload
    gpu_of_rank: NDArray[np.int32]
    claims: Claims
    stated: Stated | None = None
