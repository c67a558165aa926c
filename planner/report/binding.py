"""What binds: the tier that costs most uplink time, and which traffic fills it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from planner.placement.crossing import measure
from planner.placement.placement import Objective
from planner.placement.wording import shown
from planner.report.style import table
from planner.report.values import UNKNOWN, known_value, percent, shares, uplink_seconds
from planner.units import format_bytes

if TYPE_CHECKING:
    from rich.console import RenderableType

    from planner.placement.crossing import Measure
    from planner.placement.placement import Placement

MOST_FAMILIES = 2


@dataclass(frozen=True)
class TierCost:
    """What one tier costs.

    Parameters
    ----------
    tier
        Its name.
    crossing_bytes
        Bytes that leave its domains in a step.
    uplink_s
        Crossing bytes over the summed uplinks; None where crossing is free.
    share
        Part of all tiers' uplink seconds.
    families
        Crossing bytes of each family that crosses, most first.
    """

    tier: str
    crossing_bytes: float
    uplink_s: float | None
    share: float
    families: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Binding:
    """The cost of every tier that can be crossed, and where the objective is lost.

    Parameters
    ----------
    tiers
        Innermost first.
    tier
        Index of the tier that binds; None where nothing crosses a limited uplink.
    hotspot, hotspot_s
        Path of the domain that takes longest to send what leaves it, with its tier, and how long;
        None and 0 where there is none.
    """

    tiers: tuple[TierCost, ...]
    tier: int | None
    hotspot: str | None
    hotspot_s: float

    def document(self) -> dict[str, object]:
        """The same as plain data."""
        return {
            "tier": None if self.tier is None else self.tiers[self.tier].tier,
            "hotspot": self.hotspot,
            "hotspot_s": self.hotspot_s,
            "tiers": [
                {
                    "tier": cost.tier,
                    "crossing_bytes": cost.crossing_bytes,
                    "uplink_s": cost.uplink_s,
                    "share": cost.share,
                    "families": [{"family": name, "crossing_bytes": size} for name, size in cost.families],
                }
                for cost in self.tiers
            ],
        }


def binding(placement: Placement) -> Binding:
    """Cost of every tier under the placement's objective."""
    measured = measure(placement.cluster, placement.workload, placement.gpu_of_rank)
    uplinks = placement.cluster.tier_uplink_bytes_per_s[:-1]
    seconds = [uplink_seconds(size, up) for size, up in zip(measured.tier_bytes, uplinks, strict=False)]
    costs = tuple(
        TierCost(
            tier.name, measured.tier_bytes[index], seconds[index], share or 0.0, _families(measured, index)
        )
        for index, (tier, share) in enumerate(zip(placement.cluster.tiers, shares(seconds), strict=False))
    )
    spot = measured.hotspot
    path = None
    if spot.tier >= 0:
        tier = placement.cluster.tiers[spot.tier]
        path = f"{tier.name} {placement.cluster.domain_path(spot.tier, spot.domain)}"
    return Binding(costs, _binding_tier(placement, measured, seconds), path, spot.seconds)


def _families(measured: Measure, tier: int) -> tuple[tuple[str, float], ...]:
    crossing = [(name, sizes[tier]) for name, sizes in measured.by_family.items() if sizes[tier] > 0]
    return tuple(sorted(crossing, key=lambda item: -item[1]))


def _binding_tier(placement: Placement, measured: Measure, seconds: list[float | None]) -> int | None:
    """The tier that the objective looks at: the costliest, the boundary, or the slowest domain's."""
    objective = placement.claims.objective
    if objective is Objective.CROSS_NODE and measured.boundary_bytes > 0:
        return placement.cluster.boundary
    if objective is Objective.BOTTLENECK and measured.hotspot.tier >= 0:
        return measured.hotspot.tier
    if not any(seconds):
        return None
    return max(range(len(seconds)), key=lambda index: seconds[index] or 0.0)


def binding_view(found: Binding) -> RenderableType:
    """A sentence that says what binds, and the tiers with their traffic."""
    made = table("tier", "crossing", "uplink time", "share", "filled by")
    made.columns[-1].justify = "left"
    for index, cost in enumerate(found.tiers):
        made.add_row(
            cost.tier,
            format_bytes(cost.crossing_bytes),
            "free" if cost.uplink_s is None else known_value(Objective.WEIGHTED, cost.uplink_s),
            UNKNOWN if cost.uplink_s is None else percent(cost.share),
            _filled_by(cost),
            style="bold" if index == found.tier else None,
        )
    return Group(_sentence(found), made)


def _filled_by(cost: TierCost) -> str:
    """The families with most bytes, and how many more there are."""
    parts = [f"{name} {percent(size / cost.crossing_bytes)}" for name, size in cost.families]
    return shown(parts, MOST_FAMILIES)


def _sentence(found: Binding) -> Text:
    if found.tier is None:
        return Text("Nothing crosses a limited uplink, so nothing binds.")
    cost = found.tiers[found.tier]
    text = Text.assemble("The ", (cost.tier, "bold"), " tier binds")
    if cost.uplink_s is not None:
        text.append(
            f": {known_value(Objective.WEIGHTED, cost.uplink_s)} of uplink time, {percent(cost.share)} of all"
        )
    if cost.families:
        name, size = cost.families[0]
        lead = "most of it" if size > cost.crossing_bytes / 2 else "the largest part of it"
        text.append(f", {lead} {name}")
    text.append(".")
    if found.hotspot is not None:
        slowest = known_value(Objective.WEIGHTED, found.hotspot_s)
        text.append(f" The slowest single domain is {found.hotspot}, {slowest}.")
    return text
