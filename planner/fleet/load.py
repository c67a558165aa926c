"""From a fleet file to a fleet on a cluster."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from planner.errors import CheckError, InputError, did_you_mean
from planner.fleet.fleet import Fleet, Job, PinRule, TierRule, selected
from planner.fleet.schema import FleetFile, Range
from planner.fleet.sizes import Sizes, possible_dp, speaks_between_copies, valid_dp
from planner.library import find
from planner.placement.file import read_placement
from planner.source import Findings, examine, read_document
from planner.topology.names import NAME_FORM, is_name
from planner.workload.fit import check_rules
from planner.workload.load import load_workload

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from typing import TypeVar

    from planner.fleet.schema import JobSection, RuleSection, Size
    from planner.placement.placement import Placement
    from planner.topology.cluster import Cluster
    from planner.workload.workload import Workload

    Found = TypeVar("Found")

STAND_INS = {("format_version",): 1, ("name",): "unnamed", ("jobs", "name"): "unnamed"}
MOST_PROBLEMS_OF_A_FILE = 3


def load_fleet(path_or_name: str | os.PathLike[str], cluster: Cluster) -> Fleet:
    """Read a fleet file, by path or shipped name, for a cluster.

    Raises
    ------
    InputError
        With every mistake in the file, each at its place: what a fleet file cannot say, jobs of the
        same name (J001), rules on jobs (J002) or tiers (J005) that are not there, sizes that a workload
        cannot have (J003), placements that run on another cluster (J004), and what is wrong with the
        workloads, placements and selectors that it names.
    """
    reader = _Reader(Findings(read_document(path_or_name, "fleet")), cluster)
    spec = examine(reader.noted, FleetFile, STAND_INS)
    fleet = None if spec is None else reader.fleet(spec)
    reader.noted.settle()
    assert fleet is not None
    return fleet


class _Reader:
    """Turns the sections of one file into what they mean; what is wrong is noted."""

    def __init__(self, noted: Findings, cluster: Cluster) -> None:
        self.noted = noted
        self.cluster = cluster
        self.folder = Path(noted.document.path).parent
        self.workloads: dict[Path, Workload] = {}

    def fleet(self, spec: FleetFile) -> Fleet | None:
        """The fleet; None where a job of it could not be made."""
        self.check_names(spec)
        made = [self.job(section, index) for index, section in enumerate(spec.jobs)]
        known: dict[str, int] = {}
        for index, section in enumerate(spec.jobs):
            known.setdefault(section.name, index)
        rules = [self.rule(section, index, known) for index, section in enumerate(spec.rules)]
        jobs = tuple(job for job in made if job is not None)
        if len(jobs) < len(made):
            return None
        return Fleet(spec.name, jobs, tuple(rule for rule in rules if rule is not None))

    def check_names(self, spec: FleetFile) -> None:
        """Names are those of files, and each is one job's alone."""
        seen: set[str] = set()
        for index, job in enumerate(spec.jobs):
            path = ("jobs", index, "name")
            if self.noted.doubtful(*path):
                continue
            if not is_name(job.name):
                self.noted.add("V009", f"{job.name!r} cannot name a job's file", path, expected=NAME_FORM)
            if job.name.lower() in seen:
                self.noted.add("J001", f"a second job called {job.name}", path, expected="a name of its own")
            seen.add(job.name.lower())

    def job(self, section: JobSection, index: int) -> Job | None:
        """One job; None where it cannot be made."""
        path = ("jobs", index)
        sizes, running = None, None
        if self._one_source(section, index):
            if section.running is not None:
                running = self._placement(section.running, index)
                sizes = None if running is None else _as_it_runs(running)
            elif section.workload is not None:
                workload = self._workload(section.workload, index)
                sizes = None if workload is None else self._sizes(section, workload, index)
        if sizes is None:
            return None
        position = self.noted.document.position((*path, "name"))
        return Job(section.name, section.priority, sizes, running, position)

    def _one_source(self, section: JobSection, index: int) -> bool:
        """Whether the job says what it is in one way."""
        path: tuple[str | int, ...] = ("jobs", index)
        if self.noted.doubtful_within(*path, "workload") or self.noted.doubtful_within(*path, "running"):
            return False
        if (section.workload is None) == (section.running is None):
            both = section.workload is not None
            self.noted.add(
                "J006",
                "a job with both workload and running" if both else "a job with nothing to place",
                (*path, "running") if both else path,
                key=both,
                expected="workload, for a job to place, or running, for one that runs",
            )
            return False
        given = [key for key in ("dp", "replicas", "batch") if key in section.model_fields_set]
        if section.running is not None and given:
            self._note_size(index, given[0], "a job that runs has the size it has", "no size")
            return False
        if section.dp is not None and section.replicas is not None:
            self._note_size(index, "replicas", "a job measured in two ways", "dp or replicas")
            return False
        return True

    def _note_size(self, index: int, key: str, message: str, expected: str) -> None:
        self.noted.add("J003", message, ("jobs", index, key), key=True, expected=expected)

    def _workload(self, asked: str, index: int) -> Workload | None:
        return self._taken(lambda: self._load_workload(asked), ("jobs", index, "workload"))

    def _load_workload(self, asked: str) -> Workload:
        path = find("workload", asked, beside=self.folder).resolve()
        if path not in self.workloads:
            self.workloads[path] = load_workload(path)
            check_rules(self.workloads[path], self.cluster)
        return self.workloads[path]

    def _placement(self, asked: str, index: int) -> Placement | None:
        path = ("jobs", index, "running")
        placement = self._taken(lambda: read_placement(self.folder / asked), path)
        if placement is not None:
            other = different_cluster(placement.cluster, self.cluster)
            if other is None:
                return placement
            self.noted.add(
                "J004",
                f"{asked} is a placement on another cluster: {other}",
                path,
                expected=f"a placement on {self.cluster.name}",
            )
        return None

    def _taken(self, make: Callable[[], Found], path: tuple[str | int, ...]) -> Found | None:
        """What `make` makes; None where it fails, with the reason noted."""
        try:
            return make()
        except (InputError, CheckError) as error:
            self.noted.take(InputError(*error.problems[:MOST_PROBLEMS_OF_A_FILE]), path)
        return None

    def _sizes(self, section: JobSection, workload: Workload, index: int) -> Sizes | None:
        """The sizes that the section lets the job have."""
        if section.replicas is not None:
            return self._replicas(section.replicas, workload, index)
        if section.dp is None:
            return Sizes(workload, "dp", [workload.mesh.dp])
        if self.noted.doubtful_within("jobs", index, "dp"):
            return None
        least, most = _limits(section.dp)
        counted = possible_dp(workload, least, most, section.batch)
        values = valid_dp(workload, counted, section.batch)
        if values:
            return Sizes(workload, "dp", values, section.batch)
        per_replica = "batch" in workload.description and section.batch == "fixed"
        self.noted.add(
            "J003",
            f"{workload.name} cannot have a dp {_said(section.dp)}",
            ("jobs", index, "dp"),
            expected="a dp that keeps expert groups whole and divides the global batch",
            suggestion="batch: per_replica, so that the global batch grows with dp" if per_replica else None,
        )
        return None

    def _replicas(self, size: Size, workload: Workload, index: int) -> Sizes | None:
        if speaks_between_copies(workload):
            self._note_size(
                index,
                "replicas",
                f"copies of {workload.name} would have traffic along dp",
                "a workload given by its traffic, with none along dp or edp; or dp instead of replicas",
            )
            return None
        least, most = _limits(size)
        return Sizes(workload, "replicas", range(least, most + 1))

    def rule(self, section: RuleSection, index: int, known: dict[str, int]) -> TierRule | PinRule | None:
        """One rule; None where it makes no sense."""
        path: tuple[str | int, ...] = ("rules", index)
        if section.pin is not None:
            job = self._job_index(section.pin.job, (*path, "pin", "job"), known)
            gpus = self._selected(section.pin.to, (*path, "pin", "to"))
            position = self.noted.document.position((*path, "pin"), key=True)
            return (
                None if job is None or gpus is None else PinRule(job, tuple(section.pin.to), gpus, position)
            )
        kind, rule = ("apart", section.apart) if section.apart else ("together", section.together)
        if rule is None:
            return None
        found = [self._job_index(name, (*path, kind, "jobs", at), known) for at, name in enumerate(rule.jobs)]
        tier = self._tier_index(rule.tier, (*path, kind, "tier"))
        jobs = sorted({each for each in found if each is not None})
        if tier is None or len(jobs) < len(found):
            if tier is not None and None not in found:
                self.noted.add(
                    "J002", "a job named twice", (*path, kind, "jobs"), expected="each job of a rule once"
                )
            return None
        text = TierRule.told(kind, rule.jobs, rule.tier)
        position = self.noted.document.position((*path, kind), key=True)
        return TierRule("apart" if kind == "apart" else "together", tuple(jobs), tier, text, position)

    def _job_index(self, name: str, path: tuple[str | int, ...], known: dict[str, int]) -> int | None:
        if name not in known:
            self.noted.add(
                "J002",
                f"no job {name!r} in this fleet",
                path,
                expected=f"one of {', '.join(known)}",
                suggestion=did_you_mean(name, known),
            )
        return known.get(name)

    def _tier_index(self, name: str, path: tuple[str | int, ...]) -> int | None:
        names = [tier.name for tier in self.cluster.tiers]
        if name in names[:-1]:
            return names.index(name)
        self.noted.add(
            "J005",
            f"no tier {name!r} with several domains in {self.cluster.name}",
            path,
            expected=f"one of {', '.join(names[:-1])}",
            suggestion=did_you_mean(name, names[:-1]),
        )
        return None

    def _selected(self, selectors: list[str], path: tuple[str | int, ...]) -> np.ndarray | None:
        """GPUs that any of the selectors stands for."""
        found = [
            self._taken(partial(selected, self.cluster, [each]), (*path, at))
            for at, each in enumerate(selectors)
        ]
        gpus = [each for each in found if each is not None]
        return np.logical_or.reduce(gpus) if len(gpus) == len(found) else None


def _as_it_runs(placement: Placement) -> Sizes:
    return Sizes(placement.workload, "dp", [placement.workload.mesh.dp])


def _limits(size: Size) -> tuple[int, int]:
    return (size.min, size.max) if isinstance(size, Range) else (size, size)


def _said(size: Size) -> str:
    return f"from {size.min} to {size.max}" if isinstance(size, Range) else f"of {size}"


def different_cluster(one: Cluster, other: Cluster) -> str | None:
    """How the tiers, domains or GPUs of two clusters differ, or None; health and uplinks may."""
    names = [[tier.name for tier in cluster.tiers] for cluster in (one, other)]
    if names[0] != names[1]:
        return f"its tiers are {', '.join(names[0])}"
    if one.gpus != other.gpus or not np.array_equal(one.gpu_node, other.gpu_node):
        return (
            f"it has {one.gpus:,} GPUs, not {other.gpus:,}" if one.gpus != other.gpus else "its nodes differ"
        )
    for mine, theirs in zip(one.tiers[:-1], other.tiers[:-1], strict=True):
        if not np.array_equal(mine.parent, theirs.parent) or list(mine.names) != list(theirs.names):
            return f"its {mine.name}s differ"
    return None
