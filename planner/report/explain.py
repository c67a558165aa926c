"""Why a placement is as good as it is: what binds, who crosses, where everything sits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from planner.errors import UsageError, did_you_mean
from planner.placement.rails import has_rails, rail_changes
from planner.report.binding import Binding, binding, binding_view
from planner.report.documents import spares_used
from planner.report.neighbours import RankView, rank_facts
from planner.report.plan import spares_text, verdict
from planner.report.rails import rails_document, rails_view
from planner.report.stage_map import StageMap, map_view, stage_map
from planner.report.stages import StagesView, stages_text, stages_view
from planner.report.worst_groups import TierGroups, groups_view, worst_groups

if TYPE_CHECKING:
    from rich.console import RenderableType

    from planner.placement.placement import Claims, Placement
    from planner.placement.rails import RailChanges

DEFAULT_GROUPS = 5


@dataclass(frozen=True)
class Explanation:
    """All that `explain` says of a placement."""

    title: str
    claims: Claims
    binding: Binding
    groups: tuple[TierGroups, ...]
    drawn: StageMap
    spares_used: int
    rails: RailChanges | None
    stages: StagesView | None

    def document(self) -> dict[str, object]:
        """The same as plain data."""
        return {
            "spares_used": self.spares_used,
            "binding": self.binding.document(),
            "groups": [tier.document() for tier in self.groups],
            "stages": None if self.stages is None else self.stages.document(),
            "map": self.drawn.document(),
            "rails": None if self.rails is None else rails_document(self.rails),
        }

    def view(self) -> RenderableType:
        """The same for people."""
        return Group(
            Text(self.title, style="bold"),
            verdict(self.claims),
            "",
            binding_view(self.binding),
            groups_view(self.groups),
            *([] if self.rails is None else ["", rails_view(self.rails)]),
            *([] if self.stages is None else ["", stages_text(self.stages)]),
            "",
            map_view(self.drawn),
        )


def explain(
    placement: Placement, *, tier: str | None = None, axis: str | None = None, limit: int = DEFAULT_GROUPS
) -> Explanation:
    """Gather the facts.

    Parameters
    ----------
    tier
        Tier to look at; by default groups of every crossed tier are listed, and the map shows the
        tier that binds.
    axis
        Axis of the map's columns.
    limit
        How many groups to list a tier.

    Raises
    ------
    UsageError
        ``U006`` for a tier or axis that is not there.
    """
    chosen = None if tier is None else tier_named(placement, tier)
    bound = binding(placement)
    crossed = [index for index, cost in enumerate(bound.tiers) if cost.crossing_bytes > 0]
    mapped = next((index for index in (chosen, bound.tier) if index is not None), placement.cluster.boundary)
    return Explanation(
        f"{placement.workload.name} on {placement.cluster.name}{spares_text(placement)}",
        placement.claims,
        bound,
        tuple(worst_groups(placement, each, limit) for each in (crossed if chosen is None else [chosen])),
        stage_map(placement, mapped, None if axis is None else _axis_named(axis)),
        spares_used(placement),
        rail_changes(placement) if has_rails(placement.cluster) else None,
        stages_view(placement),
    )


def explain_rank(placement: Placement, rank: int) -> RankView:
    """Where `rank` is and with whom it talks; ``U006`` where the job has no such rank."""
    world = placement.workload.mesh.world_size
    if not 0 <= rank < world:
        raise UsageError.of("U006", f"no rank {rank}", expected=f"a rank from 0 to {world - 1}")
    return rank_facts(placement, rank)


def tier_named(placement: Placement, name: str) -> int:
    """Index of a tier; ``U006`` with a suggestion where there is none."""
    names = [tier.name for tier in placement.cluster.tiers]
    if name not in names:
        raise UsageError.of(
            "U006",
            f"no tier {name!r}",
            expected=f"one of {', '.join(names)}",
            suggestion=did_you_mean(name, names),
        )
    return names.index(name)


def _axis_named(name: str) -> str:
    axes = ("tp", "cp", "ep", "edp", "dp", "pp")
    if name not in axes:
        raise UsageError.of(
            "U006",
            f"no axis {name!r}",
            expected=f"one of {', '.join(axes)}",
            suggestion=did_you_mean(name, axes),
        )
    return name
