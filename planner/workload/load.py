"""From a workload file to a workload."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from planner.errors import InputError
from planner.source import Document, Findings, examine, parse_document, read_document, validate
from planner.units import LARGEST_BYTES
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

    from planner.workload.job import Job

# What lets the rest of a file be examined although one of these is missing or mistaken.
STAND_INS = {
    ("format_version",): 1,
    ("name",): "unnamed",
    ("parallelism",): {},
    ("batch", "global"): 1,
    ("batch", "sequence"): 1,
}


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
    file = _as_data(description)
    if file is not None and isinstance(file.model, Architecture | None) and not any(findings(file)):
        made = _made(file)
        if _largest_bytes(made) <= LARGEST_BYTES:
            return made
    return _build(parse_document(json.dumps(description, indent=1), name))


def described_file(workload: Workload) -> WorkloadFile:
    """The resolved file that `workload` was made of."""
    file = _as_data(workload.description)
    return file or validate(parse_document(json.dumps(workload.description), workload.name), WorkloadFile)


def job_of(workload: Workload) -> Job | None:
    """The training job behind `workload`; None where its traffic was given outright."""
    return to_job(described_file(workload)) if "model" in workload.description else None


def _as_data(description: Mapping[str, object]) -> WorkloadFile | None:
    """Plain data as a file; None where it has to be read as text, to say where its mistakes are.

    To lay data out as text and to read that takes far longer than to look at the data.
    """
    try:
        return WorkloadFile.model_validate(json.loads(json.dumps(description, allow_nan=False)))
    except ValueError:
        return None


def _build(document: Document) -> Workload:
    noted = Findings(document)
    spec = examine(noted, WorkloadFile, STAND_INS)
    checked = None if spec is None else _checked(noted, spec)
    noted.settle()
    assert checked is not None
    made = _made(checked)
    _require_possible(document, made)
    return replace(made, keep_positions={axis: document.position(("keep", axis)) for axis in checked.keep})


def _made(checked: WorkloadFile) -> Workload:
    """The workload of a file without mistakes."""
    file = resolved(checked)
    mesh = to_mesh(file)
    description = file.model_dump(mode="json", by_alias=True, exclude_none=True)
    if file.model is None:
        return Workload(file.name, mesh, traffic_families(file, mesh), file.keep, description=description)
    job = to_job(file)
    needed = tuple(stage.total for stage in memory(job))
    return Workload(file.name, mesh, families(job), file.keep, needed, description)


def _require_possible(document: Document, made: Workload) -> None:
    """Refuse a model out of whose sizes comes more than any machine could hold or move."""
    largest = _largest_bytes(made)
    if largest > LARGEST_BYTES:
        raise InputError.of(
            "V005",
            f"these sizes give {largest:.3g} bytes for a single GPU or group",
            expected=f"sizes that give at most {LARGEST_BYTES:g}",
            position=document.position(("model",), key=True),
        )


def _largest_bytes(made: Workload) -> float:
    """The most that a GPU holds or a group moves, by the shape of the model; 0 where none is given."""
    if made.memory_bytes is None:
        return 0.0
    return max((*made.memory_bytes, *(max(each.payload_bytes, default=0.0) for each in made.families)))


def _checked(noted: Findings, file: WorkloadFile) -> WorkloadFile:
    """`file` with its model's shape in place of the name; what is wrong with either is noted."""
    document = noted.document
    if isinstance(file.model, str):
        try:
            file = _with_architecture(file, load_architecture(file.model, Path(document.path).parent))
        except InputError as error:
            noted.take(error, ("model",))
    noted.problems += [finding.problem(document) for finding in findings(file, noted)]
    return file


def _with_architecture(file: WorkloadFile, architecture: Architecture) -> WorkloadFile:
    return file.model_copy(update={"model": architecture})
