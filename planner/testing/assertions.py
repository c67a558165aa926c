"""Plain assertion functions on a placement, for any test runner.

Each returns None where the placement holds what is asserted, and raises
`PlacementAssertionError` with the ranks, groups and domains that break it where it does not.
A name that does not exist (an axis, a tier, a domain) is an `InputError`, never a failed assertion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.errors import InputError, did_you_mean
from planner.placement.groups import groups_along
from planner.placement.placement import Status
from planner.placement.wording import gpu_name, plural, ranges
from planner.testing.axes import as_axes
from planner.testing.failure import SHOWN, PlacementAssertionError
from planner.testing.wording import (
    domain_name,
    group_name,
    rank_name,
    ranks_by_domain,
)
from planner.topology.selectors import select_gpus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.placement.placement import Placement
    from planner.topology.cluster import Cluster


def tier_index(cluster: Cluster, name: str) -> int:
    """Index of the tier called `name`; ``R012`` with a suggestion where there is none."""
    names = [tier.name for tier in cluster.tiers]
    if name not in names:
        raise InputError.of(
            "R012",
            f"unknown tier {name!r} of topology {cluster.name}",
            expected=f"one of {', '.join(names)}",
            suggestion=did_you_mean(name, names),
        )
    return names.index(name)


def assert_within(placement: Placement, *, axis: str | Sequence[str], tier: str) -> None:
    """Every group of `axis` touches one domain of `tier` only.

    Parameters
    ----------
    axis
        An axis of the mesh (``tp cp ep edp dp pp``), or several that vary together: ``tp-pp``
        asserts it of whole replicas.
    tier
        Name of a tier of the topology.
    """
    axes, index = as_axes(axis), tier_index(placement.cluster, tier)
    members = groups_along(placement.workload.mesh, axes).members
    domain = placement.cluster.domain_of_gpu[index][placement.gpu_of_rank[members]]
    split = np.flatnonzero((domain != domain[:, :1]).any(axis=1))
    if split.size:
        raise PlacementAssertionError(
            f"{split.size:,} of {plural(len(members), '-'.join(axes) + ' group')} leave their {tier}",
            [group_name(placement, axes, members[each], index) for each in split[:SHOWN]],
            split.size,
        )


def assert_in_service(placement: Placement) -> None:
    """No rank sits on a GPU that is out of service."""
    broken = np.flatnonzero(~placement.cluster.gpu_in_service[placement.gpu_of_rank])
    _demand_no_rank(placement, broken, "hardware out of service")


def assert_no_rank_on(placement: Placement, selector: str) -> None:
    """No rank sits on the hardware that `selector` names (``u001/r3/*``, ``r1/n02/gpu5``)."""
    chosen = select_gpus(placement.cluster, selector)
    _demand_no_rank(placement, np.flatnonzero(chosen[placement.gpu_of_rank]), selector)


def _demand_no_rank(placement: Placement, ranks: NDArray[np.int64], where: str) -> None:
    if ranks.size:
        raise PlacementAssertionError(
            f"{plural(ranks.size, 'rank')} on {where}, expected none: {ranges(ranks)}",
            [rank_name(placement, int(rank)) for rank in ranks[:SHOWN]],
            ranks.size,
        )


def assert_distinct_gpus(placement: Placement) -> None:
    """No GPU holds two ranks."""
    found, counts = np.unique(placement.gpu_of_rank, return_counts=True)
    shared = found[counts > 1]
    if shared.size:
        raise PlacementAssertionError(
            f"{plural(shared.size, 'GPU')} with more than one rank",
            [
                f"{gpu_name(placement.cluster, int(gpu))} holds ranks "
                f"{ranges(np.flatnonzero(placement.gpu_of_rank == gpu))}"
                for gpu in shared[:SHOWN]
            ],
            shared.size,
        )


def assert_stage_in(placement: Placement, *, stage: int, domain: str) -> None:
    """Every rank of pipeline stage `stage` sits inside the hardware that `domain` selects.

    Raises
    ------
    InputError
        ``R013`` where the workload has no such stage.
    """
    mesh = placement.workload.mesh
    if not 0 <= stage < mesh.pp:
        raise InputError.of(
            "R013", f"no stage {stage}", expected=f"0 to {mesh.pp - 1}, the stages of the workload"
        )
    ranks = np.flatnonzero(mesh.coordinate("pp", np.arange(mesh.world_size)) == stage)
    outside = ranks[~select_gpus(placement.cluster, domain)[placement.gpu_of_rank[ranks]]]
    if outside.size:
        raise PlacementAssertionError(
            f"{outside.size:,} of {plural(ranks.size, 'rank')} of stage {stage} outside {domain}",
            ranks_by_domain(placement, outside, placement.cluster.boundary),
        )


def assert_same_rail(placement: Placement, *, axis: str | Sequence[str]) -> None:
    """The ranks of every group of `axis` use NICs of one rail, so no byte changes rail."""
    axes = as_axes(axis)
    members = groups_along(placement.workload.mesh, axes).members
    rail = placement.cluster.gpu_rail[placement.gpu_of_rank[members]]
    split = np.flatnonzero((rail != rail[:, :1]).any(axis=1))
    if split.size:
        raise PlacementAssertionError(
            f"{split.size:,} of {plural(len(members), '-'.join(axes) + ' group')} use more than one rail",
            [
                f"{group_name(placement, axes, members[each], 0)}; rails {ranges(rail[each])}"
                for each in split[:SHOWN]
            ],
            split.size,
        )


def assert_uses_at_most(placement: Placement, *, tier: str, domains: int) -> None:
    """The ranks sit in at most `domains` domains of `tier`."""
    index = tier_index(placement.cluster, tier)
    of_rank = placement.cluster.domain_of_gpu[index][placement.gpu_of_rank]
    used, counts = np.unique(of_rank, return_counts=True)
    if used.size > domains:
        smallest = used[np.argsort(counts, kind="stable")][: used.size - domains]
        few = np.flatnonzero(np.isin(of_rank, smallest[:SHOWN]))
        raise PlacementAssertionError(
            f"{plural(used.size, tier + ' domain')} used, expected at most {domains:,}; the least used:",
            ranks_by_domain(placement, few, index)[::-1],
            smallest.size,
        )


def assert_spares_at_least(placement: Placement, *, gpus: int, tier: str | None = None) -> None:
    """At least `gpus` in-service GPUs hold no rank: in all, or in every used domain of `tier`."""
    cluster = placement.cluster
    free = cluster.gpu_in_service.copy()
    free[placement.gpu_of_rank] = False
    if tier is not None:
        _demand_spares_in_each(placement, free, gpus, tier_index(cluster, tier))
    elif free.sum() < gpus:
        found = plural(int(free.sum()), "spare GPU")
        raise PlacementAssertionError(f"{found}, expected at least {gpus:,}")


def _demand_spares_in_each(placement: Placement, free: NDArray[np.bool_], gpus: int, tier: int) -> None:
    cluster = placement.cluster
    domain = cluster.domain_of_gpu[tier]
    spares = np.bincount(domain[free], minlength=cluster.tiers[tier].domains)
    of_rank = domain[placement.gpu_of_rank]
    used = np.unique(of_rank)
    short = used[spares[used] < gpus]
    if short.size:
        raise PlacementAssertionError(
            f"{short.size:,} of {plural(used.size, f'used {cluster.tiers[tier].name} domain')} "
            f"with fewer than {gpus:,} spare GPUs",
            [
                f"{domain_name(cluster, tier, int(each))}: {plural(int(spares[each]), 'spare GPU')}, "
                f"ranks {ranges(np.flatnonzero(of_rank == each))}"
                for each in short[:SHOWN]
            ],
            short.size,
        )


def assert_gap_below(placement: Placement, gap: float) -> None:
    """The objective is proven within `gap` of the optimum (0.05: five percent)."""
    claims = placement.claims
    if not claims.gap < gap:
        raise PlacementAssertionError(
            f"gap {claims.gap:.4g}, expected below {gap:.4g}: {claims.objective} is {claims.value:.6g}, "
            f"its lower bound {claims.lower_bound:.6g}",
            _tier_gaps(placement),
        )


def assert_optimal(placement: Placement) -> None:
    """The placement is proven optimal."""
    claims = placement.claims
    if claims.status is not Status.OPTIMAL:
        raise PlacementAssertionError(
            f"status {claims.status}, expected optimal: {claims.objective} is {claims.value:.6g}, "
            f"its lower bound {claims.lower_bound:.6g}, gap {claims.gap:.4g}",
            _tier_gaps(placement),
        )


def _tier_gaps(placement: Placement) -> list[str]:
    return [
        f"{claim.tier}: {claim.crossing_bytes:,.0f} bytes cross, at least {claim.lower_bound_bytes:,.0f} must"
        for claim in placement.claims.tiers
        if claim.crossing_bytes > claim.lower_bound_bytes
    ]
