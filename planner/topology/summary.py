"""What there is of a cluster, tier by tier: counts, bandwidth, oversubscription, health."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.topology.cluster import BoolArray, Cluster, FloatArray


@dataclass(frozen=True)
class TierSummary:
    """One tier.

    Parameters
    ----------
    name
        Name of the tier.
    domains, in_service
        All domains, and those with at least one GPU in service.
    capacities
        How many domains hold each number of GPUs in service, largest number first.
    uplink_bytes_per_s
        Summed over the domains in service; None where traffic out of them is free.
    scale_up_bytes_per_s
        Per GPU and direction, where a domain is one scale-up domain.
    oversubscription
        What the domains of the nearest tier beneath with an uplink could send, over what these can
        send on; None for a tier without an uplink, and for the innermost with one.
    degraded
        Domains in service whose uplink is below what they would have with everything working: at
        the node boundary the NICs of the nodes in service, elsewhere the largest of the tier.
    """

    name: str
    domains: int
    in_service: int
    capacities: Mapping[int, int]
    uplink_bytes_per_s: float | None
    scale_up_bytes_per_s: float | None
    oversubscription: float | None
    degraded: int


@dataclass(frozen=True)
class Summary:
    """A whole cluster; `tiers` innermost first."""

    name: str
    gpus: int
    gpus_in_service: int
    gpus_spare: int
    gpu_kinds: Mapping[str, int]
    nodes: int
    nodes_in_service: int
    nics: int
    nics_in_service: int
    boundary: str
    tiers: tuple[TierSummary, ...]


def summarize(cluster: Cluster) -> Summary:
    """Facts of `cluster` for people; spares are counted where they are in service."""
    nodes_in_service = np.unique(cluster.gpu_node[cluster.gpu_in_service]).size
    kinds = np.bincount(cluster.gpu_kind, minlength=len(cluster.gpu_kinds))
    return Summary(
        name=cluster.name,
        gpus=cluster.gpus,
        gpus_in_service=int(cluster.gpu_in_service.sum()),
        gpus_spare=int((cluster.gpu_spare & cluster.gpu_in_service).sum()),
        gpu_kinds={gpu.name: int(count) for gpu, count in zip(cluster.gpu_kinds, kinds, strict=True)},
        nodes=cluster.nodes,
        nodes_in_service=nodes_in_service,
        nics=len(cluster.nic_node),
        nics_in_service=int(cluster.nic_in_service.sum()),
        boundary=cluster.tiers[cluster.boundary].name,
        tiers=tuple(_tier(cluster, index) for index in range(len(cluster.tiers))),
    )


def _tier(cluster: Cluster, index: int) -> TierSummary:
    tier = cluster.tiers[index]
    held = np.bincount(cluster.domain_of_gpu[index][cluster.gpu_in_service], minlength=tier.domains)
    sizes, counts = np.unique(held, return_counts=True)
    return TierSummary(
        name=tier.name,
        domains=tier.domains,
        in_service=int((held > 0).sum()),
        capacities={int(size): int(count) for size, count in zip(sizes[::-1], counts[::-1], strict=True)},
        uplink_bytes_per_s=cluster.tier_uplink_bytes_per_s[index],
        scale_up_bytes_per_s=tier.scale_up_bytes_per_s,
        oversubscription=_oversubscription(cluster, index),
        degraded=_degraded(cluster, index, held > 0),
    )


def _oversubscription(cluster: Cluster, index: int) -> float | None:
    """Uplinks of the nearest tier beneath that has them, over those of this one."""
    own = cluster.tier_uplink_bytes_per_s[index]
    beneath = [uplink for uplink in cluster.tier_uplink_bytes_per_s[:index] if uplink is not None]
    return beneath[-1] / own if own and beneath else None


def _degraded(cluster: Cluster, index: int, in_service: BoolArray) -> int:
    uplink = cluster.tiers[index].uplink_bytes_per_s
    if uplink is None or not in_service.any():
        return 0
    whole = np.full(len(uplink), uplink[in_service].max())
    if index == cluster.boundary and len(cluster.nic_node):
        whole = np.minimum(whole, _nics_beneath(cluster, index))
    return int((uplink < whole * (1 - 1e-9))[in_service].sum())


def _nics_beneath(cluster: Cluster, index: int) -> FloatArray:
    """Bandwidth of all NICs, those out of service too, of the nodes in service of each domain."""
    live = np.zeros(cluster.nodes, np.bool_)
    live[cluster.gpu_node[cluster.gpu_in_service]] = True
    domain = cluster.nic_node
    for tier in cluster.tiers[:index]:
        domain = tier.parent[domain]
    weights = cluster.nic_bytes_per_s * live[cluster.nic_node]
    return np.bincount(domain, weights=weights, minlength=cluster.tiers[index].domains).astype(np.float64)
