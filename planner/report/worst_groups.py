"""Which groups cross which tier, the worst first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Group
from rich.text import Text

from planner.placement.crossing import crossing_of_family, tier_domains
from planner.placement.groups import group_index
from planner.placement.wording import group_name, plural
from planner.report.style import table
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
    """A group that crosses a tier, and how many of its family cross it with as many bytes.

    Parameters
    ----------
    family, name
        Its family, and what its ranks have in common.
    alike
        Groups of the family with the same bytes, this one included.
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
    alike: int
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
        The worst, by bytes, most first; one for all that are alike.
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
                    "groups_alike": group.alike,
                    "crossing_bytes": group.crossing_bytes,
                    "ranks": list(group.ranks),
                    "domains_touched": group.touches,
                    "first_domains": list(group.domains),
                }
                for group in self.groups
            ],
        }


def worst_groups(placement: Placement, tier: int, limit: int) -> TierGroups:
    """Groups of any family that cross `tier` with most bytes: the `limit` worst that differ."""
    mesh = placement.workload.mesh
    domain = tier_domains(placement.cluster, placement.gpu_of_rank)[tier]
    families = placement.workload.families
    sizes = [crossing_of_family(mesh, family, domain) for family in families]
    found = [
        _crossing(placement, family, tier, domain, float(size[group]), group, alike)
        for family, size in zip(families, sizes, strict=True)
        for group, alike in _largest(size, limit)
    ]
    found.sort(key=lambda group: -group.crossing_bytes)
    return TierGroups(
        placement.cluster.tiers[tier].name,
        tuple(found[:limit]),
        sum(int(np.count_nonzero(size)) for size in sizes),
        sum(len(size) for size in sizes),
    )


def _largest(sizes: NDArray[np.float64], limit: int) -> list[tuple[int, int]]:
    """The largest different sizes above 0: the first group of each, and how many have it."""
    values, first, counts = np.unique(sizes, return_index=True, return_counts=True)
    largest = [index for index in np.argsort(-values)[:limit] if values[index] > 0]
    return [(int(first[index]), int(counts[index])) for index in largest]


def _crossing(
    placement: Placement,
    family: Family,
    tier: int,
    domain: NDArray[np.int32],
    size: float,
    group: int,
    alike: int,
) -> GroupCrossing:
    ranks = group_index(placement.workload.mesh, family).members[group]
    touched = np.unique(domain[ranks])
    return GroupCrossing(
        family.name,
        group_name(placement.workload.mesh, family, int(ranks[0])),
        alike,
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
    made = table("worst groups", "bytes each", "alike", "each touches", title=title)
    made.columns[-1].justify = "left"
    for group in tier.groups:
        made.add_row(
            group.name,
            format_bytes(group.crossing_bytes),
            format_count(group.alike),
            _touched(tier.tier, group),
        )
    return made


def _touched(tier: str, group: GroupCrossing) -> str:
    """How many domains, and which where they are few."""
    names = compress(group.domains)
    told = group.touches == len(group.domains) and len(names) <= WIDEST_NAMES
    return plural(group.touches, tier) + (f": {names}" if told else "")
