"""How long one training step takes, and of what it is made.

Passes of every stage take what they compute and what of their communication is not hidden; a pipeline
schedule runs them event by event; data parallelism and the optimizer come at the end.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from math import ceil, log2
from typing import TYPE_CHECKING

import numpy as np

from planner.cost.compute import MODERN, NOTHING, Compute, Passes
from planner.cost.schedules import program
from planner.cost.timeline import Durations, run
from planner.workload.job import DataParallel, Recompute, Schedule
from planner.workload.stages import chunks, chunks_of_stage, stages

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from planner.cost.compute import Software
    from planner.cost.figures import Figures, FiguresFile
    from planner.cost.network import FamilyTime
    from planner.cost.timeline import Timeline
    from planner.topology.presets import Gpu
    from planner.workload.job import Job

    FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class StepTime:
    """One step.

    Parameters
    ----------
    step_s
        From the start of one step to the start of the next.
    pipeline_s
        Of that, the passes of all microbatches.
    bubble_s
        Of that, what the busiest stage waits for others.
    exposed_s
        Communication that nothing hides, by axis: of the busiest stage.
    optimizer_s
        Update of the parameters.
    timeline
        Every pass.
    stage_s
        Seconds that each stage works, shape (pp,).
    """

    step_s: float
    pipeline_s: float
    bubble_s: float
    exposed_s: Mapping[str, float]
    optimizer_s: float
    timeline: Timeline
    stage_s: FloatArray


@dataclass(frozen=True, eq=False)
class Step:
    """A job on a kind of GPU and a network.

    Parameters
    ----------
    network
        Seconds of a step that each family communicates, by its name, see `planner.cost.network`.
    """

    job: Job
    gpu: Gpu
    network: Mapping[str, FamilyTime]
    software: Software = MODERN
    imbalance: float = 1.0
    constants: FiguresFile | None = None
    compute: Compute = field(init=False)

    def __post_init__(self) -> None:
        made = Compute(self.job, self.gpu, self.software, self.imbalance, self.constants)
        object.__setattr__(self, "compute", made)

    @property
    def figures(self) -> Figures:
        """Constants of the GPU's generation."""
        return self.compute.figures

    def time(self) -> StepTime:
        """Run the schedule and add what comes before and after."""
        pp = self.job.mesh.pp
        schedule = program(self.job.schedule, pp, self.job.mesh.vp, self.job.num_microbatches)
        timeline = run(schedule, self.durations)
        at_once = run(schedule, replace(self.durations, sent=np.zeros_like(self.durations.sent)))
        ends = timeline.last_end_s(pp)
        first = np.full(pp, np.inf)
        np.minimum.at(first, timeline.stage, timeline.start)
        data = self.exposed_data_s
        tails = ends - first + data + self.optimizer_s
        slowest = int(tails.argmax())
        pipeline = float((ends - first)[slowest])
        busy = timeline.busy_s(pp)
        exposed = {axis: float(each[slowest]) for axis, each in self.exposed_by_axis.items()}
        exposed["pp"] = max(0.0, timeline.total_s - at_once.total_s)
        exposed["dp"] = float(data[slowest])
        return StepTime(
            step_s=float(tails[slowest]) + self.figures.shared.step_overhead_s,
            pipeline_s=pipeline,
            bubble_s=pipeline - float(busy[slowest]),
            exposed_s=exposed,
            optimizer_s=float(self.optimizer_s[slowest]),
            timeline=timeline,
            stage_s=busy,
        )

    @cached_property
    def durations(self) -> Durations:
        """Seconds of every pass of every chunk."""
        held = chunks_of_stage(self.job)
        layers = chunks(self.job.model.layers, max(chunk for stage in held for chunk in stage) + 1)
        passes = [[self._chunk(stage, chunk, layers) for chunk in own] for stage, own in enumerate(held)]
        table = np.array([[(p.forward, p.by_input, p.by_weight) for p in stage] for stage in passes])
        sent = np.full(table.shape[:2], self.sent_s)
        return Durations(table[..., 0], table[..., 1], table[..., 2], sent)

    def _chunk(self, stage: int, chunk: int, layers: Sequence[Sequence[int]]) -> Passes:
        """Passes over one chunk: its layers, their exposed communication, embedding and head."""
        total = NOTHING
        for layer in layers[chunk]:
            total += self.compute.layer(layer)
        if chunk == len(layers) - 1:
            total += self.compute.head()
        share = len(layers[chunk]) / max(1, len(stages(self.job)[stage].layers))
        for forward, backward in self._blocking(stage):
            total += Passes(forward * share, backward * share, 0.0)
        return total

    def _blocking(self, stage: int) -> list[tuple[float, float]]:
        """Exposed seconds of tp, cp and ep in forward and backward of one microbatch, for a stage."""
        return [(float(f[stage]), float(b[stage])) for f, b in self._exposed_passes.values()]

    @cached_property
    def _exposed_passes(self) -> dict[str, tuple[FloatArray, FloatArray]]:
        """Exposed seconds of forward and of backward of one microbatch, by axis, each (pp,)."""
        return {axis: self._exposed(axis) for axis in ("tp", "cp", "ep")}

    @cached_property
    def exposed_by_axis(self) -> dict[str, FloatArray]:
        """Exposed seconds of a step by axis, each of shape (pp,)."""
        passes = self.job.microbatches_per_layer * self.job.model_copies
        return {axis: passes * (f + b) for axis, (f, b) in self._exposed_passes.items()}

    def _exposed(self, axis: str) -> tuple[FloatArray, FloatArray]:
        forward, backward = np.zeros(self.job.mesh.pp), np.zeros(self.job.mesh.pp)
        for name, found in self.network.items():
            if _axis_of(name) != axis:
                continue
            total = self._microbatch_s(name, found)
            share = _forward_share(name, self.job)
            forward += share * total
            backward += (1 - share) * total
        if axis == "cp":
            return self._beside_attention(forward, backward)
        overlap = {"tp": self.figures.shared.tensor_overlap, "ep": self.figures.shared.expert_overlap}[axis]
        exposed = 1 - overlap if self.software.overlaps else 1.0
        return forward * exposed, backward * exposed

    def _microbatch_s(self, name: str, found: FamilyTime) -> FloatArray:
        """Seconds that a family takes for one microbatch, with the latency of each call, shape (pp,)."""
        per_microbatch = found.seconds(self.figures) / self.job.microbatches_per_layer
        layers = np.array([len(stage.layers) for stage in stages(self.job)])
        calls = layers * _calls_a_layer(name, self.job)
        latency = self.figures.shared.scale_up_latency_s
        if found.domains > 1:
            latency += self.figures.shared.scale_out_latency_s * ceil(log2(found.domains))
        return per_microbatch + np.where(per_microbatch > 0, calls * latency, 0.0)

    def _beside_attention(self, forward: FloatArray, backward: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Keys and values travel while attention works on those that are there (ring attention)."""
        attention = self.compute.attention_s()
        layers = np.array([len(stage.layers) for stage in stages(self.job)])
        return (
            np.maximum(forward - layers * attention.forward, forward / self.job.mesh.cp),
            np.maximum(backward - layers * attention.by_input, backward / self.job.mesh.cp),
        )

    @cached_property
    def sent_s(self) -> float:
        """Seconds from one stage to the next for one microbatch."""
        found = self.network.get("pp")
        if found is None:
            return 0.0
        crossings = self.job.mesh.vp * (2 if self.job.schedule is Schedule.ZB_V else 1)
        each = float(found.seconds(self.figures).max()) / (self.job.num_microbatches * crossings)
        return each + self.figures.shared.scale_up_latency_s

    @cached_property
    def optimizer_s(self) -> FloatArray:
        """Update of the parameters by stage, shape (pp,)."""
        return np.array([self.compute.optimizer_s(stage) for stage in range(self.job.mesh.pp)])

    @cached_property
    def exposed_data_s(self) -> FloatArray:
        """Data parallelism that nothing hides, shape (pp,).

        Gradients are reduced while the last microbatch's backward runs, one chunk after the other
        where there are virtual stages, and parameters are gathered while the first forward runs. fsdp
        does both in every microbatch, a layer ahead.
        """
        pp, vp = self.job.mesh.pp, self.job.mesh.vp
        totals = np.zeros(pp)
        for name, found in self.network.items():
            if _axis_of(name) == "dp":
                totals += found.seconds(self.figures)
        if not self.software.overlaps:
            return totals
        durations = self.durations
        passes = durations.forward + durations.by_input + durations.by_weight
        beside = passes.sum(axis=1)
        if self.job.data_parallel is DataParallel.FSDP:
            beside = beside * self.job.num_microbatches
        elif vp > 1:
            beside = beside * min(pp, self.job.num_microbatches) * (vp - 1) / vp
        layers = np.array([max(1, len(stage.layers)) for stage in stages(self.job)])
        # The last bucket's reduction and the first one's gathering have nothing beside them.
        exposed: FloatArray = np.maximum(totals - beside, totals / layers)
        return exposed


def _axis_of(name: str) -> str:
    """The axis that a family's exposed time is counted under."""
    axis = name.partition("_")[0]
    return {"expert": "dp", "mirror": "dp", "embedding": "dp"}.get(axis, axis)


def _forward_share(name: str, job: Job) -> float:
    """Part of a family's payload that moves in forward, the rest in backward."""
    again = 1 if job.recompute is Recompute.FULL else 0
    match name:
        case "tp_all_gather":
            return 1 / (3 + again)
        case "cp_reduce_scatter":
            return 0.0
        case _:
            return 1 / (2 + again)


def _calls_a_layer(name: str, job: Job) -> int:
    """Collectives of a family in one layer and microbatch, forward and backward together."""
    again = 1 if job.recompute is Recompute.FULL else 0
    return {
        "tp": 2 * (2 + again),
        "tp_all_gather": 2 * (3 + again),
        "tp_reduce_scatter": 2 * (2 + again),
        "cp_all_gather": 2 + again,
        "cp_reduce_scatter": 1,
        "ep": 2 * (2 + again),
    }.get(name, 0)
