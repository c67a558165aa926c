"""Whether a workload can fit a cluster at all: its rules, its ranks, its memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.errors import InfeasibleError, InputError, Problem, did_you_mean
from planner.units import format_bytes
from planner.workload.defaults import to_job
from planner.workload.load import described_file
from planner.workload.memory import memory
from planner.workload.remedies import remedies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.topology.cluster import Cluster
    from planner.workload.memory import StageMemory
    from planner.workload.workload import Workload


def check_fit(workload: Workload, cluster: Cluster) -> None:
    """All of `check_rules` and `check_memory`; raises what they raise."""
    check_rules(workload, cluster)
    check_memory(workload, cluster)


def check_rules(workload: Workload, cluster: Cluster) -> None:
    """Whether the cluster has the tiers that `keep` names, domains large enough, and enough GPUs.

    Raises
    ------
    InputError
        W040 for a tier that the cluster does not have.
    InfeasibleError
        W041 where a group is larger than every domain that must hold it, W042 where there are more
        ranks than GPUs in service.
    """
    unknown = list(_unknown_tiers(workload, cluster))
    if unknown:
        raise InputError(*unknown)
    problems = [*_large_groups(workload, cluster), *_missing_gpus(workload, cluster)]
    if problems:
        raise InfeasibleError(*problems)


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


def _large_groups(workload: Workload, cluster: Cluster) -> Iterator[Problem]:
    for axis, tier in workload.keep.items():
        domain = cluster.domain_of_gpu[cluster.tier_index(tier)][cluster.gpu_in_service]
        largest = int(np.bincount(domain).max()) if len(domain) else 0
        size = workload.mesh.degree(axis)
        if size > largest:
            yield Problem(
                "W041",
                f"keep: {axis} groups of {size} ranks within one {tier}, but the largest has {largest} GPUs "
                f"in service: {size - largest} too few",
                workload.keep_positions.get(axis),
                f"{axis} of at most {largest}, or a larger tier",
            )


def _missing_gpus(workload: Workload, cluster: Cluster) -> Iterator[Problem]:
    ranks, gpus = workload.mesh.world_size, int(cluster.gpu_in_service.sum())
    if ranks > gpus:
        yield Problem(
            "W042",
            f"{ranks:,} ranks, but {cluster.name} has {gpus:,} GPUs in service: {ranks - gpus:,} too few",
            expected=f"tp x cp x dp x pp of at most {gpus:,}",
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
    kinds = [cluster.gpu_kinds[kind] for kind in np.unique(cluster.gpu_kind[cluster.gpu_in_service])]
    sizes = {gpu.memory_bytes: gpu.name for gpu in kinds if gpu.memory_bytes is not None}
    if workload.memory_bytes is None or not sizes:
        return
    available, stage = min(sizes), int(np.argmax(workload.memory_bytes))
    needed = workload.memory_bytes[stage]
    if needed <= available:
        return
    file = described_file(workload)
    fix = remedies(file, available)
    raise InfeasibleError.of(
        "W050",
        f"stage {stage} of {workload.name} needs {format_bytes(needed)} a GPU "
        f"({_parts(memory(to_job(file))[stage])}), but {sizes[available]} has {format_bytes(available)}: "
        f"{format_bytes(needed - available)} too few",
        expected=f"stages of at most {format_bytes(available)} a GPU",
        suggestion=next(fix, "several changes together: no single one makes it fit"),
    )


def _parts(stage: StageMemory) -> str:
    names = ("parameters", "gradients", "optimizer", "activations")
    return ", ".join(f"{name} {format_bytes(getattr(stage, name))}" for name in names)
