"""Which groups cross which tier, the worst first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Group
from rich.text import Text

from planner.placement.crossing import crossing_of_family, tier_domains
from planner.placement.groups import group_index
from planner.report.style import table
from planner.report.wording import group_name, plural, ranges
from planner.topology.names import compress
from planner.units import format_bytes, format_count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from rich.console import RenderableType

    from planner.placement.placement import Placement
    from planner.workload.family import Family

MOST_DOMAINS = 6
WIDEST_NAMES = 30


@dataclass(frozen=True)
class GroupCrossing:
    """One group that crosses a tier.

    Parameters
    ----------
    family, name
        Its family, and what its ranks have in common.
    crossing_bytes
        Bytes a step.
    ranks
        Its ranks in axis order.
    domains
        Paths of the domains it touches, the first few.
    touches
        How many domains it touches.
    """

    family: str
    name: str
    crossing_bytes: float
    ranks: tuple[int, ...]
    domains: tuple[str, ...]
    touches: int


@dataclass(frozen=True)
class TierGroups:
    """The groups that cross one tier.

    Parameters
    ----------
    tier
        Its name.
    groups
        The worst, by bytes, most first.
    crossing, total
        How many groups cross it, out of how many.
    """

    tier: str
    groups: tuple[GroupCrossing, ...]
    crossing: int
    total: int

    def document(self) -> dict[str, object]:
        """The same as plain data."""
        return {
            "tier": self.tier,
            "groups_crossing": self.crossing,
            "groups_total": self.total,
            "worst": [
                {
                    "family": group.family,
                    "group": group.name,
                    "crossing_bytes": group.crossing_bytes,
                    "ranks": list(group.ranks),
                    "domains_touched": group.touches,
                    "first_domains": list(group.domains),
                }
                for group in self.groups
            ],
        }


def worst_groups(placement: Placement, tier: int, limit: int) -> TierGroups:
    """The `limit` groups of any family that cross `tier` with most bytes."""
    mesh = placement.workload.mesh
    domain = tier_domains(placement.cluster, placement.gpu_of_rank)[tier]
    families = placement.workload.families
    sizes = [crossing_of_family(mesh, family, domain) for family in families]
    found = [
        _crossing(placement, family, tier, domain, int(group), float(size[group]))
        for family, size in zip(families, sizes, strict=True)
        for group in _largest(size, limit)
    ]
    found.sort(key=lambda group: -group.crossing_bytes)
    return TierGroups(
        placement.cluster.tiers[tier].name,
        tuple(found[:limit]),
        sum(int(np.count_nonzero(size)) for size in sizes),
        sum(len(size) for size in sizes),
    )


def _largest(sizes: NDArray[np.float64], limit: int) -> NDArray[np.intp]:
    """Indices of the largest sizes above 0, largest first, ties in their order."""
    order = np.argsort(-sizes, kind="stable")[:limit]
    return order[sizes[order] > 0]


def _crossing(
    placement: Placement, family: Family, tier: int, domain: NDArray[np.int32], group: int, size: float
) -> GroupCrossing:
    ranks = group_index(placement.workload.mesh, family).members[group]
    touched = np.unique(domain[ranks])
    return GroupCrossing(
        family.name,
        group_name(placement.workload.mesh, family, int(ranks[0])),
        size,
        tuple(ranks.tolist()),
        tuple(placement.cluster.domain_path(tier, int(each)) for each in touched[:MOST_DOMAINS]),
        len(touched),
    )


def groups_view(tiers: Sequence[TierGroups]) -> RenderableType:
    """A table for each tier that something crosses."""
    return Group(*(_tier_view(tier) for tier in tiers))


def _tier_view(tier: TierGroups) -> RenderableType:
    title = f"{format_count(tier.crossing)} of {plural(tier.total, 'group')} cross the {tier.tier} tier"
    if not tier.groups:
        return Text(title, style="bold")
    made = table("worst groups", "ranks", "bytes", "touches", title=f"{title}", left=2)
    made.columns[-1].justify = "left"
    for group in tier.groups:
        made.add_row(
            group.name, ranges(group.ranks, 3), format_bytes(group.crossing_bytes), _touched(tier.tier, group)
        )
    return made


def _touched(tier: str, group: GroupCrossing) -> str:
    names = compress(group.domains)
    if group.touches > len(group.domains) or len(names) > WIDEST_NAMES:
        names = f"{group.domains[0]}, ..."
    return f"{plural(group.touches, tier)}: {names}"
