"""Strategies side by side, as tables and as plain data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from planner.cost.parts import PARTS
from planner.report.search import SHARING, degrees
from planner.report.style import table
from planner.report.values import UNKNOWN, percent, ratio
from planner.units import format_bytes, format_seconds

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from planner.cost.flops import FlopCount
    from planner.placement.placement import Placement
    from planner.strategy.contest import Contender, Contest

SHOWN = [name for name in PARTS if name not in ("optimizer", "overhead")]
# Parts shown of a difference, and the share of it that a part must have.
MOST_REASONS, LEAST_SHARE = 3, 0.05
# Digits of a part, counted from the first of the step.
LEAST_DIGITS = 3


def contest_document(contest: Contest, count: FlopCount) -> dict[str, object]:
    """All of it as plain data; seconds, bytes, tokens."""
    return {
        "gpus": contest.gpus,
        "flop_count": str(count),
        "reference": contest.reference.name,
        "strategies": [_document(contest, each, count) for each in contest.contenders],
        "absent": [{"name": name, "reason": reason} for name, reason in contest.absent],
    }


def _document(contest: Contest, contender: Contender, count: FlopCount) -> dict[str, object]:
    job = contender.job
    return {
        "name": contender.name,
        **{axis: getattr(job.mesh, axis) for axis in ("tp", "cp", "ep", "pp", "vp", "dp")},
        "micro_batch": job.micro_batch,
        "global_batch": job.global_batch,
        "precision": str(job.precision),
        "schedule": str(job.schedule),
        "recompute": str(job.recompute),
        "data_parallel": str(job.data_parallel),
        "step_s": contender.step_s,
        "tokens_per_s": contender.tokens_per_s,
        "tokens_per_s_per_gpu": contender.tokens_per_s / contest.gpus,
        "mfu": contender.mfu(contest.gpus, count),
        "memory_bytes": contender.memory_bytes,
        "excess_bytes": contender.excess_bytes,
        "fits": not contender.excess_bytes,
        "ratio": contest.ratio(contender),
        "parts_s": dict(contender.parts_s),
        "more_s": contest.more_s(contender),
        "tiers": [
            {"tier": tier, "crossing_bytes": crossing}
            for tier, crossing in zip(contest.tiers, contender.tier_bytes, strict=True)
        ],
        "notes": list(contender.notes),
    }


def contest_view(placement: Placement, contest: Contest, count: FlopCount) -> RenderableType:
    """For people: what each runs, how fast, what it moves, what its step goes to, and why."""
    job = contest.contenders[0].job
    head = (
        f"{job.model.name} on {contest.gpus:,} GPUs of {placement.cluster.name}: batch of "
        f"{job.global_batch:,} x {job.sequence:,} tokens in {job.precision}"
    )
    return Group(
        Text(head, style="bold"),
        _strategies(contest),
        _speeds(contest, count),
        _bytes(contest),
        _parts(contest),
        *_reasons(contest),
        *_notes(contest),
    )


def _strategies(contest: Contest) -> Table:
    """What each runs, and whether it fits."""
    made = table("strategy", "degrees, microbatch", "schedule", "recompute", "sharing", "memory", left=2)
    for each in contest.contenders:
        made.add_row(
            each.name,
            degrees(each.job),
            str(each.job.schedule) if each.job.mesh.pp > 1 else UNKNOWN,
            str(each.job.recompute),
            SHARING[each.job.data_parallel],
            _memory(each),
            style=_style(contest, each),
        )
    return made


def _memory(contender: Contender) -> str:
    """What it needs of a GPU, and by how much that is too much."""
    needed = format_bytes(contender.memory_bytes)
    return f"{needed}, {format_bytes(contender.excess_bytes)} too much" if contender.excess_bytes else needed


def _speeds(contest: Contest, count: FlopCount) -> Table:
    """How fast each is, over all GPUs that it was given."""
    columns = ("samples", "step", "tokens/s", "a GPU", f"MFU ({count})", "time for the same tokens")
    made = table("strategy", *columns)
    for each in contest.contenders:
        made.add_row(
            each.name,
            f"{each.job.global_batch:,}",
            format_seconds(each.step_s),
            f"{each.tokens_per_s:,.0f}",
            f"{each.tokens_per_s / contest.gpus:,.0f}",
            percent(each.mfu(contest.gpus, count)),
            ratio(contest.ratio(each), 1),
            style=_style(contest, each),
        )
    return made


def _bytes(contest: Contest) -> Table:
    """What each moves across every tier in a step."""
    made = table("bytes across", *contest.tiers[:-1])
    for each in contest.contenders:
        made.add_row(each.name, *map(format_bytes, each.tier_bytes[:-1]))
    return made


def _parts(contest: Contest) -> Table:
    """What the step of each goes to, small parts together."""
    shown = [name for name in SHOWN if any(each.parts_s[name] > 0 for each in contest.contenders)]
    made = table("seconds of a step", *shown, "rest")
    for each in contest.contenders:
        rest = sum(seconds for name, seconds in each.parts_s.items() if name not in shown)
        parts = (*(each.parts_s[name] for name in shown), rest)
        made.add_row(each.name, *(f"{_rounded(seconds, each.step_s):.3g}" for seconds in parts))
    return made


def _rounded(seconds: float, step_s: float) -> float:
    """A part of a step to some thousandths of it; smaller parts are not worth their digits."""
    return round(seconds, LEAST_DIGITS - math.floor(math.log10(step_s)))


def _style(contest: Contest, contender: Contender) -> str | None:
    if contender is contest.reference:
        return "bold green"
    return "dim" if contender.excess_bytes else None


def _reasons(contest: Contest) -> list[Text]:
    """What each takes more than the reference, or less, and where."""
    lines = []
    for each in contest.contenders:
        if each is not contest.reference:
            more = contest.more_s(each)
            said = ", ".join(f"{seconds:+.3g} s {name}" for name, seconds in largest(more))
            head = f"{each.name}: {ratio(contest.ratio(each), 1)} the time of {contest.reference.name}"
            lines.append(Text(f"{head}: {said}" if said else head))
    return lines


def largest(more_s: dict[str, float]) -> list[tuple[str, float]]:
    """The few parts that make up a difference, the largest first."""
    ordered = sorted(more_s.items(), key=lambda part: -abs(part[1]))
    least = LEAST_SHARE * sum(abs(seconds) for seconds in more_s.values())
    return [(name, seconds) for name, seconds in ordered[:MOST_REASONS] if abs(seconds) > least]


def _notes(contest: Contest) -> list[Text]:
    """What is not as asked for, and what does not run."""
    notes = [Text(f"{each.name}: {note}", style="dim") for each in contest.contenders for note in each.notes]
    return notes + [Text(f"{name}: {reason}", style="dim") for name, reason in contest.absent]
