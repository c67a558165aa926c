"""What `plan` and `check` say of a fleet."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Group
from rich.text import Text

from planner.placement.placement import Status
from planner.placement.wording import plural
from planner.report.safety import safety_document, safety_lines
from planner.report.style import table
from planner.report.values import UNKNOWN, percent, uplink_seconds
from planner.units import format_bytes, format_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType
    from rich.table import Table

    from planner.cost.deadlock import Safety
    from planner.fleet.check import FleetReport
    from planner.fleet.placed import FlowClaim, PlacedFleet, PlacedJob


def fleet_document(placed: PlacedFleet, seconds: Mapping[str, float]) -> dict[str, object]:
    """The result of `plan` for a fleet as plain data; times and objective in seconds."""
    claims = placed.claims
    return {
        "topology": placed.cluster.name,
        "fleet": placed.name,
        "status": str(claims.status),
        "objective": claims.value_s,
        "lower_bound": claims.lower_bound_s,
        "gap": claims.gap,
        "shared_s": claims.shared_s,
        "tiers": [
            {"tier": each.tier, "shared_bytes": each.shared_bytes, "shared_domains": each.domains}
            for each in claims.shared
        ],
        "flows_s": claims.flows_s,
        "flows": [_flow_document(placed, claim) for claim in claims.flows],
        "jobs": [_job_document(placed, job) for job in placed.jobs],
        "gpus": _gpu_counts(placed),
        "seconds": dict(seconds),
    }


def _job_document(placed: PlacedFleet, job: PlacedJob) -> dict[str, object]:
    claims = job.placement.claims
    return {
        "name": job.name,
        "workload": job.placement.workload.name,
        "priority": job.priority,
        "running": job.running,
        "size": job.size,
        "ranks": job.placement.workload.mesh.world_size,
        "weighted_s": claims.weighted_s,
        "lower_bound_s": claims.lower_bound,
        "gap": None if job.running else claims.gap,
        "domains": dict(_touched(placed, job)),
    }


def _flow_document(placed: PlacedFleet, claim: FlowClaim) -> dict[str, object]:
    """A flow; its times in seconds, `spread_s` and its bound of weights only."""
    flow, spread = claim.flow, claim.spread
    tiers = [tier.name for tier in placed.cluster.tiers]
    return {
        "kind": flow.kind,
        "from": placed.jobs[flow.source].name,
        "to": placed.jobs[flow.target].name,
        "every": flow.every,
        "bytes": flow.total_bytes,
        "tiers": [
            {"tier": tier, "crossing_bytes": size} for tier, size in zip(tiers, claim.tier_bytes, strict=True)
        ],
        "spread_s": None if spread is None else spread.seconds,
        "spread_lower_bound_s": None if spread is None else spread.least_s,
        "spread_tiers": None if spread is None else [asdict(each) for each in spread.tiers],
        "hops": None if spread is None else spread.hops,
    }


def _touched(placed: PlacedFleet, job: PlacedJob) -> list[tuple[str, int]]:
    """How many domains of each tier from the node boundary on hold ranks of the job."""
    cluster = placed.cluster
    return [
        (tier.name, len(np.unique(domain[job.placement.gpu_of_rank])))
        for tier, domain in list(zip(cluster.tiers, cluster.domain_of_gpu, strict=True))[
            cluster.boundary : -1
        ]
    ]


def fleet_view(placed: PlacedFleet, seconds: Mapping[str, float]) -> RenderableType:
    """The result of `plan` for a fleet, for people."""
    counts = _gpu_counts(placed)
    spent = "  ".join(f"{name} {format_seconds(round(value, 3))}" for name, value in seconds.items())
    return Group(
        Text.assemble((placed.name, "bold"), " on ", (placed.cluster.name, "bold")),
        fleet_verdict(placed),
        jobs_table(placed),
        shared_table(placed),
        *flow_parts(placed),
        Text(f"{plural(counts['in_service'], 'GPU')} in service, {counts['free']:,} of them left free"),
        Text(f"took  {spent}", style="dim"),
    )


def fleet_verdict(placed: PlacedFleet) -> Text:
    """One line: status, objective, bound and gap."""
    claims = placed.claims
    colour = "bold green" if claims.status is Status.OPTIMAL else "bold yellow"
    return Text.assemble(
        (str(claims.status), colour),
        f"   fleet {format_seconds(claims.value_s)}",
        f"   bound {format_seconds(claims.lower_bound_s)}",
        f"   gap {percent(claims.gap)}",
    )


def jobs_table(placed: PlacedFleet) -> Table:
    """What each job got, and what it costs there."""
    tiers = [name for name, _ in _touched(placed, placed.jobs[0])]
    made = table("job", "size", "ranks", *(f"{name}s" for name in tiers), "uplink time", "gap", left=2)
    for job in placed.jobs:
        claims = job.placement.claims
        made.add_row(
            job.name,
            "stays" if job.running else job.size or "",
            f"{job.placement.workload.mesh.world_size:,}",
            *(f"{count:,}" for _, count in _touched(placed, job)),
            format_seconds(claims.weighted_s),
            UNKNOWN if job.running else percent(claims.gap),
        )
    return made


def shared_table(placed: PlacedFleet) -> Table:
    """What jobs share at each tier that can be crossed."""
    made = table("tier", "shared uplinks", "shared bytes", "uplink time")
    uplinks = placed.cluster.tier_uplink_bytes_per_s
    for claim, uplink in list(zip(placed.claims.shared, uplinks, strict=True))[placed.cluster.boundary : -1]:
        seconds = uplink_seconds(claim.shared_bytes, uplink)
        made.add_row(
            claim.tier,
            f"{claim.domains:,}",
            format_bytes(claim.shared_bytes),
            "free" if seconds is None else format_seconds(seconds),
        )
    return made


def flow_parts(placed: PlacedFleet) -> list[RenderableType]:
    """What flows between jobs, and how new weights spread; nothing where nothing does."""
    if not placed.claims.flows:
        return []
    spreads = [part for claim in placed.claims.flows for part in _spread_parts(placed, claim)]
    return [_flows_table(placed), *spreads]


def _flows_table(placed: PlacedFleet) -> Table:
    """What flows each time, and what of it crosses each tier from the node boundary on."""
    tiers = [tier.name for tier in placed.cluster.tiers][placed.cluster.boundary : -1]
    made = table("flow", "from", "to", "each", "bytes", *(f"across {tier}s" for tier in tiers), left=3)
    for claim in placed.claims.flows:
        flow, crossing = claim.flow, claim.tier_bytes[placed.cluster.boundary : -1]
        made.add_row(
            flow.kind,
            placed.jobs[flow.source].name,
            placed.jobs[flow.target].name,
            plural(flow.every, "step"),
            format_bytes(flow.total_bytes),
            *(format_bytes(each) for each in crossing),
        )
    return made


def _spread_parts(placed: PlacedFleet, claim: FlowClaim) -> list[RenderableType]:
    """One line, and the tiers beneath it."""
    spread = claim.spread
    if spread is None:
        return []
    source, target = (placed.jobs[end].name for end in (claim.flow.source, claim.flow.target))
    boundary = placed.cluster.tiers[placed.cluster.boundary].name
    line = Text(
        f"weights of {source} reach {target} in {format_seconds(spread.seconds)}, at least "
        f"{format_seconds(spread.least_s)}; the longest line is {plural(spread.hops, boundary)}"
    )
    made = table("tier", "comes in", "busiest uplink", "at least")
    for tier in spread.tiers:
        times = ("free" if each is None else format_seconds(each) for each in (tier.seconds, tier.least_s))
        made.add_row(tier.tier, format_bytes(tier.crossing_bytes), *times)
    return [line, made]


def _gpu_counts(placed: PlacedFleet) -> dict[str, int]:
    """GPUs in all, in service, and in service without a rank."""
    in_service = int(np.count_nonzero(placed.cluster.gpu_in_service))
    held = sum(job.placement.workload.mesh.world_size for job in placed.jobs)
    return {"total": placed.cluster.gpus, "in_service": in_service, "free": in_service - held}


def fleet_check_document(
    placed: PlacedFleet, report: FleetReport, steps: Mapping[str, Safety | None]
) -> dict[str, object]:
    """The outcome of a check as plain data: ``ok`` only where all of it holds.

    Parameters
    ----------
    steps
        What a step of each job comes to where that was asked, by name; None for a job without a schedule.
    """
    document: dict[str, object] = {
        "ok": report.ok and all(safety is None or safety.ok for safety in steps.values()),
        "findings": [{"code": each.code, "message": each.message} for each in report.findings],
        "jobs": [
            {
                "name": job.name,
                "ok": each.ok,
                "ranks": each.ranks,
                "weighted_s": each.weighted_s,
                "findings": [{"code": found.code, "message": found.message} for found in each.findings],
            }
            for job, each in zip(placed.jobs, report.jobs, strict=True)
        ],
    }
    if steps:
        document["schedules"] = {
            name: None if safety is None else safety_document(safety) for name, safety in steps.items()
        }
    return document


def fleet_check_view(
    placed: PlacedFleet, report: FleetReport, steps: Mapping[str, Safety | None]
) -> RenderableType:
    """The outcome of a check for people; `steps` as of `fleet_check_document`."""
    title = Text(f"{placed.name} on {placed.cluster.name}, {plural(len(placed.jobs), 'job')}", style="bold")
    order = [line for name, safety in steps.items() for line in _step_lines(name, safety)]
    if report.ok:
        holds = Text("every claim holds, of each job and between them", style="bold green")
        parts = [jobs_table(placed), shared_table(placed), *flow_parts(placed)]
        return Group(title, holds, fleet_verdict(placed), *parts, *order)
    own = [Text(f"error[{each.code}]: {each.message}") for each in report.findings]
    inside = [
        Text(f"error[{each.code}]: {job.name}: {each.message}")
        for job, found in zip(placed.jobs, report.jobs, strict=True)
        for each in found.findings
    ]
    count = plural(len(own) + len(inside), "finding")
    return Group(title, Text(f"the check fails: {count}", style="bold red"), *own, *inside, *order)


def _step_lines(name: str, safety: Safety | None) -> list[Text]:
    """What a step of a job comes to."""
    lines = [Text("no schedule, its traffic is given outright")] if safety is None else safety_lines(safety)
    return [Text.assemble((f"{name}: ", "bold"), lines[0]), *lines[1:]]
