"""The folder of a placed fleet: one placement file for each job, and ``fleet.json`` about all of them."""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import planner
from planner.errors import CheckError, InputError
from planner.fleet.file_schema import (
    NAME_IN_FOLDER,
    FleetClaimsSection,
    FleetPlacementFile,
    PlacedJobSection,
    PlacedRuleSection,
    SharedSection,
    SizesSection,
)
from planner.fleet.flow_file import flow_claim, flow_section
from planner.fleet.load import different_cluster
from planner.fleet.placed import FleetClaims, PlacedFleet, PlacedJob, SharedTier, SizeRange
from planner.fleet.rules import PinRule, TierRule, selected
from planner.placement.file import from_bytes, to_bytes
from planner.placement.parse import PLACEMENT_SUFFIX, contradiction, parse_as, read_bytes

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from planner.topology.cluster import Cluster

_PREFIX = "sha256:"


def file_of(job: str) -> str:
    """Name of a job's placement file in the folder."""
    return f"{job}{PLACEMENT_SUFFIX}"


def fleet_files(placed: PlacedFleet) -> dict[str, bytes]:
    """The files of a placed fleet, by their names in the folder."""
    files = {file_of(job.name): to_bytes(job.placement) for job in placed.jobs}
    document = FleetPlacementFile(
        format="planner-fleet-placement",
        format_version=1,
        planner_version=planner.__version__,
        name=placed.name,
        topology=placed.cluster.name,
        claims=_claims_section(placed),
        jobs=[
            PlacedJobSection(
                name=job.name,
                priority=float(job.priority),
                file=file_of(job.name),
                digest=_digest(files[file_of(job.name)]),
                ranks=job.placement.workload.mesh.world_size,
                size=job.size,
                sizes=None if job.sizes is None else SizesSection(**asdict(job.sizes)),
                table_before=job.table_before,
            )
            for job in placed.jobs
        ],
        rules=[_rule_section(placed, rule) for rule in placed.rules],
    )
    files[NAME_IN_FOLDER] = (document.model_dump_json(indent=2) + "\n").encode()
    return files


def read_fleet(path: str | os.PathLike[str]) -> PlacedFleet:
    """Read a placed fleet from its folder, or its ``fleet.json``; `check_fleet` says whether it holds.

    Raises
    ------
    InputError
        For what is no such folder (F001, P001 to P004), and where its parts do not fit together (P005).
    CheckError
        Where the file of a job is not the one that the fleet was written with (P006).
    """
    index = Path(path) / NAME_IN_FOLDER if Path(path).is_dir() else Path(path)
    if not index.exists():
        raise InputError.of(
            "F001", f"no {NAME_IN_FOLDER} in {path}", expected="a folder that planner plan has written"
        )
    document = parse_as(FleetPlacementFile, read_bytes(index), str(index), "the index of a fleet")
    jobs = tuple(_job(index.parent, section) for section in document.jobs)
    cluster = jobs[0].placement.cluster
    for job in jobs[1:]:
        other = different_cluster(job.placement.cluster, cluster)
        if other is not None:
            raise contradiction(str(index), f"{job.name} is placed on another cluster than the rest: {other}")
    try:
        rules = tuple(_rule(section, document, cluster) for section in document.rules)
        claims = _claims(document.claims, {job.name: at for at, job in enumerate(document.jobs)})
    except (InputError, ValueError) as error:
        raise contradiction(str(index), f"rules or flows: {error}") from None
    return PlacedFleet(document.name, cluster, jobs, rules, claims)


def _job(folder: Path, section: PlacedJobSection) -> PlacedJob:
    if Path(section.file).name != section.file:
        raise contradiction(str(folder / NAME_IN_FOLDER), f"{section.file!r} lies outside the folder")
    path = folder / section.file
    raw = read_bytes(path)
    if _digest(raw) != section.digest:
        raise CheckError.of(
            "P006",
            f"{path} was changed after the fleet was written",
            expected=f"content with the digest {section.digest}",
            suggestion="planner check on that file, to see what no longer holds",
        )
    return PlacedJob(
        section.name,
        section.priority,
        from_bytes(raw, str(path)),
        section.table_before,
        section.size,
        None if section.sizes is None else SizeRange(**section.sizes.model_dump()),
    )


def _digest(content: bytes) -> str:
    return _PREFIX + hashlib.sha256(content).hexdigest()


def _claims_section(placed: PlacedFleet) -> FleetClaimsSection:
    claims = placed.claims
    return FleetClaimsSection(
        value_s=_cost(claims.value_s),
        lower_bound_s=_cost(claims.lower_bound_s),
        gap=_cost(claims.gap),
        status=claims.status,
        shared_s=_cost(claims.shared_s),
        flows_s=_cost(claims.flows_s),
        flows=[flow_section(claim, [job.name for job in placed.jobs]) for claim in claims.flows],
        shared=[
            SharedSection(tier=each.tier, shared_bytes=each.shared_bytes, domains=each.domains)
            for each in claims.shared
        ],
    )


def _claims(section: FleetClaimsSection, jobs: Mapping[str, int]) -> FleetClaims:
    """The claims that a section states; raises ValueError where a flow is of a job that is not there."""
    shared = tuple(SharedTier(each.tier, each.shared_bytes, each.domains) for each in section.shared)
    return FleetClaims(
        float(section.value_s),
        float(section.lower_bound_s),
        shared,
        float(section.shared_s),
        tuple(flow_claim(each, jobs) for each in section.flows),
        float(section.flows_s),
    )


def _cost(value: float) -> float | Literal["inf"]:
    """A number that JSON can hold."""
    return "inf" if math.isinf(value) else float(value)


def _rule_section(placed: PlacedFleet, rule: TierRule | PinRule) -> PlacedRuleSection:
    if isinstance(rule, PinRule):
        return PlacedRuleSection(kind="pin", jobs=[placed.jobs[rule.job].name], to=list(rule.selectors))
    names = [placed.jobs[job].name for job in rule.jobs]
    return PlacedRuleSection(kind=rule.kind, jobs=names, tier=placed.cluster.tiers[rule.tier].name)


def _rule(section: PlacedRuleSection, document: FleetPlacementFile, cluster: Cluster) -> TierRule | PinRule:
    """The rule that a section states; raises ValueError where it names what is not there."""
    known: Mapping[str, int] = {job.name: index for index, job in enumerate(document.jobs)}
    unknown = [name for name in section.jobs if name not in known]
    tiers = [tier.name for tier in cluster.tiers]
    if unknown or not section.jobs:
        raise ValueError(f"no job {', '.join(unknown)} in the fleet")
    jobs = tuple(known[name] for name in section.jobs)
    if section.kind == "pin":
        to = tuple(section.to or ())
        return PinRule(jobs[0], to, selected(cluster, to))
    if section.tier not in tiers:
        raise ValueError(f"no tier {section.tier}")
    return TierRule(
        section.kind, jobs, tiers.index(section.tier), TierRule.told(section.kind, section.jobs, section.tier)
    )
