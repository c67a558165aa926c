"""Changes to a job that bring its memory down, least costly first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.units import format_bytes
from planner.workload.checks import findings
from planner.workload.defaults import to_job
from planner.workload.memory import memory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.workload.schema import WorkloadFile

FACTORS = (2, 4, 8, 16)


def remedies(file: WorkloadFile, available_bytes: float) -> Iterator[str]:
    """Single changes after which every stage fits `available_bytes`, recomputed, as text.

    Parameters
    ----------
    file
        A resolved workload with a model.
    """
    for change, changed in _changes(file):
        if any(True for _ in findings(changed)):
            continue
        needed = max(stage.total for stage in memory(to_job(changed)))
        if needed <= available_bytes:
            yield f"{change} ({format_bytes(needed)} a GPU)"


def _changes(file: WorkloadFile) -> Iterator[tuple[str, WorkloadFile]]:
    """Candidates: each with what it says in the file; the world stays as large as it is."""
    if file.stages is not None:
        yield "stages: even", file.model_copy(update={"stages": None})
    if file.data_parallel == "ddp":
        yield _with(file, data_parallel="distributed_optimizer")
    yield from _smaller_micro_batches(file)
    for recompute in ("selective", "full")[("none", "selective", "full").index(file.recompute or "full") :]:
        yield _with(file, recompute=recompute)
    for axis in ("pp", "ep", "tp", "cp"):
        yield from _larger_degrees(file, axis)
    if file.data_parallel != "fsdp":
        yield _with(file, data_parallel="fsdp")


def _with(file: WorkloadFile, **change: str) -> tuple[str, WorkloadFile]:
    [(key, value)] = change.items()
    return f"{key}: {value}", file.model_copy(update=change)


def _smaller_micro_batches(file: WorkloadFile) -> Iterator[tuple[str, WorkloadFile]]:
    batch = file.batch
    if batch is None:
        return
    for micro in range(batch.micro - 1, 0, -1):
        if batch.micro % micro == 0:
            smaller = batch.model_copy(update={"micro": micro})
            yield f"batch: {{micro: {micro}}}", file.model_copy(update={"batch": smaller})


def _larger_degrees(file: WorkloadFile, axis: str) -> Iterator[tuple[str, WorkloadFile]]:
    """`axis` times a factor; but for ep, which takes no ranks, dp shrinks by as much."""
    degrees = file.parallelism
    for factor in FACTORS:
        larger = {axis: getattr(degrees, axis) * factor}
        if axis != "ep":
            if degrees.dp % factor:
                continue
            larger["dp"] = degrees.dp // factor
        said = ", ".join(f"{key}: {value}" for key, value in larger.items())
        changed = degrees.model_copy(update=larger)
        yield f"parallelism: {{{said}}}", file.model_copy(update={"parallelism": changed})
