"""What a search found, as tables and as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from planner.report.stages import runs
from planner.report.style import table
from planner.strategy.search import SLOWEST_OF_FRONT
from planner.units import format_bytes, format_seconds
from planner.workload.job import DataParallel
from planner.workload.stages import sizes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from planner.strategy.outline import Outline
    from planner.strategy.ranking import Ranked
    from planner.strategy.search import Answer, Found
    from planner.strategy.space import Question
    from planner.workload.job import Job


# Names in a sentence; the rest is counted.
SHOWN = 12
SHARING = {
    DataParallel.DDP: "ddp",
    DataParallel.DISTRIBUTED_OPTIMIZER: "optimizer",
    DataParallel.FSDP: "fsdp",
    DataParallel.FSDP_NO_RESHARD: "fsdp, kept",
}


def search_document(answer: Answer, ranking: Sequence[Ranked]) -> dict[str, object]:
    """All of it as plain data; ``step_s`` is predicted, ``placed_step_s`` is on the cluster itself."""
    return {
        "considered": answer.considered,
        "simulated": answer.simulated,
        "complete": answer.complete,
        "best": [
            {
                **_document(each.found),
                "placed_step_s": each.step_s if each.placed else None,
                "placed_without": list(each.placed.without) if each.placed else [],
                "why_not_placed": each.why_not or None,
            }
            for each in ranking
        ],
        "front_complete": answer.front_complete,
        "front": [_document(found) for found in answer.front],
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
        "stages": list(sizes(job)),
        "step_s": found.step_s,
        "tokens_per_s": _tokens(job) / found.step_s,
        "tflops_per_gpu": found.tflops_per_gpu(),
        "memory_bytes": found.memory_bytes,
        "exposed_s": dict(found.time.exposed_s),
        "bubble_s": found.time.bubble_s,
    }


def _tokens(job: Job) -> int:
    return job.global_batch * job.sequence


def search_view(
    question: Question, outline: Outline, answer: Answer, ranking: Sequence[Ranked]
) -> RenderableType:
    """For people: the fastest, those of them that were placed first, and the front of time and memory."""
    models = ", ".join(dict.fromkeys(part.gpu.name for part in outline.grounds))
    head = (
        f"{question.model.name} on {outline.gpus:,} GPUs ({models}): batch of "
        f"{question.global_batch:,} x {question.sequence:,} tokens in {question.precision}"
    )
    parts: list[RenderableType] = [
        Text(head, style="bold"),
        _covered(answer),
        _speed(ranking[0], outline.gpus),
        _ranking(ranking),
        *_not_placed(ranking),
        *_placed_without(ranking[0]),
        *_balanced([each.found for each in ranking]),
    ]
    if len(answer.front) > 1:
        parts += [Text(_front_title(answer), style="bold"), _front(answer.front)]
    return Group(*parts)


def _covered(answer: Answer) -> str:
    """How much of the space was looked at."""
    seen = f"{answer.considered:,} strategies, {answer.simulated:,} simulated"
    if answer.complete:
        # Only what was found has its stages balanced.
        return f"{seen}; none of the others, cut evenly, is predicted to be faster"
    return f"{seen} before the search was stopped; others may be faster"


def _speed(first: Ranked, gpus: int) -> str:
    job = first.found.job
    tflops = first.found.tflops_per_gpu() * first.found.step_s / first.step_s
    return (
        f"the fastest{', as placed' if first.placed else ', as predicted'}: "
        f"{_tokens(job) / first.step_s:,.0f} tokens/s on {job.mesh.world_size:,} of {gpus:,} GPUs, "
        f"{tflops:,.0f} TFLOP/s a GPU (causal count)"
    )


def _balanced(found: Sequence[Found]) -> Iterator[str]:
    """Which strategies have their layers cut otherwise than evenly, and how."""
    for place, each in enumerate(found, 1):
        if each.job.cut is not None:
            yield f"{degrees(each.job)} (line {place}): balanced stages of {runs(each.job.cut)} layers"


def _ranking(ranking: Sequence[Ranked]) -> Table:
    """Strategies with what is predicted of them, and their step where they were placed on the cluster."""
    made = table("degrees, microbatch", *COLUMNS, "predicted", "placed")
    for each in ranking:
        there = format_seconds(each.step_s) if each.placed else "cannot be" if each.why_not else "-"
        made.add_row(*_cells(each.found), there)
    return made


COLUMNS = ("schedule", "recompute", "sharing", "memory")


def _front_title(answer: Answer) -> str:
    """What the front is of."""
    if answer.front_complete:
        return f"least memory for steps up to {SLOWEST_OF_FRONT:g} times the fastest, as predicted"
    return "least memory for the time, as predicted; there is more of it"


def _front(found: Sequence[Found]) -> Table:
    made = table("degrees, microbatch", *COLUMNS, "predicted")
    for each in found:
        made.add_row(*_cells(each))
    return made


def _cells(found: Found) -> tuple[str, ...]:
    job = found.job
    return (
        degrees(job),
        str(job.schedule),
        str(job.recompute),
        SHARING[job.data_parallel],
        format_bytes(found.memory_bytes),
        format_seconds(found.step_s),
    )


def _not_placed(ranking: Sequence[Ranked]) -> Iterator[str]:
    """Why strategies cannot be placed."""
    for each in ranking:
        if each.why_not:
            yield f"{degrees(each.found.job)} cannot be placed: {each.why_not}"


def _placed_without(first: Ranked) -> Iterator[str]:
    """What the first strategy does without."""
    if first.placed and first.placed.without:
        names, more = first.placed.without[:SHOWN], len(first.placed.without) - SHOWN
        rest = f" and {more:,} more" if more > 0 else ""
        yield (
            f"placed without what is slower, as the others are enough: {', '.join(names)}{rest}; "
            "planner plan leaves out what the topology file has under spare"
        )


def degrees(job: Job) -> str:
    """Degrees above 1 and the microbatch: ``tp8 pp16x4 dp8 mb1`` has four virtual stages."""
    mesh = job.mesh
    shown = [f"{axis}{mesh.degree(axis)}" for axis in ("tp", "cp", "ep") if mesh.degree(axis) > 1]
    if mesh.pp > 1:
        shown.append(f"pp{mesh.pp}" + (f"x{mesh.vp}" if mesh.vp > 1 else ""))
    return " ".join([*shown, f"dp{mesh.dp}", f"mb{job.micro_batch}"])
