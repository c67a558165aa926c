"""Stages of a placement: what each holds, how long it takes, how full it is, and other cuts of the layers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Group
from rich.text import Text

from planner.cost.cut import cut_layers
from planner.cost.cut_loads import loads_of
from planner.cost.recut import recut
from planner.cost.simulate import simulate
from planner.errors import UsageError
from planner.report.style import table
from planner.report.values import percent
from planner.units import format_bytes, format_seconds
from planner.workload.memory import memory
from planner.workload.stages import chunks_of_stage, sizes, stages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from planner.cost.step import Step
    from planner.placement.placement import Placement

ALIKE = 1e-6


@dataclass(frozen=True)
class StageFacts:
    """One stage; seconds are those of one microbatch, bytes those of one GPU.

    Parameters
    ----------
    layers
        Layers of each of its chunks, in the order that they run.
    """

    layers: tuple[int, ...]
    embedding: bool
    head: bool
    forward_s: float
    backward_s: float
    memory_bytes: float

    @property
    def seconds(self) -> float:
        """Forward and backward."""
        return self.forward_s + self.backward_s

    @property
    def holds(self) -> str:
        """Layers and ends, in words."""
        count = sum(self.layers)
        parts = [f"{count} layer{'' if count == 1 else 's'}"]
        parts += ["embedding"] if self.embedding else []
        parts += ["head"] if self.head else []
        return ", ".join(parts)


@dataclass(frozen=True)
class CutFacts:
    """A way to cut the layers.

    Parameters
    ----------
    layers
        Layers of each chunk along the pipeline.
    slowest_s
        Seconds that its slowest stage takes for a microbatch.
    memory_bytes
        What a GPU of its fullest stage holds.
    step_s
        A step with it.
    """

    layers: tuple[int, ...]
    slowest_s: float
    memory_bytes: float
    step_s: float

    def document(self) -> dict[str, object]:
        """The same as plain data."""
        return {
            "layers": list(self.layers),
            "slowest_s": self.slowest_s,
            "memory_bytes": self.memory_bytes,
            "step_s": self.step_s,
        }


@dataclass(frozen=True)
class StagesView:
    """All stages, and other cuts.

    Parameters
    ----------
    parts
        What the slowest stage's time is made of, by name.
    cuts
        The cut at hand ("placed"), the "even" one, and the one that is "balanced", where any fits.
    gpu_bytes
        Memory of the GPUs; None where it is not known.
    proven
        Whether no cut that fits has a faster slowest stage than the balanced one, or none fits where there
        is none.
    """

    stages: tuple[StageFacts, ...]
    parts: dict[str, float]
    cuts: dict[str, CutFacts]
    gpu_bytes: float | None
    proven: bool

    @property
    def slowest(self) -> int:
        """The stage that takes longest, the last of several."""
        return _slowest(self.stages)

    @property
    def fullest(self) -> int:
        """The stage that holds most, the first of several."""
        return max(range(len(self.stages)), key=lambda index: self.stages[index].memory_bytes)

    @property
    def is_best(self) -> bool:
        """Whether no cut that is known has a faster slowest stage."""
        best = self.cuts.get("balanced")
        return best is not None and self.cuts["placed"].slowest_s <= best.slowest_s * (1 + ALIKE)

    def document(self) -> dict[str, object]:
        """The same as plain data."""
        return {
            "slowest": self.slowest,
            "slowest_parts_s": self.parts,
            "fullest": self.fullest,
            "gpu_memory_bytes": self.gpu_bytes,
            "balanced_proven": self.proven,
            "cuts": {name: cut.document() for name, cut in self.cuts.items()},
            "stages": [
                {
                    "stage": index,
                    "layers": list(stage.layers),
                    "embedding": stage.embedding,
                    "head": stage.head,
                    "forward_s": stage.forward_s,
                    "backward_s": stage.backward_s,
                    "memory_bytes": stage.memory_bytes,
                }
                for index, stage in enumerate(self.stages)
            ],
        }


def stages_view(placement: Placement) -> StagesView | None:
    """What is known of a placement's stages; None where nothing says how long they take."""
    try:
        simulation = simulate(placement)
    except UsageError:
        return None
    step, limit = simulation.step, simulation.gpu.memory_bytes
    wanted = {"placed": sizes(step.job), "even": sizes(replace(step.job, cut=None))}
    best = cut_layers(loads_of(step, limit))
    wanted |= {} if best.sizes is None else {"balanced": best.sizes}
    known = {cut: _cut(recut(step, cut)) for cut in {*wanted.values()}}
    cuts = {name: known[cut] for name, cut in wanted.items()}
    found = _stages(step)
    return StagesView(found, _parts(step, _slowest(found)), cuts, limit, best.proven)


def _slowest(found: Sequence[StageFacts]) -> int:
    longest = max(stage.seconds for stage in found)
    return max(index for index, stage in enumerate(found) if stage.seconds >= longest * (1 - ALIKE))


