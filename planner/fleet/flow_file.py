"""Flows in the file of a placed fleet."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from planner.fleet.file_schema import CommonSection, FlowClaimSection, SpreadSection, SpreadTierSection
from planner.fleet.flows import Common, Flow
from planner.fleet.multicast import Spread, TierSpread
from planner.fleet.placed import FlowClaim

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def flow_section(claim: FlowClaim, names: Sequence[str]) -> FlowClaimSection:
    """The section that `flow_claim` turns back into the same claim; `names` are those of all jobs."""
    flow = claim.flow
    return FlowClaimSection(
        kind=flow.kind,
        source=names[flow.source],
        target=names[flow.target],
        every=flow.every,
        total_bytes=flow.total_bytes,
        common=[CommonSection(**each._asdict()) for each in flow.common],
        tier_bytes=list(claim.tier_bytes),
        spread=None if claim.spread is None else _spread_section(claim.spread),
    )


def flow_claim(section: FlowClaimSection, jobs: Mapping[str, int]) -> FlowClaim:
    """The claim that a section states.

    Raises
    ------
    ValueError
        Where it names a job that is not there.
    """
    for name in (section.source, section.target):
        if name not in jobs:
            raise ValueError(f"no job {name} in the fleet")
    common = tuple(Common(**each.model_dump()) for each in section.common)
    flow = Flow(
        section.kind,
        jobs[section.source],
        jobs[section.target],
        section.every,
        section.total_bytes,
        common,
    )
    return FlowClaim(
        flow, tuple(section.tier_bytes), None if section.spread is None else _spread(section.spread)
    )


def _spread_section(spread: Spread) -> SpreadSection:
    tiers = [
        SpreadTierSection(
            tier=each.tier,
            crossing_bytes=each.crossing_bytes,
            seconds=_cost(each.seconds),
            least_s=_cost(each.least_s),
        )
        for each in spread.tiers
    ]
    return SpreadSection(hops=spread.hops, tiers=tiers)


def _spread(section: SpreadSection) -> Spread:
    tiers = tuple(
        TierSpread(each.tier, each.crossing_bytes, _number(each.seconds), _number(each.least_s))
        for each in section.tiers
    )
    return Spread(tiers, section.hops)


def _cost(value: float | None) -> float | Literal["inf"] | None:
    """A number that JSON can hold."""
    return "inf" if value is not None and math.isinf(value) else value


def _number(value: float | str | None) -> float | None:
    return None if value is None else float(value)
