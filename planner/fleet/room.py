"""Which GPUs a job of a placed fleet may use while the others stay where they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.fleet.rules import PinRule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.fleet.placed import PlacedFleet
    from planner.fleet.rules import TierRule
    from planner.placement.placement import Placement
    from planner.topology.cluster import Cluster

    BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Room:
    """Room for single jobs.

    Parameters
    ----------
    placed
        The fleet; its rules hold.
    cluster
        The hardware as it is now.
    """

    placed: PlacedFleet
    cluster: Cluster

    def of(self, job: int, now: Sequence[Placement]) -> BoolArray:
        """GPUs in service that no other job holds and rules allow, shape (gpus,)."""
        room = self.cluster.gpu_in_service.copy()
        for other, placement in enumerate(now):
            if other != job:
                room[placement.gpu_of_rank] = False
        for rule in self.placed.rules:
            if isinstance(rule, PinRule):
                if rule.job == job:
                    room &= rule.gpus
            elif job in rule.jobs:
                room &= self._allowed(rule, job, now)
        return room

    def own(self, job: int, now: Sequence[Placement]) -> BoolArray:
        """GPUs in service that the job holds, shape (gpus,)."""
        own = np.zeros(self.cluster.gpus, np.bool_)
        own[now[job].gpu_of_rank] = True
        return own & self.cluster.gpu_in_service

    def _allowed(self, rule: TierRule, job: int, now: Sequence[Placement]) -> BoolArray:
        """Where a rule on a tier lets a job lie, shape (gpus,)."""
        domain = self.cluster.domain_of_gpu[rule.tier]
        among = [each for each in rule.jobs if each != job] if rule.kind == "apart" else list(rule.jobs)
        touched = np.zeros(self.cluster.tiers[rule.tier].domains, np.bool_)
        for other in among:
            touched[domain[now[other].gpu_of_rank]] = True
        within: BoolArray = touched[domain]
        return within if rule.kind == "together" else ~within
