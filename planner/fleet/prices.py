"""What touching and sharing a domain is estimated to cost, before any job is placed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.placement.crossing import crossing_bytes
from planner.workload.mesh import MESH_AXES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from planner.fleet.cut import Cut
    from planner.fleet.flows import Flow
    from planner.fleet.ground import Ground
    from planner.workload.workload import Workload

    FloatArray = NDArray[np.float64]

TIE_BREAK = 1e-6


@dataclass(frozen=True, eq=False)
class Prices:
    """Estimated seconds of uplink time, for each job and tier.

    Parameters
    ----------
    seconds
        What one domain sends out for a job in a step, over the tier's uplinks; by job, each of shape
        (tiers,).
    priority
        Weight of each job.
    ranks
        Ranks of each job.
    fewest
        For each job and tier how many domains hold it at the least.
    flows
        For each flow and tier the seconds that a step pays if all its bytes cross the tier.
    noise
        Makes domains that are alike cost differently, where given.
    """

    seconds: Mapping[int, FloatArray]
    priority: Mapping[int, float]
    ranks: Mapping[int, int]
    fewest: Mapping[int, Sequence[int]]
    flows: Sequence[tuple[Flow, FloatArray]] = ()
    noise: np.random.Generator | None = None

    def shaken(self, rng: np.random.Generator) -> Prices:
        """Prices of which each is off by a factor of up to four either way, for another partition to try."""

        def off(values: FloatArray) -> FloatArray:
            shaken: FloatArray = values * 4.0 ** rng.uniform(-1, 1, len(values))
            return shaken

        return replace(
            self,
            seconds={job: off(values) for job, values in self.seconds.items()},
            flows=[(flow, off(values)) for flow, values in self.flows],
            noise=rng,
        )

    def split(self, tier: int, job: int) -> bool:
        """Whether a job is sure to lie in several domains of a tier."""
        return self.fewest[job][tier] > 1

    def touch(self, tier: int, job: int) -> float:
        """Cost of touching one domain more."""
        return float(self.priority[job] * self.seconds[job][tier])

    def touch_each(self, tier: int, job: int, domains: int) -> Iterator[float]:
        """Cost of touching each of some domains."""
        price = self.touch(tier, job)
        yield from (price * (1.0 + (self.noise.random() if self.noise else 0.0)) for _ in range(domains))

    def share(self, tier: int, job: int) -> float:
        """Cost of sharing a domain with a job that sends more out of it."""
        # What is sent between two halves leaves either domain in equal parts.
        return float(self.seconds[job][tier]) / (1 if self.split(tier, job) else 2)

    def order(self, tier: int) -> list[int]:
        """All jobs, those first that send most out of a domain of the tier."""
        return sorted(self.seconds, key=lambda job: (-self.seconds[job][tier], job))


def estimate(
    ground: Ground,
    workloads: Mapping[int, Workload],
    bytes_of_job: Mapping[int, FloatArray],
    cuts: Mapping[int, Cut],
) -> Prices:
    """Prices from the crossing bytes of each tier that each job moves, or must move at the least.

    A job is taken to send the same out of each of the fewest domains that hold it; and where it fits into
    one, so that nothing need leave it, to send what is sent between its halves.
    """
    last = ground.outermost
    uplinks = ground.cluster.tier_uplink_bytes_per_s
    largest = max((1 / u for u in uplinks if u), default=1.0)
    weights = [1 / uplink if uplink else largest * TIE_BREAK for uplink in uplinks]
    seconds, fewest = {}, {}
    for job, crossing in bytes_of_job.items():
        own, halves = np.zeros(last + 1), bytes_between_halves(workloads[job])
        ranks = workloads[job].mesh.world_size
        fewest[job] = [fewest_domains(ground, job, tier, cuts, ranks) for tier in range(last)]
        for tier, domains in enumerate(fewest[job]):
            own[tier] = (crossing[tier] / domains if crossing[tier] > 0 else halves) * weights[tier]
        seconds[job] = own
    return Prices(
        seconds,
        {job: ground.fleet.jobs[job].priority for job in bytes_of_job},
        {job: workload.mesh.world_size for job, workload in workloads.items()},
        fewest,
        [(flow, flow_seconds(ground, flow, weights)) for flow in ground.fleet.flows],
    )


def flow_seconds(ground: Ground, flow: Flow, weights: Sequence[float]) -> FloatArray:
    """What a step pays at each tier if all bytes of a flow cross it once, shape (tiers,)."""
    factor = ground.fleet.jobs[flow.source].priority * flow.total_bytes / flow.every
    return factor * np.asarray(weights)


def bytes_between_halves(workload: Workload) -> float:
    """Bytes a step between two halves of a job, cut across the axis where they are fewest.

    Replicas are cut where no expert group is, so that none of several copies is halved.
    """
    mesh = workload.mesh
    ranks = np.arange(mesh.world_size)
    found = []
    for axis in MESH_AXES:
        unit = mesh.dp_unit if axis == "dp" else 1
        middle = mesh.degree(axis) // 2 // unit * unit or mesh.degree(axis) // 2
        if middle:
            halves = (mesh.coordinate(axis, ranks) >= middle).astype(np.int32)
            found.append(crossing_bytes(mesh, workload.families, halves))
    return min(found, default=0.0)


def fewest_domains(ground: Ground, job: int, tier: int, cuts: Mapping[int, Cut], ranks: int) -> int:
    """Domains of a tier that hold so many ranks of a job at the least."""
    if job in ground.running_in:
        return int(ground.running_in[job][tier].sum())
    room = np.sort(cuts[job].room[tier])[::-1].cumsum()
    return int(np.searchsorted(room, min(ranks, int(room[-1])))) + 1
