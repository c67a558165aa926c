"""The smallest change to a job that does not fit in memory, so that it does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import TYPE_CHECKING

from planner.strategy.defaults import fullest, seconds_a_sample, splits_evenly, with_batch
from planner.strategy.space import divisors
from planner.workload.job import DataParallel, Recompute

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from planner.strategy.defaults import Default
    from planner.strategy.outline import Outline
    from planner.workload.job import Job
    from planner.workload.mesh import Mesh

MOST_CHANGES = 3
AXES = ("tp", "ep", "pp")
# Values from the one that needs most memory to the one that needs least.
MORE = {
    "recompute": (Recompute.NONE, Recompute.SELECTIVE, Recompute.FULL),
    "data_parallel": (DataParallel.DDP, DataParallel.DISTRIBUTED_OPTIMIZER, DataParallel.FSDP),
    "sequence_parallel": (False, True),
}


@dataclass(frozen=True)
class Remedy:
    """A job that fits, and what was changed for that: ``ep 72``, ``recompute full``."""

    job: Job
    changes: tuple[str, ...]


def remedy(default: Default, outline: Outline, limit: float) -> Remedy | None:
    """Of the fewest changes that make a job fit the fastest by formula; None where three are too few.

    Parameters
    ----------
    limit
        Bytes of memory of a GPU.
    """
    choices = {name: list(_values(default.job, name, outline)) for name in default.turns}
    for count in range(1, MOST_CHANGES + 1):
        fitting = [
            changes
            for names in combinations(default.turns, count)
            for changes in product(*([(name, value) for value in choices[name]] for name in names))
            if _fits(default.job, changes, limit)
        ]
        if fitting:
            made = [Remedy(_changed(default.job, each), tuple(map(_said, each))) for each in fitting]
            return min(made, key=lambda each: seconds_a_sample(each.job, outline))
    return None


def _values(job: Job, name: str, outline: Outline) -> Iterator[object]:
    """Values of a setting that need less memory than the job's."""
    if name in MORE:
        order = MORE[name]
        yield from order[order.index(getattr(job, name)) + 1 :]
    elif name == "micro_batch":
        yield from (size for size in divisors(job.micro_batch) if size < job.micro_batch)
    else:
        degrees = _degrees(job, name, outline)
        yield from (degree for degree in degrees if degree > job.mesh.degree(name))


def _degrees(job: Job, name: str, outline: Outline) -> Iterable[int]:
    """Degrees that an axis can have."""
    model = job.model
    match name:
        case "tp":
            domain = outline.levels[0].gpus if outline.levels else outline.gpus
            return (degree for degree in divisors(model.heads) if splits_evenly(job, degree, domain))
        case "pp":
            return divisors(model.layers)
        case _:
            return divisors(model.experts.count) if model.experts else ()


def _fits(job: Job, changes: Sequence[tuple[str, object]], limit: float) -> bool:
    mesh = _mesh(job, changes)
    if not mesh.dp or mesh.cp * mesh.dp % mesh.ep:
        return False
    return fullest(_changed(job, changes)) <= limit


def _mesh(job: Job, changes: Sequence[tuple[str, object]]) -> Mesh:
    """The mesh with other degrees, and replicas on as many of its ranks as they divide."""
    mesh = replace(job.mesh, **{name: value for name, value in changes if name in AXES})  # type: ignore[arg-type]
    return replace(mesh, dp=job.mesh.world_size // (mesh.tp * mesh.cp * mesh.pp))


def _changed(job: Job, changes: Sequence[tuple[str, object]]) -> Job:
    """The job with other settings, and all its samples."""
    others: dict[str, object] = {name: value for name, value in changes if name not in AXES}
    if others.get("data_parallel") is DataParallel.FSDP:
        others["gradient_bytes"] = 2
    changed = replace(job, mesh=_mesh(job, changes), **others)  # type: ignore[arg-type]
    return with_batch(changed, job)


def _said(change: tuple[str, object]) -> str:
    name, value = change
    return (name if value is True else f"{name} {value}").replace("_", " ")
