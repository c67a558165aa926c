"""How many spares to hold, as tables and as data."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from planner.placement.wording import plural
from planner.report.style import table
from planner.units import format_seconds

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from planner.repair.spares import Advice, Aim, Policy
    from planner.topology.cluster import Cluster
    from planner.workload.workload import Workload

DAY = 86400.0


def spares_document(cluster: Cluster, advice: Advice, aim: Aim) -> dict[str, object]:
    """All there is to know as plain data."""
    shape, outages = advice.shape, advice.outages
    return {
        "cell": cluster.tiers[shape.tier].name,
        "cells": shape.cells,
        "nodes_per_cell": shape.nodes,
        "gpus_per_node": shape.gpus,
        "cells_per_step": shape.step,
        "for_s": aim.time_s,
        "probability": aim.probability,
        "checkpoint_s": aim.checkpoint_s,
        "restart_s": aim.restart_s,
        "seed": aim.seed,
        "simulated_days": outages.days,
        "simulated_failures": outages.failures,
        "failures": [
            {
                "kind": kind,
                "components": count,
                "mtbf_s": advice.failures.mtbf_s[kind],
                "repair_s": advice.failures.repair_s[kind],
                "per_day": _per_day(advice, kind),
            }
            for kind, count in advice.counts.items()
        ],
        "policies": [{"name": name_of(each, advice, cluster), **asdict(each)} for each in advice.policies],
        "best": advice.best,
    }


def spares_view(cluster: Cluster, workload: Workload, advice: Advice, aim: Aim) -> RenderableType:
    """What fails, what each policy comes to, and which to take."""
    title = f"{workload.name} on {cluster.name}: spares for {format_time(aim.time_s)}"
    simulated = (
        f"simulated {advice.outages.days:,.0f} days, {advice.outages.failures:,} failures;"
        f" checkpoints of {format_seconds(aim.checkpoint_s)}, restarts of {format_seconds(aim.restart_s)}"
    )
    return Group(
        Text(title, style="bold"),
        _failures_table(advice),
        _policies_table(cluster, advice),
        Text(_verdict(cluster, advice, aim)),
        *_notes(cluster, advice),
        Text(simulated),
    )


def _failures_table(advice: Advice) -> Table:
    made = table("fails", "of", "each every", "a day", "away for")
    for kind, count in advice.counts.items():
        made.add_row(
            kind,
            f"{count:,.0f}",
            format_time(advice.failures.mtbf_s[kind]),
            f"{_per_day(advice, kind):.3g}",
            format_time(advice.failures.repair_s[kind]) if advice.failures.repair_s[kind] else "-",
        )
    return made


def _policies_table(cluster: Cluster, advice: Advice) -> Table:
    made = table("policy", "job", "spare", "lasts", "stops every", "saves every", "goodput")
    total = advice.counts["gpu"]
    for place, each in enumerate(advice.policies):
        mark = "" if each.group_fits else " *"
        made.add_row(
            name_of(each, advice, cluster) + mark,
            f"{each.job_gpus:,}",
            f"{100 * each.spare_gpus / total:.2f} %",
            f"{100 * each.survives:.4g} %",
            format_seconds(each.interrupted_s),
            format_seconds(each.interval_s),
            f"{100 * each.goodput:.2f} %",
            style="bold" if place == advice.best else None,
        )
    return made


def name_of(policy: Policy, advice: Advice, cluster: Cluster) -> str:
    """A policy in a few words."""
    if policy.as_given:
        return f"as given ({plural(policy.spare_cells, cluster.tiers[advice.shape.tier].name)} free)"
    cell, parts = cluster.tiers[advice.shape.tier].name, []
    if policy.margin:
        used, spare = advice.shape.used_gpus(policy.margin), policy.margin * advice.shape.gpus
        parts.append(f"{used} and {spare}")
    if policy.where:
        parts.append(f"{plural(policy.each, cell)} in each {policy.where}")
    elif policy.spare_cells:
        parts.append(f"{plural(policy.spare_cells, cell)} anywhere")
    return ", ".join(parts) or "none"


def _verdict(cluster: Cluster, advice: Advice, aim: Aim) -> str:
    goal = f"last {format_time(aim.time_s)} with {100 * aim.probability:g} %"
    if advice.best is None:
        return f"no policy would {goal}"
    best = advice.policies[advice.best]
    return f"best of those that {goal}: {name_of(best, advice, cluster)}, {100 * best.goodput:.2f} % goodput"


def _notes(cluster: Cluster, advice: Advice) -> list[Text]:
    """What the marks mean."""
    if all(each.group_fits for each in advice.policies):
        return []
    cell = cluster.tiers[advice.shape.tier].name
    return [
        Text(
            f"* the workload keeps {advice.shape.group} ranks in a {cell}: the job would have to be cut anew"
        )
    ]


def _per_day(advice: Advice, kind: str) -> float:
    return DAY * advice.counts[kind] / advice.failures.mtbf_s[kind]


def format_time(seconds: float) -> str:
    """Seconds as `format_seconds`, from two days on in days."""
    return f"{seconds / DAY:.4g} d" if seconds >= 2 * DAY else format_seconds(seconds)
