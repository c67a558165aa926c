"""What a search found, as tables and as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from planner.report.style import table
from planner.units import format_bytes, format_seconds
from planner.workload.job import DataParallel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from planner.strategy.outline import Outline
    from planner.strategy.place import Placed
    from planner.strategy.search import Answer, Found
    from planner.strategy.space import Question
    from planner.workload.job import Job


SHARING = {
    DataParallel.DDP: "ddp",
    DataParallel.DISTRIBUTED_OPTIMIZER: "optimizer",
    DataParallel.FSDP: "fsdp",
    DataParallel.FSDP_NO_RESHARD: "fsdp, kept",
}


def search_document(answer: Answer, placed: Sequence[Placed]) -> dict[str, object]:
    """All of it as plain data."""
    return {
        "considered": answer.considered,
        "simulated": answer.simulated,
        "best": [_document(found) for found in answer.best],
        "front": [_document(found) for found in answer.front],
        "placed_step_s": [each.simulation.time.step_s for each in placed],
    }


def _document(found: Found) -> dict[str, object]:
    job = found.job
    return {
        **{axis: getattr(job.mesh, axis) for axis in ("tp", "cp", "ep", "pp", "vp", "dp")},
        "micro_batch": job.micro_batch,
        "schedule": str(job.schedule),
        "recompute": str(job.recompute),
        "data_parallel": str(job.data_parallel),
        "rank_order": "-".join(job.mesh.rank_order),
        "gpus": job.mesh.world_size,
        "step_s": found.step_s,
        "tokens_per_s": _tokens_per_s(found),
        "tflops_per_gpu": found.tflops_per_gpu(),
        "memory_bytes": found.memory_bytes,
        "exposed_s": dict(found.time.exposed_s),
        "bubble_s": found.time.bubble_s,
    }


def _tokens_per_s(found: Found) -> float:
    return found.job.global_batch * found.job.sequence / found.step_s


def _speed(found: Found, gpus: int) -> str:
    return (
        f"the fastest: {_tokens_per_s(found):,.0f} tokens/s "
        f"on {found.job.mesh.world_size:,} of {gpus:,} GPUs, "
        f"{found.tflops_per_gpu():,.0f} TFLOP/s a GPU (causal count)"
    )


def search_view(
    question: Question, outline: Outline, answer: Answer, placed: Sequence[Placed]
) -> RenderableType:
    """For people: the fastest, those of them that were placed, the front of time and memory."""
    head = (
        f"{question.model.name} on {outline.gpus:,} GPUs ({outline.gpu.name}): batch of "
        f"{question.global_batch:,} x {question.sequence:,} tokens in {question.precision}"
    )
    parts: list[RenderableType] = [
        Text(head, style="bold"),
        f"{answer.considered:,} strategies, {answer.simulated:,} simulated; none of the others is faster",
        _speed(answer.best[0], outline.gpus),
        _table(answer.best, placed),
    ]
    if len(answer.front) > 1:
        parts += [Text("least memory for the time", style="bold"), _table(answer.front, ())]
    return Group(*parts)


def _table(found: Sequence[Found], placed: Sequence[Placed]) -> Table:
    columns = ("schedule", "recompute", "sharing", "memory", "step")
    made = table("degrees, microbatch", *columns, *(["placed"] if placed else []))
    for index, each in enumerate(found):
        job = each.job
        there = [format_seconds(placed[index].simulation.time.step_s)] if index < len(placed) else []
        made.add_row(
            degrees(job),
            str(job.schedule),
            str(job.recompute),
            SHARING[job.data_parallel],
            format_bytes(each.memory_bytes),
            format_seconds(each.step_s),
            *there,
        )
    return made


def degrees(job: Job) -> str:
    """Degrees above 1 and the microbatch: ``tp8 pp16x4 dp8 mb1`` has four virtual stages."""
    mesh = job.mesh
    shown = [f"{axis}{mesh.degree(axis)}" for axis in ("tp", "cp", "ep") if mesh.degree(axis) > 1]
    if mesh.pp > 1:
        shown.append(f"pp{mesh.pp}" + (f"x{mesh.vp}" if mesh.vp > 1 else ""))
    return " ".join([*shown, f"dp{mesh.dp}", f"mb{job.micro_batch}"])
