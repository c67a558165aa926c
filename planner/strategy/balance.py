"""Stages of a workload that are to be balanced, settled for a cluster before anything is placed on it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.workload.cut import is_open, pinned
from planner.workload.defaults import to_job
from planner.workload.fit import smallest_memory
from planner.workload.load import build_workload, described_file

if TYPE_CHECKING:
    from planner.topology.cluster import Cluster
    from planner.workload.workload import Workload


def balance(cluster: Cluster, workload: Workload) -> Workload:
    """The workload with the layers of each chunk that make its slowest stage as fast as can be.

    Layers that its file gives for some chunks stay. A workload that leaves nothing to balance comes
    back as it is. Where no cut fits in memory, the one that would be the fastest is taken, and
    `planner.solve` then says which stage does not fit.

    Raises
    ------
    UsageError
        ``U007`` where the speed of the cluster's GPUs is not known.
    """
    if "model" not in workload.description:
        return workload
    file = described_file(workload)
    if not is_open(file.stages):
        return workload
    # Nothing of this is loaded for the many workloads that leave nothing to balance.
    from planner.cost.cut_loads import balanced
    from planner.cost.simulate import slowest_of
    from planner.strategy.measure import step_of
    from planner.strategy.outline import Outline

    outline = Outline.of(cluster)
    slowest_of([outline.gpu])
    step, (limit, _) = step_of(to_job(file), outline), smallest_memory(cluster)
    cut = balanced(step, limit, pinned(file)) or balanced(step, None, pinned(file))
    made = build_workload({**workload.description, "stages": list(cut or ())}, workload.name)
    return replace(made, keep_positions=workload.keep_positions)
