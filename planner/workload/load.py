"""From a workload file to a workload."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from planner.errors import InputError
from planner.source import Document, in_file_order, parse_document, read_document, validate
from planner.workload.architecture import load_architecture
from planner.workload.checks import findings
from planner.workload.defaults import resolved, to_job, to_mesh
from planner.workload.memory import memory
from planner.workload.payloads import families
from planner.workload.schema import Architecture, WorkloadFile
from planner.workload.traffic import traffic_families
from planner.workload.workload import Workload

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from planner.errors import Problem
    from planner.workload.job import Job


def load_workload(path_or_name: str | os.PathLike[str]) -> Workload:
    """Read a workload file, by path or shipped name.

    Raises
    ------
    InputError
        With every mistake in the file, each at its place.
    """
    return _build(read_document(path_or_name, "workload"))


def build_workload(description: Mapping[str, object], name: str = "<workload>") -> Workload:
    """A workload from plain data in the form of a workload file.

    Of `Workload.description` it makes the same workload again; messages call the data `name`.

    Raises
    ------
    InputError
        With every mistake in the data.
    """
    return _build(parse_document(json.dumps(description, indent=1), name))


def described_file(workload: Workload) -> WorkloadFile:
    """The resolved file that `workload` was made of."""
    return validate(parse_document(json.dumps(workload.description), workload.name), WorkloadFile)


def job_of(workload: Workload) -> Job | None:
    """The training job behind `workload`; None where its traffic was given outright."""
    file = described_file(workload)
    return None if file.model is None else to_job(file)


def _build(document: Document) -> Workload:
    file = resolved(_checked(document, validate(document, WorkloadFile)))
    mesh = to_mesh(file)
    keep_positions = {axis: document.position(("keep", axis)) for axis in file.keep}
    description = file.model_dump(mode="json", by_alias=True, exclude_none=True)
    if file.model is None:
        return Workload(
            file.name,
            mesh,
            traffic_families(file, mesh),
            file.keep,
            description=description,
            keep_positions=keep_positions,
        )
    job = to_job(file)
    return Workload(
        file.name,
        mesh,
        families(job),
        file.keep,
        tuple(stage.total for stage in memory(job)),
        description,
        keep_positions,
    )


def _checked(document: Document, file: WorkloadFile) -> WorkloadFile:
    """`file` with its model's shape in place of the name, free of mistakes."""
    problems: list[Problem] = []
    if isinstance(file.model, str):
        try:
            file = _with_architecture(file, load_architecture(file.model, Path(document.path).parent))
        except InputError as error:
            problems += [problem.at(document.position(("model",))) for problem in error.problems]
    problems += [finding.problem(document) for finding in findings(file)]
    if problems:
        raise InputError(*in_file_order(problems))
    return file


def _with_architecture(file: WorkloadFile, architecture: Architecture) -> WorkloadFile:
    return file.model_copy(update={"model": architecture})
