"""How a workload file says that layers are cut into the chunks of its pipeline.

``even`` and layers given outright are settled here. What is to be ``balanced`` depends on how long layers
take, which a cluster decides: `planner.strategy.balance` settles that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.workload.finding import Finding
from planner.workload.job import Schedule
from planner.workload.schema import Architecture, StagesSection
from planner.workload.stages import chunk_count, even

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.workload.schema import Stages, WorkloadFile


def is_open(stages: Stages | None) -> bool:
    """Whether chunks are still to be balanced."""
    return stages == "balanced" or (isinstance(stages, StagesSection) and stages.rest == "balanced")


def pinned(file: WorkloadFile) -> dict[int, int]:
    """Layers of the chunks that are given, by the chunk's number."""
    match file.stages:
        case list():
            return dict(enumerate(file.stages))
        case StagesSection(first=first, last=last):
            given = {0: first, chunks_of(file) - 1: last}
            return {chunk: layers for chunk, layers in given.items() if layers is not None}
        case _:
            return {}


def stated(file: WorkloadFile) -> Stages | None:
    """What a resolved file says: layers of each chunk, or that they are to be balanced; None for even."""
    if file.stages == "even" or is_open(file.stages):
        return None if file.stages == "even" else file.stages
    cut = cut_of(file)
    return None if cut is None else list(cut)


def cut_of(file: WorkloadFile) -> tuple[int, ...] | None:
    """Layers of each chunk, those that are to be balanced even; None where all are even."""
    given = pinned(file)
    if not given or not isinstance(file.model, Architecture):
        return None
    free = [chunk for chunk in range(chunks_of(file)) if chunk not in given]
    shared = even(file.model.layers - sum(given.values()), len(free)) if free else ()
    # Of two that differ, the outer one that has the embedding or the head gets fewer.
    shared = shared[::-1] if 0 in free else shared
    return tuple(size for _, size in sorted({**given, **dict(zip(free, shared, strict=True))}.items()))


def chunks_of(file: WorkloadFile) -> int:
    """Chunks along the pipeline."""
    return chunk_count(Schedule(file.schedule or "1f1b"), file.parallelism.pp, file.parallelism.vp)


def cut_findings(file: WorkloadFile, layers: int) -> Iterator[Finding]:
    """What is wrong with the layers that are given for chunks."""
    given, chunks = pinned(file), chunks_of(file)
    if isinstance(file.stages, list) and len(file.stages) != chunks:
        yield _finding(
            f"layers of {len(file.stages)} chunks for {chunks}",
            f"{chunks} numbers, one a chunk along the pipeline",
            "stages: {first: ..., last: ...}, to give those of the outer ones alone",
        )
        return
    empty = next((chunk for chunk, size in given.items() if size == 0 and chunk not in (0, chunks - 1)), None)
    if empty is not None:
        yield _finding(
            f"no layer in chunk {empty}",
            "at least one in each but the first, which has the embedding, and the last, which has the head",
            at=(empty,),
        )
        return
    yield from _sum_findings(given, chunks, layers)


def _sum_findings(given: dict[int, int], chunks: int, layers: int) -> Iterator[Finding]:
    """Whether the layers that are given leave as many as the other chunks need."""
    total, free = sum(given.values()), chunks - len(given)
    least = sum(chunk not in given for chunk in range(1, chunks - 1))
    if not given or (total == layers if free == 0 else total + least <= layers):
        return
    if free:
        yield _finding(
            f"{total} layers in {len(given)} of {chunks} chunks leave {max(0, layers - total)} of {layers}",
            f"at least {least} for the others, one for each chunk in between",
        )
    else:
        difference = abs(layers - total)
        yield _finding(
            f"{total} layers in the chunks of a model of {layers}",
            f"{layers} together",
            f"{difference} {'fewer' if total > layers else 'more'}",
        )


def _finding(message: str, expected: str, suggestion: str | None = None, at: tuple[int, ...] = ()) -> Finding:
    return Finding("W027", ("stages", *at), message, expected, suggestion)
