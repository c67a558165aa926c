"""The fleet's own check: every job's placement, and what holds between them, from the rank tables alone.

It shares no code with what places jobs and counts what they share.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from planner.fleet.placed import table_digest
from planner.fleet.recount_flows import homes, pieces, recount_flow
from planner.fleet.recount_spread import recount_spread
from planner.fleet.rules import PinRule
from planner.placement.check import Finding, Report, check
from planner.placement.naming import SHOWN
from planner.placement.recount import recount

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from planner.fleet.flows import Flow
    from planner.fleet.placed import PlacedFleet, SharedTier
    from planner.fleet.recount_spread import Recounted
    from planner.fleet.rules import TierRule
    from planner.placement.placement import Placement

    IntArray = NDArray[np.int64]
    FloatArray = NDArray[np.float64]

TOLERANCE = 1e-9
# Flows add up many small shares.
FLOW_TOLERANCE = 1e-6


@dataclass(frozen=True)
class FleetReport:
    """What a check of a fleet found.

    Parameters
    ----------
    findings
        What does not hold between the jobs.
    jobs
        The report of each job's own placement, in the order of the fleet.
    """

    findings: tuple[Finding, ...]
    jobs: tuple[Report, ...]

    @property
    def ok(self) -> bool:
        """Whether everything holds, of each job and between them."""
        return not self.findings and all(report.ok for report in self.jobs)


def check_fleet(placed: PlacedFleet) -> FleetReport:
    """Recompute all that is claimed of a placed fleet.

    Each job's placement as `planner.check`; then: no GPU held by two jobs (J021), jobs that ran where
    they were (J022), rules (J023), shared bytes (J024), flows (J027), times of
    spreading (J028), objective (J025), bound (J026).
    """
    reports = tuple(check(job.placement) for job in placed.jobs)
    checker = _FleetChecker(placed)
    findings = [*checker.distinct(), *checker.unmoved()]
    if all(checker.countable(job.placement) for job in placed.jobs):
        findings += [
            *checker.rules(),
            *checker.shared(),
            *checker.flows(),
            *checker.spreading(),
            *checker.objective(),
        ]
    return FleetReport(tuple(findings), reports)


class _FleetChecker:
    """One short method for each family of rules; each yields what breaks it."""

    def __init__(self, placed: PlacedFleet) -> None:
        self.placed = placed
        self.cluster = placed.cluster
        self.names = [job.name for job in placed.jobs]

    def countable(self, placement: Placement) -> bool:
        """Whether there is a GPU of the cluster for every rank."""
        gpu = placement.gpu_of_rank
        inside = ((gpu >= 0) & (gpu < self.cluster.gpus)).all()
        return len(gpu) == placement.workload.mesh.world_size and bool(inside)

    def distinct(self) -> Iterator[Finding]:
        """No GPU holds ranks of two jobs."""
        everybody = np.concatenate([np.unique(job.placement.gpu_of_rank) for job in self.placed.jobs])
        gpus, holders = np.unique(everybody, return_counts=True)
        for gpu in gpus[holders > 1][:SHOWN].tolist():
            names = [job.name for job in self.placed.jobs if gpu in job.placement.gpu_of_rank]
            yield Finding("J021", f"{' and '.join(names)} are both on GPU {gpu}")
        more = int((holders > 1).sum()) - SHOWN
        if more > 0:
            yield Finding("J021", f"{more:,} more GPUs hold ranks of two jobs")

    def unmoved(self) -> Iterator[Finding]:
        """Jobs that ran before are where they were."""
        for job in self.placed.jobs:
            if job.table_before is not None and table_digest(job.placement) != job.table_before:
                yield Finding("J022", f"{job.name} ran before and is not where it was")

    @cached_property
    def domains(self) -> list[list[IntArray]]:
        """For each job and tier the domain of every rank."""
        found = []
        for job in self.placed.jobs:
            held = [self.cluster.gpu_node[job.placement.gpu_of_rank].astype(np.int64)]
            for tier in self.cluster.tiers[:-1]:
                held.append(tier.parent[held[-1]].astype(np.int64))
            found.append(held)
        return found

    def rules(self) -> Iterator[Finding]:
        """Jobs keep apart, together and on their hardware as the fleet says."""
        for rule in self.placed.rules:
            broken = self._pin(rule) if isinstance(rule, PinRule) else self._tier_rule(rule)
            if broken:
                yield Finding("J023", f"rule {rule.text} is broken: {broken}")

    def _pin(self, rule: PinRule) -> str | None:
        outside = int((~rule.gpus[self.placed.jobs[rule.job].placement.gpu_of_rank]).sum())
        return f"{outside:,} ranks of {self.names[rule.job]} are elsewhere" if outside else None

    def _tier_rule(self, rule: TierRule) -> str | None:
        tier = self.cluster.tiers[rule.tier].name
        held = [set(np.unique(self.domains[job][rule.tier]).tolist()) for job in rule.jobs]
        if rule.kind == "together":
            touched = len(set.union(*held))
            return f"they lie in {touched:,} domains of tier {tier}" if touched > 1 else None
        common = [each for at, one in enumerate(held) for other in held[at + 1 :] for each in one & other]
        if not common:
            return None
        shown = ", ".join(self.cluster.domain_path(rule.tier, each) for each in sorted(set(common))[:SHOWN])
        return f"{len(set(common)):,} domains of tier {tier} hold two of them, such as {shown}"

    @cached_property
    def leaving(self) -> list[FloatArray]:
        """For each tier the bytes that leave each domain for each job, shape (jobs, domains)."""
        tiers = [np.zeros((len(self.names), tier.domains)) for tier in self.cluster.tiers]
        for index, (job, domains) in enumerate(zip(self.placed.jobs, self.domains, strict=True)):
            workload = job.placement.workload
            for tier, traffic in enumerate(recount(workload.mesh, workload.families, domains)):
                tiers[tier][index, : len(traffic.egress_bytes)] = traffic.egress_bytes
        return tiers

    @cached_property
    def shared_bytes(self) -> list[float]:
        """For each tier what leaves its domains beside the job that sends most out of each."""
        return [float(np.sort(each, axis=0)[:-1].sum()) for each in self.leaving]

    def shared(self) -> Iterator[Finding]:
        """Shared bytes and the number of domains that share are as claimed."""
        claims = self.placed.claims.shared
        if [each.tier for each in claims] != [tier.name for tier in self.cluster.tiers]:
            yield Finding("J024", "shared bytes are claimed of other tiers than the cluster has")
            return
        for claim, found, leaving in zip(claims, self.shared_bytes, self.leaving, strict=True):
            domains = int((np.count_nonzero(leaving, axis=0) > 1).sum())
            if not _close(claim.shared_bytes, found):
                yield self._differs(claim, f"{claim.shared_bytes!r} shared bytes are claimed", f"{found!r}")
            if claim.domains != domains:
                yield self._differs(claim, f"{claim.domains} domains are said to be shared", f"{domains}")

    def _differs(self, claim: SharedTier, claimed: str, found: str) -> Finding:
        return Finding("J024", f"{claimed} at tier {claim.tier}, counted {found}")

    def flows(self) -> Iterator[Finding]:
        """Bytes of each flow are as claimed."""
        tiers = [tier.name for tier in self.cluster.tiers]
        for claim, found in zip(self.placed.claims.flows, self.flow_bytes, strict=True):
            if len(claim.tier_bytes) != len(tiers):
                yield Finding("J027", f"{self._flow(claim.flow)}: bytes are claimed of other tiers")
                continue
            for tier, stated, counted in zip(tiers, claim.tier_bytes, found, strict=True):
                if not math.isclose(stated, counted, rel_tol=FLOW_TOLERANCE, abs_tol=FLOW_TOLERANCE):
                    yield Finding(
                        "J027",
                        f"{self._flow(claim.flow)}: {stated!r} bytes are claimed to cross tier {tier}, "
                        f"counted {counted!r}",
                    )

    def spreading(self) -> Iterator[Finding]:
        """Times in which weights spread are as claimed, and the least times."""
        tiers = [tier.name for tier in self.cluster.tiers[self.cluster.boundary : -1]]
        for claim in self.placed.claims.flows:
            if claim.spread is None:
                continue
            what = self._flow(claim.flow)
            if claim.flow.kind != "weights" or [each.tier for each in claim.spread.tiers] != tiers:
                yield Finding("J028", f"{what}: times of spreading are claimed that it does not have")
                continue
            found = self._spread(claim.flow)
            if claim.spread.hops != found.hops:
                yield Finding("J028", f"{what}: {claim.spread.hops} hops are claimed, counted {found.hops}")
            for stated, counted in zip(claim.spread.tiers, found.tiers, strict=True):
                for name, number in counted._asdict().items():
                    if not _alike(getattr(stated, name), number):
                        yield Finding(
                            "J028",
                            f"{what}: {name} of tier {stated.tier} is claimed to be "
                            f"{getattr(stated, name)!r}, recomputed {number!r}",
                        )

    def _spread(self, flow: Flow) -> Recounted:
        boundary, ends = self.cluster.boundary, (flow.source, flow.target)
        meshes = [self.placed.jobs[end].placement.workload.mesh for end in ends]
        held = [homes(mesh, self.domains[end][boundary]) for mesh, end in zip(meshes, ends, strict=True)]
        return recount_spread(self.cluster, pieces(flow, (meshes[0], meshes[1]), (held[0], held[1])))

    def _flow(self, flow: Flow) -> str:
        return f"{flow.kind} from {self.names[flow.source]} to {self.names[flow.target]}"

    @cached_property
    def flow_bytes(self) -> list[list[float]]:
        """For each flow the bytes that cross each tier each time."""
        found = []
        for claim in self.placed.claims.flows:
            ends = claim.flow.source, claim.flow.target
            source, target = (self.placed.jobs[end].placement.workload.mesh for end in ends)
            domains = self.domains[ends[0]], self.domains[ends[1]]
            found.append(recount_flow(claim.flow, (source, target), domains, self.cluster.boundary))
        return found

    def objective(self) -> Iterator[Finding]:
        """The objective is as claimed, and no bound above it."""
        claims, shared_s = self.placed.claims, self._seconds(self.shared_bytes)
        crossing = [[float(each[index].sum()) for each in self.leaving] for index in range(len(self.names))]
        flows_s = math.fsum(
            self.placed.jobs[claim.flow.source].priority * self._seconds(sent) / claim.flow.every
            for claim, sent in zip(claims.flows, self.flow_bytes, strict=True)
        )
        value = (
            flows_s
            + shared_s
            + math.fsum(
                job.priority * self._seconds(sent)
                for job, sent in zip(self.placed.jobs, crossing, strict=True)
            )
        )
        for what, stated, found in (
            ("time of shared bytes", claims.shared_s, shared_s),
            ("time of flows", claims.flows_s, flows_s),
            ("fleet's objective", claims.value_s, value),
        ):
            if not _close(stated, found):
                yield Finding("J025", f"the {what} is claimed to be {stated!r}, recomputed {found!r}")
        if not claims.lower_bound_s <= min(value, claims.value_s) * (1 + TOLERANCE):
            yield Finding(
                "J026", f"the lower bound {claims.lower_bound_s!r} of the fleet is above the value {value!r}"
            )

    def _seconds(self, tier_bytes: list[float]) -> float:
        """Bytes of each tier over the summed uplinks of its domains in service."""
        total = 0.0
        holder = self.cluster.gpu_node[self.cluster.gpu_in_service]
        for tier, crossing in zip(self.cluster.tiers, tier_bytes, strict=True):
            if tier.uplink_bytes_per_s is not None and crossing:
                capacity = math.fsum(tier.uplink_bytes_per_s[np.unique(holder)])
                total += crossing / capacity if capacity else math.inf
            holder = tier.parent[holder] if len(tier.parent) else holder
        return total


def _close(stated: float, found: float) -> bool:
    return math.isclose(stated, found, rel_tol=TOLERANCE, abs_tol=0.0)


def _alike(stated: float | None, found: float | None) -> bool:
    if stated is None or found is None:
        return stated is found
    return math.isclose(stated, found, rel_tol=FLOW_TOLERANCE, abs_tol=FLOW_TOLERANCE**2)
