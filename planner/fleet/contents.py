"""The weights that jobs hold, and the flows that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.errors import InputError
from planner.fleet.flows import Common, Flow
from planner.fleet.serving import Stages, kv_bytes, parameters
from planner.workload.load import job_of
from planner.workload.stages import stages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.fleet.fleet import Job
    from planner.fleet.schema import FlowSection
    from planner.workload.mesh import Mesh
    from planner.workload.model import Model
    from planner.workload.workload import Workload


@dataclass(frozen=True)
class Content:
    """A model, and which stage holds what of it."""

    model: Model
    stages: Stages


@dataclass(frozen=True, eq=False)
class Member:
    """A job of a fleet file, or a role of one.

    Parameters
    ----------
    name, role
        Its name in the fleet, and in its own job.
    group
        The job that it is part of.
    path
        Where it stands in the file.
    job
        What it is; None where that was mistaken.
    content
        The weights in it, where they are known.
    """

    name: str
    role: str
    group: str
    path: tuple[str | int, ...]
    job: Job | None
    content: Content | None


def content_of(workload: Workload) -> Content | None:
    """The weights in a training job; None where its traffic was given outright."""
    if "model" not in workload.description:
        return None
    job = job_of(workload)
    if job is None:
        return None
    held = stages(job)
    return Content(
        job.model,
        Stages(
            tuple(frozenset(stage.layers) for stage in held),
            frozenset(index for index, stage in enumerate(held) if stage.embedding),
            frozenset(index for index, stage in enumerate(held) if stage.head),
            job.precision.element_bytes,
        ),
    )


def make_flow(section: FlowSection, source: Member, target: Member) -> Flow:
    """What a section of the file means, indices of jobs left at 0.

    Raises
    ------
    InputError
        J008 where its bytes follow from nothing that is said, or are said twice; J009 where sender and
        receiver hold the weights of different models.
    """
    if section.kind == "weights":
        return _weights(section, source, target)
    if (section.bytes_ is None) == (section.tokens is None) or (section.kind == "samples" and section.tokens):
        raise InputError.of(
            "J008",
            f"a flow of {section.kind} of no known size" if section.bytes_ is None else "a size said twice",
            expected="bytes" if section.kind == "samples" else "bytes or tokens",
        )
    total = section.bytes_
    if total is None:
        content = source.content or target.content
        if content is None:
            raise InputError.of(
                "J008",
                "keys and values of no known model",
                expected="bytes, or a model in one of the roles",
            )
        total = kv_bytes(content.model, section.tokens or 0)
    return Flow(section.kind, 0, 0, section.every, total)


def _weights(section: FlowSection, source: Member, target: Member) -> Flow:
    if section.tokens is not None:
        raise InputError.of("J008", "tokens of a flow of weights", expected="bytes, or nothing")
    if source.job is None or target.job is None:
        raise ValueError("a flow between jobs that are not there")
    if source.content is not None and target.content is not None:
        if source.content.model != target.content.model:
            raise InputError.of(
                "J009",
                f"weights of {source.content.model.name} for {target.content.model.name}",
                expected="the same model in both roles",
            )
        common = list(common_weights(source.content, target.content))
        if section.bytes_ is not None:
            common = _scaled(common, section.bytes_)
    elif section.bytes_ is not None:
        meshes = source.job.sizes.base.mesh, target.job.sizes.base.mesh
        common = list(even_weights(*meshes, section.bytes_))
    else:
        raise InputError.of("J008", "weights of no known model", expected="bytes, or a model in both roles")
    total = sum(each.dense_bytes + each.expert_bytes for each in common)
    return Flow("weights", 0, 0, section.every, total, tuple(common))


def common_weights(source: Content, target: Content) -> Iterator[Common]:
    """What stages of sender and receiver have in common, at the width of the receiver's weights.

    Where several stages hold a layer (DualPipe), the first of them is taken to send it.
    """
    model, width = source.model, target.stages.element_bytes
    sent: set[int] = set()
    for p, layers in enumerate(source.stages.layers):
        fresh = layers - sent
        sent |= layers
        for q, wanted in enumerate(target.stages.layers):
            dense, expert = parameters(model, sorted(fresh & wanted))
            if p == min(source.stages.embedding) and q in target.stages.embedding:
                dense += model.embedding_parameters
            if p == min(source.stages.head) and q in target.stages.head:
                dense += model.head_parameters
            if dense or expert:
                yield Common(p, q, dense * width, expert * width)


def _scaled(common: list[Common], total: float) -> list[Common]:
    """The same with so many bytes in all."""
    factor = total / sum(each.dense_bytes + each.expert_bytes for each in common)
    return [
        each._replace(dense_bytes=each.dense_bytes * factor, expert_bytes=each.expert_bytes * factor)
        for each in common
    ]


def even_weights(source: Mesh, target: Mesh, total: float) -> Iterator[Common]:
    """Weights of a model that is not known, spread evenly over stages and tensor ranks."""
    from planner.fleet.flows import overlaps

    for p, q, share in overlaps(source.pp, target.pp):
        yield Common(p, q, total * share, 0.0)
