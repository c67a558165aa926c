"""Assertions on the bytes that a placement moves, recomputed from its rank table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.placement.check import check
from planner.placement.crossing import crossing_of_family, measure
from planner.placement.groups import group_index
from planner.testing.assertions import tier_index
from planner.testing.failure import SHOWN, PlacementAssertionError
from planner.testing.wording import group_name
from planner.units import format_bytes, parse_bytes

if TYPE_CHECKING:
    from planner.placement.placement import Placement
    from planner.workload.family import Family


def assert_crossing_at_most(placement: Placement, *, tier: str, limit: float | str) -> None:
    """At most `limit` bytes leave the domains of `tier` in one step, all families together.

    Parameters
    ----------
    limit
        Bytes, or a quantity such as ``1.5 GB``.
    """
    index, allowed = tier_index(placement.cluster, tier), parse_bytes(limit)
    traffic = measure(placement.cluster, placement.workload, placement.gpu_of_rank)
    crossing = traffic.tier_bytes[index]
    if crossing > allowed:
        by_family = {name: each[index] for name, each in traffic.by_family.items()}
        worst = sorted((name for name in by_family if by_family[name] > 0), key=lambda name: -by_family[name])
        parts = ", ".join(f"{name} {format_bytes(by_family[name])}" for name in worst)
        families = {family.name: family for family in placement.workload.families}
        raise PlacementAssertionError(
            f"{format_bytes(crossing)} ({crossing:.0f} bytes) cross tier {tier}, expected at most "
            f"{format_bytes(allowed)} ({allowed:.0f} bytes): {parts}",
            [_worst_group(placement, families[name], index) for name in worst[:SHOWN]],
        )


def _worst_group(placement: Placement, family: Family, tier: int) -> str:
    """The group of a family that moves most bytes over `tier`."""
    mesh = placement.workload.mesh
    domain = placement.cluster.domain_of_gpu[tier][placement.gpu_of_rank]
    worst = int(crossing_of_family(mesh, family, domain).argmax())
    members = group_index(mesh, family).members[worst]
    return f"{family.name}: {group_name(placement, family.axes, members, tier)}"


def assert_checked(placement: Placement) -> None:
    """The independent checker finds that every claim of the placement holds."""
    report = check(placement)
    if not report.ok:
        raise PlacementAssertionError(
            f"{len(report.findings)} claims do not hold", [str(finding) for finding in report.findings]
        )
