"""Whether a workload goes with a cluster: the tiers that its rules name, and its memory."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from planner.errors import InfeasibleError, InputError, Problem, did_you_mean
from planner.units import format_bytes
from planner.workload.cut import is_open
from planner.workload.defaults import to_job
from planner.workload.load import described_file
from planner.workload.memory import layer_activations, memory, microbatches_in_flight, stage_memory
from planner.workload.remedies import remedies
from planner.workload.stages import stage_parameters, stages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.topology.cluster import Cluster
    from planner.workload.job import Job
    from planner.workload.workload import Workload


def check_fit(workload: Workload, cluster: Cluster) -> None:
    """All of `check_cut`, `check_rules` and `check_memory`; raises what they raise."""
    check_cut(workload)
    check_rules(workload, cluster)
    check_memory(workload, cluster)


def check_cut(workload: Workload) -> None:
    """Whether it is settled which layers each stage holds.

    Raises
    ------
    InputError
        W028 where they are still to be balanced.
    """
    if "model" in workload.description and is_open(described_file(workload).stages):
        raise InputError.of(
            "W028",
            f"the stages of {workload.name} are still to be balanced, which takes a cluster",
            expected="the layers of each chunk",
            suggestion="workload = planner.balance(cluster, workload)",
        )


def check_rules(workload: Workload, cluster: Cluster) -> None:
    """Whether the cluster has the tiers that `keep` names.

    Raises
    ------
    InputError
        W040 for each tier that it does not have.
    """
    unknown = list(_unknown_tiers(workload, cluster))
    if unknown:
        raise InputError(*unknown)


def _unknown_tiers(workload: Workload, cluster: Cluster) -> Iterator[Problem]:
    names = [tier.name for tier in cluster.tiers]
    for axis, tier in workload.keep.items():
        if tier not in names:
            yield Problem(
                "W040",
                f"keep: {axis} names the tier {tier!r}, which {cluster.name} does not have",
                workload.keep_positions.get(axis),
                f"one of {', '.join(names)}",
                did_you_mean(tier, names),
            )


def check_memory(workload: Workload, cluster: Cluster) -> None:
    """Whether every stage fits the smallest GPU in service.

    There is nothing to check without a model, or where no GPU's memory is known.

    Raises
    ------
    InfeasibleError
        W050 with the fullest stage, what it needs and has, and the first single change found that
        makes all stages fit.
    """
    available, gpu = smallest_memory(cluster)
    if workload.memory_bytes is None or available is None:
        return
    stage = int(np.argmax(workload.memory_bytes))
    needed = workload.memory_bytes[stage]
    if needed <= available:
        return
    parts, fix = _breakdown(workload, stage, available)
    raise InfeasibleError.of(
        "W050",
        f"stage {stage} of {workload.name} needs {format_bytes(needed)} a GPU{parts}, but "
        f"{gpu} has {format_bytes(available)}: {format_bytes(needed - available)} too few",
        expected=f"stages of at most {format_bytes(available)} a GPU",
        suggestion=fix,
    )


def smallest_memory(cluster: Cluster) -> tuple[float | None, str]:
    """Bytes of the smallest GPU in service, and which it is; None where no GPU's memory is known."""
    kinds = [cluster.gpu_kinds[kind] for kind in np.unique(cluster.gpu_kind[cluster.gpu_in_service])]
    sizes = {gpu.memory_bytes: gpu.name for gpu in kinds if gpu.memory_bytes is not None}
    return (min(sizes), sizes[min(sizes)]) if sizes else (None, "")


def _breakdown(workload: Workload, stage: int, available_bytes: float) -> tuple[str, str | None]:
    """What the stage's memory is for, and what would help, where the workload says what it is made of."""
    if "model" not in workload.description:
        return "", None
    file = described_file(workload)
    job = to_job(file)
    needs = memory(job)[stage]
    names = ("parameters", "gradients", "optimizer", "activations")
    parts = ", ".join(f"{name} {format_bytes(getattr(needs, name))}" for name in names)
    fix = next(remedies(file, available_bytes), "several changes together: no single one makes it fit")
    fitting = "" if job.cut is None else _layers_that_fit(job, stage, available_bytes)
    return f" ({parts})", f"{fitting}{fix}"


def _layers_that_fit(job: Job, stage: int, available_bytes: float) -> str:
    """How many of its layers a stage could hold."""
    held, kept = stages(job)[stage], layer_activations(job)
    for count in range(len(held.layers) - 1, 0, -1):
        fewer = replace(held, layers=held.layers[:count])
        flight = microbatches_in_flight(job, stage)
        needs = stage_memory(job, fewer, stage_parameters(job, fewer), flight, kept)
        if needs.total <= available_bytes:
            return f"at most {count} of the {len(held.layers)} layers of stage {stage}, or "
    return ""
