"""A fleet that is placed, with what is claimed of it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from planner.placement.placement import Status, relative_gap

if TYPE_CHECKING:
    from planner.fleet.flows import Flow
    from planner.fleet.multicast import Spread
    from planner.fleet.rules import PinRule, TierRule
    from planner.placement.placement import Placement
    from planner.topology.cluster import Cluster


@dataclass(frozen=True)
class SizeRange:
    """The sizes with which a job may go on, all in data-parallel replicas.

    Parameters
    ----------
    measured
        What a size is told in: ``dp``, or ``replicas`` as copies of `step_dp`.
    least_dp, most_dp
        The fewest and the most; the same of a job that is not elastic.
    step_dp
        Replicas come and go in as many as this.
    batch
        What another size does to the global batch: it stays, or each replica keeps its share of it.
    """

    measured: Literal["dp", "replicas"]
    least_dp: int
    most_dp: int
    step_dp: int
    batch: Literal["fixed", "per_replica"] = "per_replica"

    @property
    def elastic(self) -> bool:
        """Whether there is more than one size."""
        return self.least_dp < self.most_dp

    def told(self, dp: int) -> str | None:
        """A size as people are told of it; None where it is the only one."""
        if not self.elastic and dp == self.most_dp:
            return None
        return f"{self.measured} {dp // self.step_dp if self.measured == 'replicas' else dp}"


@dataclass(frozen=True, eq=False)
class PlacedJob:
    """One job of a fleet where it is placed.

    Parameters
    ----------
    name, priority
        As the fleet file has them.
    placement
        Where it is placed.
    table_before
        Digest of the rank table with which it ran before the fleet was planned; None for a new job.
    size
        What it got, such as ``dp 64``; None where it could be of one size only.
    sizes
        The sizes that it may have; None where that is not known.
    """

    name: str
    priority: float
    placement: Placement
    table_before: str | None = None
    size: str | None = None
    sizes: SizeRange | None = None

    @property
    def running(self) -> bool:
        """Whether it ran before, and so must be where it was."""
        return self.table_before is not None


def table_digest(placement: Placement) -> str:
    """SHA-256 of the GPU of every rank, each as four bytes, the lowest first."""
    return sha256(placement.gpu_of_rank.astype("<i4").tobytes()).hexdigest()


@dataclass(frozen=True)
class SharedTier:
    """What jobs share at one tier.

    Parameters
    ----------
    tier
        Name of the tier.
    shared_bytes
        What leaves its domains in a step of every job, without that of the job that sends most out of
        each domain (S_t).
    domains
        Domains out of which more than one job sends.
    """

    tier: str
    shared_bytes: float
    domains: int


@dataclass(frozen=True)
class FlowClaim:
    """What is claimed of a flow.

    Parameters
    ----------
    flow
        The flow.
    tier_bytes
        Bytes that cross each tier each time, innermost first; 0 within the node boundary.
    spread
        Of weights how long they take to spread.
    """

    flow: Flow
    tier_bytes: tuple[float, ...]
    spread: Spread | None = None


@dataclass(frozen=True)
class FleetClaims:
    """What is claimed of a placed fleet; the checker recomputes all but the bound.

    Parameters
    ----------
    value_s
        The fleet's objective F.
    lower_bound_s
        No placement of the same jobs at the same sizes that obeys the rules and leaves running jobs
        where they are has a smaller value.
    shared
        What jobs share at each tier, innermost first.
    shared_s
        The part of F that sharing makes up.
    flows
        What is claimed of each flow.
    flows_s
        The part of F that flows make up.
    """

    value_s: float
    lower_bound_s: float
    shared: tuple[SharedTier, ...]
    shared_s: float
    flows: tuple[FlowClaim, ...] = ()
    flows_s: float = 0.0

    @property
    def gap(self) -> float:
        """(value - bound) / bound."""
        return relative_gap(self.value_s, self.lower_bound_s)

    @property
    def status(self) -> Status:
        """``optimal`` where value and bound meet."""
        return Status.OPTIMAL if self.value_s <= self.lower_bound_s else Status.FEASIBLE


@dataclass(frozen=True, eq=False)
class PlacedFleet:
    """All jobs of a fleet where they are placed.

    Parameters
    ----------
    name
        Name of the fleet.
    cluster
        The hardware.
    jobs
        In the order of the fleet file.
    rules
        What must hold between them.
    claims
        What is claimed of them together.
    """

    name: str
    cluster: Cluster
    jobs: tuple[PlacedJob, ...]
    rules: tuple[TierRule | PinRule, ...]
    claims: FleetClaims
