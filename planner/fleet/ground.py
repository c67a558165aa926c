"""The ground that a fleet is planned on: free GPUs, how jobs are cut, what runs already."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from planner.fleet.cut import Cut, cuts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.fleet.fleet import Fleet
    from planner.topology.cluster import Cluster

    BoolArray = NDArray[np.bool_]
    IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Ground:
    """A fleet on a cluster.

    Parameters
    ----------
    cluster, fleet
        The hardware and the jobs.
    """

    cluster: Cluster
    fleet: Fleet

    @cached_property
    def free(self) -> BoolArray:
        """GPUs that a new job may use: in service, no spare, held by no job that runs; shape (gpus,)."""
        free = self.cluster.gpu_in_service & ~self.cluster.gpu_spare
        for job in self.fleet.jobs:
            if job.running is not None:
                free[job.running.gpu_of_rank] = False
        return free

    @cached_property
    def free_in(self) -> list[IntArray]:
        """For each tier how many free GPUs each domain has, each of shape (domains,)."""
        return [
            np.bincount(domain[self.free], minlength=tier.domains).astype(np.int64)
            for tier, domain in zip(self.cluster.tiers, self.cluster.domain_of_gpu, strict=True)
        ]

    def usable(self, job: int, *, pinned: bool = True) -> BoolArray:
        """Free GPUs that `job` may use, those it is pinned to where it is; shape (gpus,)."""
        gpus = self.free.copy()
        for pin in self.fleet.pins if pinned else ():
            if pin.job == job:
                gpus &= pin.gpus
        return gpus

    @cached_property
    def cuts(self) -> dict[int, list[Cut]]:
        """For each new job its cuts, those of the largest cells first; none where it does not fit alone."""
        found = {}
        for index in self.fleet.new_jobs:
            sizes = self.fleet.jobs[index].sizes
            found[index] = cuts_of(self.cluster, sizes.workload(sizes.values[0]), self.usable(index))
        return found

    @cached_property
    def innermost(self) -> int:
        """The innermost tier that a partition looks at: the node boundary, or one that a rule names."""
        tiers = [rule.tier for rule in self.fleet.tier_rules]
        return min([self.cluster.boundary, *tiers])

    @property
    def outermost(self) -> int:
        """The tier that is the whole cluster."""
        return len(self.cluster.tiers) - 1

    def around(self, tier: int, outer: int) -> IntArray:
        """For each domain of a tier the one of a tier further out that holds it, shape (domains,)."""
        held: IntArray = np.arange(self.cluster.tiers[tier].domains)
        for level in range(tier, outer):
            held = self.cluster.tiers[level].parent[held].astype(np.int64)
        return held

    @cached_property
    def running_in(self) -> dict[int, list[BoolArray]]:
        """For each job that runs and each tier the domains that it touches."""
        return {
            index: self.touched(job.running.gpu_of_rank)
            for index, job in enumerate(self.fleet.jobs)
            if job.running is not None
        }

    def held_by_running(self, job: int, tier: int, domain: int) -> int:
        """How many GPUs of a domain a job that runs holds."""
        running = self.fleet.jobs[job].running
        if running is None:
            return 0
        return int((self.cluster.domain_of_gpu[tier][running.gpu_of_rank] == domain).sum())

    def touched(self, gpu_of_rank: Sequence[int] | NDArray[np.int32]) -> list[BoolArray]:
        """For each tier which domains hold one of these GPUs, each of shape (domains,)."""
        domains = []
        for tier, domain in zip(self.cluster.tiers, self.cluster.domain_of_gpu, strict=True):
            held = np.zeros(tier.domains, np.bool_)
            held[domain[np.asarray(gpu_of_rank)]] = True
            domains.append(held)
        return domains
