"""What a search found, as tables and as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from planner.report.style import table
from planner.units import format_bytes, format_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from planner.strategy.outline import Outline
    from planner.strategy.place import Placed
    from planner.strategy.search import Answer, Found
    from planner.strategy.space import Question


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
    tokens = job.global_batch * job.sequence
    return {
        **{axis: getattr(job.mesh, axis) for axis in ("tp", "cp", "ep", "pp", "vp", "dp")},
        "micro_batch": job.micro_batch,
        "schedule": str(job.schedule),
        "recompute": str(job.recompute),
        "data_parallel": str(job.data_parallel),
        "rank_order": "-".join(job.mesh.rank_order),
        "gpus": job.mesh.world_size,
        "step_s": found.step_s,
        "tokens_per_s": tokens / found.step_s,
        "tflops_per_gpu": found.tflops_per_gpu(),
        "memory_bytes": found.memory_bytes,
        "exposed_s": dict(found.time.exposed_s),
        "bubble_s": found.time.bubble_s,
    }


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
        _table(answer.best, placed),
    ]
    if len(answer.front) > 1:
        parts += [Text("least memory for the time", style="bold"), _table(answer.front, ())]
    return Group(*parts)


def _table(found: Sequence[Found], placed: Sequence[Placed]) -> Table:
    columns = ["tp", "cp", "ep", "pp", "vp", "dp", "micro", "schedule", "recompute", "data parallel"]
    made = table(*columns, "memory", "tokens/s", "step", *(["placed"] if placed else []), left=0)
    for index, each in enumerate(found):
        job, mesh = each.job, each.job.mesh
        degrees = (mesh.tp, mesh.cp, mesh.ep, mesh.pp, mesh.vp, mesh.dp, job.micro_batch)
        tokens = job.global_batch * job.sequence / each.step_s
        there = [format_seconds(placed[index].simulation.time.step_s)] if index < len(placed) else []
        made.add_row(
            *map(str, degrees),
            str(job.schedule),
            str(job.recompute),
            str(job.data_parallel),
            format_bytes(each.memory_bytes),
            f"{tokens:,.0f}",
            format_seconds(each.step_s),
            *there,
        )
    return made
