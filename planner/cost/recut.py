"""The step of a job whose layers are cut otherwise, on the same GPUs and links."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from planner.cost.network import FamilyTime
from planner.workload.payloads import families

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.cost.step import Step
    from planner.workload.family import Family

    FloatArray = NDArray[np.float64]


def recut(step: Step, cut: tuple[int, ...] | None) -> Step:
    """The step with layers cut into chunks of these sizes, or evenly where none are given.

    Groups stay where they are, so that what they move takes as much longer as it is more. Stages without
    such traffic so far get it at the rate of the slowest that has.
    """
    job = replace(step.job, cut=cut)
    before = {family.name: family for family in families(step.job)}
    network = {
        family.name: _scaled(step.network[family.name], before[family.name], family)
        for family in families(job)
        if family.name in step.network
    }
    return replace(step, job=job, network=network)


def _scaled(found: FamilyTime, before: Family, now: Family) -> FamilyTime:
    links = {link: _seconds(seconds, before, now) for link, seconds in found.by_link.items()}
    return FamilyTime(links, found.domains)


def _seconds(seconds: FloatArray, before: Family, now: Family) -> FloatArray:
    """What takes `seconds` with the payloads of `before`, with those of `now`; each of shape (pp,)."""
    if "pp" in now.axes:
        old, new = sum(before.payload_bytes), sum(now.payload_bytes)
        return seconds * (new / old) if old else seconds
    moved = np.array(before.payload_bytes)
    rate = np.divide(seconds, moved, out=np.zeros_like(seconds), where=moved > 0)
    rate[moved == 0] = rate.max(initial=0.0)
    made: FloatArray = rate * np.array(now.payload_bytes)
    return made
