"""What comes into a job by flows of weights, as families of the job itself.

A domain that needs a shard and has no rank of the sender with it takes in S bytes, whoever else needs it.
Over k such domains that is S (k - 1) and a constant: what a broadcast among the ranks that need the shard
would make cross. So a job with these families is placed for its own objective and what it receives at once.
Where the sender is in the same domains this is too much, so that a placement found in this way is an offer
that has to be compared.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.workload.family import Family, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.fleet.fleet import Fleet
    from planner.fleet.flows import Flow
    from planner.workload.workload import Workload


def with_received(fleet: Fleet, job: int, workload: Workload) -> Workload | None:
    """A job with what it receives as families, a byte at its weight in F; None where nothing comes in."""
    families = [
        family
        for at, flow in enumerate(fleet.flows)
        if flow.kind == "weights" and flow.target == job
        for family in _families(at, flow, workload, _weight(fleet, flow))
    ]
    return replace(workload, families=(*workload.families, *families)) if families else None


def _weight(fleet: Fleet, flow: Flow) -> float:
    """What a byte of a flow weighs against one of the job that receives it."""
    source, target = (fleet.jobs[end].priority for end in (flow.source, flow.target))
    return source / target / flow.every


def _families(at: int, flow: Flow, workload: Workload, weight: float) -> Iterator[Family]:
    """Ranks that hold the same, as far as there are several."""
    mesh = workload.mesh
    dense, expert = [0.0] * mesh.pp, [0.0] * mesh.pp
    for common in flow.common:
        dense[common.target_stage] += weight * common.dense_bytes / mesh.tp
        expert[common.target_stage] += weight * common.expert_bytes / mesh.tp / mesh.ep
    axes = tuple(axis for axis in ("cp", "dp") if mesh.degree(axis) > 1)
    if axes and any(dense):
        yield Family(f"received_{at}", axes, Kind.BROADCAST, tuple(dense))
    if mesh.edp > 1 and any(expert):
        yield Family(f"received_experts_{at}", ("edp",), Kind.BROADCAST, tuple(expert))
