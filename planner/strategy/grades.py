"""GPUs of a cluster by how fast they are, and the links out of the domains around them.

A step waits for its slowest GPU and its slowest link. So a job that needs only some of an irregular
cluster's GPUs is faster without the slowest: the fastest GPUs that are enough for it make up its ground.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.topology.cluster import Cluster
    from planner.topology.presets import Gpu

    BoolArray = NDArray[np.bool_]
    FloatArray = NDArray[np.float64]

# Links whose bandwidth a GPU differs by less count as alike, and there are no more grounds than these.
STEPS, MOST_GROUNDS = 20, 8


def grounds(cluster: Cluster) -> list[BoolArray]:
    """Ever larger sets of GPUs, each of shape (gpus,): the fastest first, at last all that may be used.

    Each adds GPUs that are slower or, as fast themselves, lie behind slower links: those of a domain of
    whatever tier that has less uplink for each of its GPUs than others have.
    """
    usable = cluster.gpu_in_service & ~cluster.gpu_spare
    if not usable.any():
        return [usable]
    speed = np.array([flops(kind) for kind in cluster.gpu_kinds])[cluster.gpu_kind]
    grade = np.stack((speed, link_shares(cluster, usable)), axis=1)
    found = []
    for slowest in np.unique(grade[usable], axis=0)[::-1].tolist():
        better = (grade[:, 0] > slowest[0]) | ((grade[:, 0] == slowest[0]) & (grade[:, 1] >= slowest[1]))
        found.append(usable & better)
    return found[-MOST_GROUNDS:]


def ground(cluster: Cluster, world_size: int) -> Cluster:
    """The cluster with no more in service than the smallest of its `grounds` that has so many GPUs."""
    for usable in grounds(cluster)[:-1]:
        if np.count_nonzero(usable) >= world_size:
            return replace(cluster, gpu_in_service=usable)
    return cluster


def left_out(cluster: Cluster, ground: Cluster) -> list[str]:
    """Selectors of the largest domains, or else GPUs, that are in service but for no job of the ground."""
    gone = cluster.gpu_in_service & ~cluster.gpu_spare & ~ground.gpu_in_service
    found: list[str] = []
    for tier in range(len(cluster.tiers) - 2, -1, -1):
        domain, count = cluster.domain_of_gpu[tier], cluster.tiers[tier].domains
        staying = np.bincount(domain[ground.gpu_in_service], minlength=count)
        whole = np.unique(domain[gone & (staying == 0)[domain]]).tolist()
        found += [cluster.domain_path(tier, each) for each in whole]
        gone = gone & (staying > 0)[domain]
    nodes, local = cluster.gpu_node[gone].tolist(), cluster.gpu_local[gone].tolist()
    return found + [
        f"{cluster.domain_path(0, node)}/gpu{gpu}" for node, gpu in zip(nodes, local, strict=True)
    ]


def flops(gpu: Gpu) -> float:
    """What a model of GPU does in a second in BF16; 0 where nothing is known of it."""
    return gpu.flops("bf16") or 0.0


def link_shares(cluster: Cluster, usable: BoolArray) -> FloatArray:
    """The least that a GPU has of an uplink over what is usual at its tier, shape (gpus,); at most 1."""
    least = np.ones(cluster.gpus)
    for tier in range(cluster.boundary, len(cluster.tiers) - 1):
        each = uplink_of_gpu(cluster, tier, usable)
        if each is not None:
            usual = float(np.median(each[usable]))
            least = np.minimum(least, share(each, usual))
    return least


def share(bytes_per_s: FloatArray, usual: float) -> FloatArray:
    """Bandwidths over the usual one in steps of a twentieth; at most 1, and at least one step."""
    if not usual:
        return np.ones(len(bytes_per_s))
    return np.clip(np.rint(STEPS * bytes_per_s / usual), 1, STEPS) / STEPS


def uplink_of_gpu(cluster: Cluster, tier: int, usable: BoolArray) -> FloatArray | None:
    """Bandwidth out of its domain that each usable GPU has, shape (gpus,); None where traffic is free."""
    uplink = cluster.tiers[tier].uplink_bytes_per_s
    if uplink is None:
        return None
    domain = cluster.domain_of_gpu[tier]
    held = np.bincount(domain[usable], minlength=cluster.tiers[tier].domains)
    each: FloatArray = (uplink / np.maximum(1, held))[domain]
    return each