def _stages(step: Step) -> tuple[StageFacts, ...]:
    job, durations, cut = step.job, step.durations, sizes(step.job)
    forward = durations.forward.sum(axis=1)
    backward = (durations.by_input + durations.by_weight).sum(axis=1)
    return tuple(
        StageFacts(
            tuple(cut[chunk] for chunk in chunks),
            held.embedding,
            held.head,
            float(forward[index]),
            float(backward[index]),
            needs.total,
        )
        for index, (chunks, held, needs) in enumerate(
            zip(chunks_of_stage(job), stages(job), memory(job), strict=True)
        )
    )


def _parts(step: Step, stage: int) -> dict[str, float]:
    """Seconds of a microbatch on one stage: layers, what is beside them, exposed communication by axis."""
    loads = loads_of(step)
    exposed = {
        f"exposed {axis}": float(forward[stage] + backward[stage])
        for axis, (forward, backward) in step.exposed_passes.items()
    }
    ends = float(loads.extra_s[list(loads.held[stage])].sum())
    layers = float(loads.chunk_s(sizes(step.job))[stage].sum()) - ends - sum(exposed.values())
    found = {"layers": layers, "embedding and head": ends, **exposed}
    return {name: seconds for name, seconds in found.items() if seconds > 0}


def _cut(step: Step) -> CutFacts:
    durations = step.durations
    stage_s = (durations.forward + durations.by_input + durations.by_weight).sum(axis=1)
    fullest = max(needs.total for needs in memory(step.job))
    return CutFacts(sizes(step.job), float(stage_s.max()), fullest, step.time(quick=True).step_s)


def stages_text(view: StagesView) -> RenderableType:
    """For people: the slowest stage and why, every stage, other cuts."""
    lines = [_slowest_line(view), _fullest_line(view)]
    if len(view.stages) > 1:
        lines.append(_best_line(view))
    parts: list[RenderableType] = [Text("stages", style="bold"), *lines, _stage_table(view)]
    if len(view.stages) > 1:
        parts.append(_cut_table(view))
    return Group(*parts)


def _slowest_line(view: StagesView) -> str:
    """Which stage is slowest, and of what its time is made."""
    stage = view.stages[view.slowest]
    mean = float(np.mean([each.seconds for each in view.stages]))
    above = f", {percent(stage.seconds / mean - 1)} above the mean" if stage.seconds > mean * 1.0005 else ""
    parts = ", ".join(f"{name} {format_seconds(seconds)}" for name, seconds in view.parts.items())
    return (
        f"slowest is stage {view.slowest} ({stage.holds}): {format_seconds(stage.seconds)} a microbatch"
        f"{above}: {parts}"
    )


def _fullest_line(view: StagesView) -> str:
    """Which stage is fullest, and how full."""
    stage = view.stages[view.fullest]
    of = "" if view.gpu_bytes is None else f" of {format_bytes(view.gpu_bytes)}"
    return f"fullest is stage {view.fullest} ({stage.holds}): {format_bytes(stage.memory_bytes)}{of} a GPU"


def _best_line(view: StagesView) -> str:
    """Whether another cut has a faster slowest stage."""
    placed, best = view.cuts["placed"], view.cuts.get("balanced")
    if best is None:
        return f"no cut of the layers {'fits in memory' if view.proven else 'was found that fits in memory'}"
    if view.is_best:
        if view.proven:
            return "no cut that fits in memory has a faster slowest stage"
        return "no cut was found that fits in memory and has a faster slowest stage; there may be one"
    return (
        f"stages: balanced would make the slowest one {percent(1 - best.slowest_s / placed.slowest_s)} faster"
    )


def _stage_table(view: StagesView) -> Table:
    """Every stage, those alike that follow each other in one row."""
    made = table("stage", "layers", "forward", "backward", "memory", "of the GPU", left=2)
    numbered = enumerate(view.stages)
    for stage, members in groupby(numbered, key=lambda pair: _shown(pair[1])):
        first, *others = [index for index, _ in members]
        label = f"{first}" if not others else f"{first} to {others[-1]}"
        share = "-" if view.gpu_bytes is None else percent(view.stages[first].memory_bytes / view.gpu_bytes)
        made.add_row(label, *stage, share)
    return made


def _shown(stage: StageFacts) -> tuple[str, ...]:
    ends = [name for name, there in (("embedding", stage.embedding), ("head", stage.head)) if there]
    layers = " + ".join([*map(str, stage.layers), *ends])
    seconds = (format_seconds(stage.forward_s), format_seconds(stage.backward_s))
    return layers, *seconds, format_bytes(stage.memory_bytes)


def _cut_table(view: StagesView) -> Table:
    """The cut at hand beside others, the same ones in one row."""
    made = table("cut", "slowest stage", "fullest stage", "step", "layers of the chunks")
    made.columns[-1].justify = "left"
    for cut in dict.fromkeys(view.cuts.values()):
        made.add_row(
            ", ".join(name for name, other in view.cuts.items() if other.layers == cut.layers),
            format_seconds(cut.slowest_s),
            format_bytes(cut.memory_bytes),
            format_seconds(cut.step_s),
            runs(cut.layers),
        )
    return made


def runs(layers: tuple[int, ...]) -> str:
    """Numbers in a row, equal ones once: ``7, 8 x 14, 7``."""
    counted = [(size, len(list(members))) for size, members in groupby(layers)]
    return ", ".join(f"{size} x {times}" if times > 1 else f"{size}" for size, times in counted)
