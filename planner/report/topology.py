"""A cluster as a tree: tiers, counts, bandwidth, oversubscription, health."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from rich.console import Group
from rich.text import Text

from planner.placement.wording import plural, shown
from planner.report.style import table
from planner.report.values import UNKNOWN
from planner.topology.fabric_schema import Links
from planner.topology.names import compress
from planner.topology.summary import summarize
from planner.units import format_bandwidth, format_count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from planner.topology.cluster import Cluster
    from planner.topology.summary import Summary, TierSummary

MOST_CAPACITIES = 3
MOST_NODES = 8


def topology_document(cluster: Cluster) -> dict[str, object]:
    """The cluster as plain data.

    ``uplink_bytes_per_s`` of a tier is the uplink of one domain, the most common one where they
    differ; ``total_uplink_bytes_per_s`` adds up the domains in service.
    """
    facts = summarize(cluster)
    lost, partial = _troubled_nodes(cluster)
    return {
        "name": facts.name,
        "gpus": facts.gpus,
        "gpus_in_service": facts.gpus_in_service,
        "gpus_spare": facts.gpus_spare,
        "gpu_kinds": dict(facts.gpu_kinds),
        "nodes": facts.nodes,
        "nodes_in_service": facts.nodes_in_service,
        "nodes_out_of_service": lost,
        "nodes_partly_in_service": partial,
        "nics": facts.nics,
        "nics_in_service": facts.nics_in_service,
        "boundary": facts.boundary,
        "tiers": [_tier_document(cluster, index, tier) for index, tier in enumerate(facts.tiers)],
        "fabric": _fabric_document(cluster),
    }


def _fabric_document(cluster: Cluster) -> dict[str, object] | None:
    """The fabric, where the file names each switch and link, as it does where they were imported."""
    if not isinstance(cluster.fabric, Links):
        return None
    from planner.report.fabric import fabric_document
    from planner.topology.fabric_summary import summarize_fabric

    return fabric_document(summarize_fabric(cluster))


def _fabric_view(cluster: Cluster) -> Iterator[RenderableType]:
    """The same for people."""
    if isinstance(cluster.fabric, Links):
        from planner.report.fabric import fabric_view
        from planner.topology.fabric_summary import summarize_fabric

        yield from fabric_view(summarize_fabric(cluster))


def _tier_document(cluster: Cluster, index: int, tier: TierSummary) -> dict[str, object]:
    return {
        "name": tier.name,
        "domains": tier.domains,
        "domains_in_service": tier.in_service,
        "gpus_in_service": [{"gpus": gpus, "domains": domains} for gpus, domains in tier.capacities.items()],
        "uplink_bytes_per_s": usual_uplink(cluster, index),
        "total_uplink_bytes_per_s": tier.uplink_bytes_per_s,
        "scale_up_bytes_per_s": tier.scale_up_bytes_per_s,
        "oversubscription": tier.oversubscription,
        "degraded": tier.degraded,
    }


def usual_uplink(cluster: Cluster, tier: int) -> float | None:
    """Uplink that most domains in service of a tier have; None where leaving them is free."""
    uplinks = cluster.tiers[tier].uplink_bytes_per_s
    if uplinks is None:
        return None
    live = np.unique(cluster.domain_of_gpu[tier][cluster.gpu_in_service])
    values, counts = np.unique(uplinks[live] if live.size else uplinks, return_counts=True)
    return float(values[counts.argmax()])


def topology_view(cluster: Cluster) -> RenderableType:
    """The cluster for people."""
    facts = summarize(cluster)
    kinds = ", ".join(f"{format_count(count)} {name}" for name, count in facts.gpu_kinds.items() if count)
    headline = Text.assemble((facts.name, "bold"), f"  {kinds}, {plural(facts.nodes, 'node')}")
    if facts.nics:
        headline.append(f", {plural(facts.nics, 'NIC')}")
    return Group(headline, _tier_table(cluster, facts), *_fabric_view(cluster), *_health(cluster, facts))


def _tier_table(cluster: Cluster, facts: Summary) -> RenderableType:
    """One row a tier, the whole cluster first, each indented beneath the one around it."""
    made = table("tier", "domains", "GPUs", "uplink", "in all", "over", "scale-up")
    for column in made.columns:
        column.no_wrap = True
    for depth, index in enumerate(reversed(range(len(facts.tiers)))):
        tier = facts.tiers[index]
        made.add_row(
            f"{'  ' * (depth - 1)}{'└ ' if depth else ''}{tier.name}",
            format_count(tier.domains),
            format_count(max(tier.capacities, key=lambda gpus: tier.capacities[gpus])),
            _bandwidth(usual_uplink(cluster, index)),
            _bandwidth(tier.uplink_bytes_per_s),
            UNKNOWN if tier.oversubscription is None else f"{tier.oversubscription:.2g}:1",
            _bandwidth(tier.scale_up_bytes_per_s),
        )
    return made


def _bandwidth(value: float | None) -> str:
    return UNKNOWN if value is None else format_bandwidth(value)


def _unequal(tier: TierSummary) -> Text:
    """How many domains hold how many GPUs in service, the commonest first."""
    common = sorted(tier.capacities.items(), key=lambda item: -item[1])
    texts = [f"{format_count(domains)} of {format_count(gpus)}" for gpus, domains in common]
    return Text(f"GPUs in service by {tier.name}: {shown(texts, MOST_CAPACITIES)}")


def _health(cluster: Cluster, facts: Summary) -> list[Text]:
    """Lines on what is uneven, out of service, degraded or spare."""
    wrong = [*_out_of_service(cluster, facts), *_degraded(facts)]
    lines = [_unequal(tier) for tier in facts.tiers if len(tier.capacities) > 1]
    lines += wrong or [Text("everything in service", style="green")]
    if facts.gpus_spare:
        lines.append(Text(f"{plural(facts.gpus_spare, 'GPU')} kept spare"))
    return lines


def _out_of_service(cluster: Cluster, facts: Summary) -> list[Text]:
    lost, partial = _troubled_nodes(cluster)
    gpus, nics = facts.gpus - facts.gpus_in_service, facts.nics - facts.nics_in_service
    lines = []
    if gpus:
        lines.append(Text(f"{plural(gpus, 'GPU')} out of service", style="yellow"))
    if lost:
        lines.append(Text(f"   {plural(len(lost), 'whole node')}: {_listed(lost)}"))
    if partial:
        lines.append(Text(f"   part of {plural(len(partial), 'node')}: {_listed(partial)}"))
    if nics:
        lines.append(Text(f"{plural(nics, 'NIC')} out of service", style="yellow"))
    return lines


def _degraded(facts: Summary) -> list[Text]:
    return [
        Text(f"{plural(tier.degraded, tier.name)} with less uplink than usual", style="yellow")
        for tier in facts.tiers
        if tier.degraded
    ]


def _troubled_nodes(cluster: Cluster) -> tuple[list[str], list[str]]:
    """Paths of the nodes without a GPU in service, and of those with only some."""
    total = np.bincount(cluster.gpu_node, minlength=cluster.nodes)
    live = np.bincount(cluster.gpu_node[cluster.gpu_in_service], minlength=cluster.nodes)
    paths = [
        [cluster.domain_path(0, int(node)) for node in np.flatnonzero(where)]
        for where in (live == 0, (live > 0) & (live < total))
    ]
    return paths[0], paths[1]


def _listed(nodes: list[str]) -> str:
    more = len(nodes) - MOST_NODES
    return compress(nodes[:MOST_NODES]) + (f" and {more:,} more" if more > 0 else "")
