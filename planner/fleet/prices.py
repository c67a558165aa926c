"""What touching and sharing a domain is estimated to cost, before any job is placed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from planner.fleet.cut import Cut
    from planner.fleet.ground import Ground

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
    """

    seconds: Mapping[int, FloatArray]
    priority: Mapping[int, float]

    def touch(self, tier: int, job: int) -> float:
        """Cost of touching one domain more."""
        return float(self.priority[job] * self.seconds[job][tier])

    def share(self, tier: int, job: int) -> float:
        """Cost of sharing a domain with a job that sends more out of it."""
        return float(self.seconds[job][tier])

    def order(self, tier: int) -> list[int]:
        """All jobs, those first that send most out of a domain of the tier."""
        return sorted(self.seconds, key=lambda job: (-self.seconds[job][tier], job))


def estimate(ground: Ground, bytes_of_job: Mapping[int, FloatArray], cuts: Mapping[int, Cut]) -> Prices:
    """Prices from the crossing bytes of each tier that each job moves, or must move at the least.

    A job is taken to send the same out of each of the fewest domains that hold it. Where it fits into
    one, and nothing need leave it, to split it is taken to cost what splitting the domains inside costs.
    """
    last = len(ground.cluster.tiers) - 1
    uplinks = ground.cluster.tier_uplink_bytes_per_s
    largest = max((1 / u for u in uplinks if u), default=1.0)
    seconds = {}
    for job, crossing in bytes_of_job.items():
        own, each = np.zeros(last + 1), 0.0
        for tier in range(last):
            if crossing[tier] > 0:
                each = float(crossing[tier]) / fewest_domains(ground, job, tier, cuts)
            uplink = uplinks[tier]
            own[tier] = each * (1 / uplink if uplink else largest * TIE_BREAK)
        seconds[job] = own
    return Prices(seconds, {job: ground.fleet.jobs[job].priority for job in bytes_of_job})


def fewest_domains(ground: Ground, job: int, tier: int, cuts: Mapping[int, Cut]) -> int:
    """Domains of a tier that hold a job at the least."""
    if job in ground.running_in:
        return int(ground.running_in[job][tier].sum())
    sizes = ground.fleet.jobs[job].sizes
    room = np.sort(cuts[job].room[tier])[::-1].cumsum()
    return int(np.searchsorted(room, min(sizes.ranks(sizes.values[0]), int(room[-1])))) + 1
