"""Names of ranks, groups and domains as failure messages show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.placement.wording import coordinates_name, gpu_name, plural, ranges, shown
from planner.testing.axes import fixed_axes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from planner.placement.placement import Placement
    from planner.topology.cluster import Cluster

COORDINATES = ("tp", "cp", "ep", "pp", "dp")


def rank_name(placement: Placement, rank: int) -> str:
    """A rank with its coordinates and place: ``rank 12 (tp=4 pp=1) on r01/n02/gpu4``."""
    coordinates = coordinates_name(placement.workload.mesh, rank, COORDINATES)
    gpu = int(placement.gpu_of_rank[rank])
    bracket = f" ({coordinates})" if coordinates else ""
    return f"rank {rank}{bracket} on {gpu_name(placement.cluster, gpu)}"


def domain_name(cluster: Cluster, tier: int, domain: int) -> str:
    """A domain with its tier: ``rack u001/r3``."""
    return f"{cluster.tiers[tier].name} {cluster.domain_path(tier, domain)}"


def group_name(placement: Placement, axes: Sequence[str], ranks: ArrayLike, tier: int) -> str:
    """A group with its coordinates, and which of its ranks each domain of `tier` holds."""
    members = np.asarray(ranks, np.int64)
    mesh, cluster = placement.workload.mesh, placement.cluster
    domain = cluster.domain_of_gpu[tier][placement.gpu_of_rank[members]]
    held = [
        f"ranks {ranges(members[domain == each])} in {domain_name(cluster, tier, int(each))}"
        for each in np.unique(domain)
    ]
    place = coordinates_name(mesh, int(members[0]), fixed_axes(axes))
    return f"{'-'.join(axes)} group{' ' + place if place else ''}: {shown(held)}"


def ranks_by_domain(placement: Placement, ranks: ArrayLike, tier: int) -> list[str]:
    """One text a domain of `tier` that holds some of `ranks`, the fullest domain first."""
    members = np.asarray(ranks, np.int64)
    cluster = placement.cluster
    domain = cluster.domain_of_gpu[tier][placement.gpu_of_rank[members]]
    found, counts = np.unique(domain, return_counts=True)
    return [
        f"{domain_name(cluster, tier, int(each))} holds {plural(int(count), 'rank')}: "
        f"{ranges(members[domain == each])}"
        for each, count in sorted(zip(found, counts, strict=True), key=lambda pair: -pair[1])
    ]
