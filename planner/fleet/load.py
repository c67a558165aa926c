"""From a fleet file to a fleet on a cluster."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from planner.errors import InputError
from planner.fleet.contents import Content, Member, content_of
from planner.fleet.fleet import Fleet, Job
from planner.fleet.load_rules import RuleReader, taken
from planner.fleet.schema import FleetFile, Range
from planner.fleet.serving import impossible_splits, served, served_stages
from planner.fleet.sizes import Sizes, possible_dp, speaks_between_copies, valid_dp
from planner.library import find
from planner.placement.file import read_placement
from planner.source import Findings, examine, read_document
from planner.strategy.balance import balance
from planner.topology.names import NAME_FORM, is_name
from planner.workload.architecture import load_architecture, to_model
from planner.workload.fit import check_rules
from planner.workload.load import load_workload

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from typing import TypeVar

    from planner.fleet.schema import (
        JobSection,
        RoleSection,
        ServingSection,
        Size,
    )
    from planner.placement.placement import Placement
    from planner.topology.cluster import Cluster
    from planner.workload.workload import Workload

    Found = TypeVar("Found")
    Path_ = tuple[str | int, ...]
    Known = Mapping[str, tuple[int, ...]]

STAND_INS = {("format_version",): 1, ("name",): "unnamed", ("jobs", "name"): "unnamed"}
SOURCES = ("workload", "serving", "running")


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
        made = [self.members(section, index) for index, section in enumerate(spec.jobs)]
        jobs = [member for members in made for member in members]
        self.check_names(jobs)
        reader = RuleReader(self.noted, self.cluster, _by_name(jobs))
        rules = [rule for index, each in enumerate(spec.rules) for rule in reader.rules(each, index)]
        flows = [
            flow
            for index, section in enumerate(spec.jobs)
            for at, each in enumerate(section.flows if section.roles else ())
            if (flow := reader.flow(each, ("jobs", index, "flows", at), made[index])) is not None
        ]
        if any(member.job is None for member in jobs):
            return None
        placed = tuple(member.job for member in jobs if member.job is not None)
        return Fleet(spec.name, placed, tuple(rules), tuple(flows))

    def check_names(self, members: Sequence[Member]) -> None:
        """Names are those of files, and each is one job's or role's alone."""
        seen: set[str] = set()
        for member in members:
            path = (*member.path, "name")
            if self.noted.doubtful(*path):
                continue
            if not is_name(member.name):
                self.noted.add("V009", f"{member.name!r} cannot name a job's file", path, expected=NAME_FORM)
            if member.name.lower() in seen:
                self.noted.add(
                    "J001", f"a second job called {member.name}", path, expected="a name of its own"
                )
            seen.add(member.name.lower())

    def members(self, section: JobSection, index: int) -> list[Member]:
        """A job, or each role of it."""
        path: Path_ = ("jobs", index)
        if section.roles is None:
            if section.flows:
                self.noted.add(
                    "J007", "flows of a job without roles", (*path, "flows"), key=True, expected="roles"
                )
            return [self.member(section, path, section.name, section.name, section.priority)]
        own = [key for key in SOURCES if getattr(section, key) is not None]
        if own:
            self._note(
                "J006",
                f"a job with both roles and {own[0]}",
                (*path, own[0]),
                "what each role is, in the role",
            )
        return [
            self.member(
                role, (*path, "roles", at), f"{section.name}.{role.name}", section.name, section.priority
            )
            for at, role in enumerate(section.roles)
        ]

    def member(self, section: RoleSection, path: Path_, name: str, group: str, priority: float) -> Member:
        """One job or role; its job is None where it cannot be made."""
        sizes, running, content = None, None, None
        if self._one_source(section, path):
            if section.running is not None:
                running = self._placement(section.running, path)
                sizes = None if running is None else _as_it_runs(running)
                content = None if running is None else content_of(running.workload)
            else:
                found = self._workload(section, path)
                if found is not None:
                    workload, content = found
                    sizes = self._sizes(section, workload, path)
        position = self.noted.document.position((*path, "name"))
        job = None if sizes is None else Job(name, priority, sizes, running, position, group)
        return Member(name, section.name, group, path, job, content)

    def _one_source(self, section: RoleSection, path: Path_) -> bool:
        """Whether it says what it is in one way."""
        if any(self.noted.doubtful_within(*path, key) for key in SOURCES):
            return False
        given = [key for key in SOURCES if getattr(section, key) is not None]
        if len(given) != 1:
            self.noted.add(
                "J006",
                f"a job with both {given[0]} and {given[1]}" if given else "a job with nothing to place",
                (*path, given[1]) if given else path,
                key=bool(given),
                expected="workload or serving, for what is to be placed, or running, for what runs",
            )
            return False
        sized = [key for key in ("dp", "replicas", "batch") if key in section.model_fields_set]
        if section.running is not None and sized:
            self._note("J003", "a job that runs has the size it has", (*path, sized[0]), "no size")
            return False
        if section.dp is not None and section.replicas is not None:
            self._note("J003", "a job measured in two ways", (*path, "replicas"), "dp or replicas")
            return False
        return True

    def _note(self, code: str, message: str, path: Path_, expected: str) -> None:
        self.noted.add(code, message, path, key=True, expected=expected)

    def _workload(self, section: RoleSection, path: Path_) -> tuple[Workload, Content | None] | None:
        """What is to be placed, and the weights in it."""
        if section.workload is not None:
            asked = section.workload
            workload = taken(self.noted, lambda: self._load_workload(asked), (*path, "workload"))
            return None if workload is None else (workload, content_of(workload))
        if section.serving is None:
            return None
        return self._served(section.serving, (*path, "serving"))

    def _served(self, section: ServingSection, path: Path_) -> tuple[Workload, Content] | None:
        architecture = taken(
            self.noted, lambda: load_architecture(section.model, self.folder), (*path, "model")
        )
        if architecture is None or self.noted.doubtful_within(*path, "parallelism"):
            return None
        model = to_model(architecture)
        wrong = list(impossible_splits(section, model))
        for axis, message, expected in wrong:
            self.noted.add("J014", message, (*path, "parallelism", axis), expected=expected)
        if wrong:
            return None
        try:
            workload = served(section, model)
            check_rules(workload, self.cluster)
        except InputError as error:
            # All else was looked at before, and positions in a workload made here lead nowhere.
            position = self.noted.document.position((*path, "keep"))
            self.noted.problems += [replace(problem, position=position) for problem in error.problems]
            return None
        return workload, Content(model, served_stages(section, model))

    def _load_workload(self, asked: str) -> Workload:
        path = find("workload", asked, beside=self.folder).resolve()
        if path not in self.workloads:
            self.workloads[path] = balance(self.cluster, load_workload(path))
            check_rules(self.workloads[path], self.cluster)
        return self.workloads[path]

    def _placement(self, asked: str, path: Path_) -> Placement | None:
        path = (*path, "running")
        placement = taken(self.noted, lambda: read_placement(self.folder / asked), path)
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

    def _sizes(self, section: RoleSection, workload: Workload, path: Path_) -> Sizes | None:
        """The sizes that the section lets the job have."""
        if section.replicas is not None:
            return self._replicas(section.replicas, workload, path)
        if section.dp is None:
            return Sizes(workload, "dp", [workload.mesh.dp])
        if self.noted.doubtful_within(*path, "dp"):
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
            (*path, "dp"),
            expected="a dp that keeps expert groups whole and divides the global batch",
            suggestion="batch: per_replica, so that the global batch grows with dp" if per_replica else None,
        )
        return None

    def _replicas(self, size: Size, workload: Workload, path: Path_) -> Sizes | None:
        if speaks_between_copies(workload):
            self._note(
                "J003",
                f"copies of {workload.name} would have traffic along dp",
                (*path, "replicas"),
                "a workload given by its traffic, with none along dp or edp; or dp instead of replicas",
            )
            return None
        least, most = _limits(size)
        return Sizes(workload, "replicas", range(least, most + 1))


def _by_name(members: Sequence[Member]) -> Known:
    """Indices by the name of a job or role, and of all roles by that of their job."""
    known: dict[str, tuple[int, ...]] = {}
    for index, member in enumerate(members):
        for name in dict.fromkeys((member.group, member.name)):
            # Of two jobs of the same name the first counts; they are told of elsewhere.
            if name not in known or (member.group == name and member.name != name):
                known[name] = (*known.get(name, ()), index)
    return known


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
