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

from planner.cost.compute import Compute
from planner.cost.routing import sent_share
from planner.cost.schedules import program
from planner.cost.software import MODERN
from planner.cost.tensor import exposed_calls
from planner.cost.timeline import EMPTY, Durations, run, run_spans
from planner.workload.job import DataParallel, Recompute, Schedule
from planner.workload.payloads import layer_bytes
from planner.workload.stages import chunks_of_stage, kinds, sizes, stages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from planner.cost.figures import Figures, FiguresFile
    from planner.cost.network import FamilyTime
    from planner.cost.software import Software
    from planner.cost.timeline import Timeline
    from planner.topology.presets import Gpu
    from planner.workload.job import Job

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]


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
        Every pass; none of them where the step was looked at quickly.
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
class _Played:
    """Passes of some microbatches: of each stage from its first to its last, and of that its work, (pp,)."""

    timeline: Timeline
    span_s: FloatArray
    busy_s: FloatArray
    sending_s: float

    def beyond(self, fewer: _Played, times: float) -> _Played:
        """What `times` as many microbatches more would give as these have more than `fewer`.

        However well the passes of few microbatches fit into each other, more of them cannot take less
        than the busiest stage's work.
        """
        worked = self.busy_s - fewer.busy_s
        return _Played(
            self.timeline,
            self.span_s + times * np.maximum(self.span_s - fewer.span_s, worked.max()),
            self.busy_s + times * worked,
            self.sending_s + times * (self.sending_s - fewer.sending_s),
        )


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
        if "ep" in self.network:
            sent = replace(
                self.network["ep"], outside=sent_share(self.job.model.experts, self.network["ep"].domains)
            )
            object.__setattr__(self, "network", {**self.network, "ep": sent})

    @property
    def figures(self) -> Figures:
        """Constants of the GPU's generation."""
        return self.compute.figures

    def time(self, *, quick: bool = False) -> StepTime:
        """Run the schedule and add what comes before and after.

        Parameters
        ----------
        quick
            Of many microbatches run some only: once a pipeline is full, each takes as long as the one
            before. The timeline is empty then, and what of the bubble is due to sending is not told
            apart.
        """
        pp, count = self.job.mesh.pp, self.job.num_microbatches
        # These need two rounds before they are full, DualPipe from either end.
        slow = (Schedule.DUALPIPE, Schedule.ZB_H2, Schedule.ZB_V)
        few = 2 * pp if self.job.schedule in slow else pp
        if quick and count > few + pp:
            more = self._glance(few + pp)
            played = more.beyond(self._glance(few), (count - few - pp) / pp)
        else:
            played = self._glance(count) if quick else self._play(count)
        data = self.exposed_data_s
        tails = played.span_s + data + self.optimizer_s
        slowest = int(tails.argmax())
        exposed = {axis: float(each[slowest]) for axis, each in self.exposed_by_axis.items()}
        exposed["pp"] = played.sending_s
        exposed["ep"] -= float(self._work_s[slowest] - played.busy_s[slowest]) if self._hides_experts else 0.0
        exposed["dp"] = float(data[slowest])
        pipeline = float(played.span_s[slowest])
        return StepTime(
            step_s=float(tails[slowest]) + self.figures.shared.step_overhead_s,
            pipeline_s=pipeline,
            bubble_s=pipeline - float(played.busy_s[slowest]),
            exposed_s=exposed,
            optimizer_s=float(self.optimizer_s[slowest]),
            timeline=played.timeline,
            stage_s=played.busy_s,
        )

    @cached_property
    def least_s(self) -> float:
        """A step's time without running it: the busiest stage's work, and the bubble by its formula.

        The formulas are those of the schedules' papers, with stages as they are: 1F1B and GPipe wait for
        one microbatch on all other stages, interleaving for 1/v of it, ZB-H1 for what its weight halves
        do not fill, the others for nothing. On uneven stages a step takes longer.
        """
        durations = self.durations
        both = (durations.forward + durations.by_input).sum(axis=1)
        weight = durations.by_weight.sum(axis=1)
        passes = both + weight
        busiest = int(passes.argmax())
        waiting = 0.0
        match self.job.schedule:
            case Schedule.GPIPE | Schedule.ONE_F_ONE_B | Schedule.INTERLEAVED:
                waiting = float(passes.sum() - passes[busiest]) / self.job.mesh.vp
            case Schedule.ZB_H1:
                waiting = max(0.0, float((both - weight).sum() - (both - weight)[busiest]))
        hidden = 0.0 if durations.hidden is None else durations.hidden.sum(axis=(0, 2))
        tails = (passes - hidden) * self.job.microbatches_per_layer + self.exposed_data_s + self.optimizer_s
        return float(tails.max()) + waiting + self.figures.shared.step_overhead_s

    def _play(self, microbatches: int) -> _Played:
        """Run so many microbatches, and once more as if sending took no time."""
        pp = self.job.mesh.pp
        schedule = program(self.job.schedule, pp, self.job.mesh.vp, microbatches)
        timeline = run(schedule, self.durations)
        waited = 0.0
        if self.sent_s:
            at_once = replace(self.durations, sent=np.zeros_like(self.durations.sent))
            waited = max(0.0, timeline.total_s - run(schedule, at_once).total_s)
        span = timeline.last_end_s(pp) - timeline.first_start_s(pp)
        return _Played(timeline, span, timeline.busy_s(pp), waited)

    def _glance(self, microbatches: int) -> _Played:
        """The same without every pass, and without what is due to sending."""
        schedule = program(self.job.schedule, self.job.mesh.pp, self.job.mesh.vp, microbatches)
        spans = run_spans(schedule, self.durations)
        return _Played(EMPTY, spans.last_s - spans.first_s, spans.busy_s, 0.0)

    @cached_property
    def durations(self) -> Durations:
        """Seconds of every pass of every chunk."""
        held, counts = np.array(chunks_of_stage(self.job)), self.chunk_counts
        forward, by_input, by_weight = (
            np.einsum("pck,pk->pc", counts[held], each) for each in self.layer_passes
        )
        head, last = self.compute.head(), held == len(counts) - 1
        # Frameworks that overlap nothing wait for what they send and receive.
        waits = 0.0 if self.software.overlaps else self.sent_s
        forward, by_input = forward + last * head.forward + waits, by_input + last * head.by_input + waits
        by_weight = by_weight + last * head.by_weight
        hidden = self._hidden(forward, by_input + by_weight) if self._hides_experts else None
        return Durations(forward, by_input, by_weight, np.full(held.shape, self.sent_s - waits), hidden)

    @property
    def _hides_experts(self) -> bool:
        """Whether tokens travel to experts and back beside the other direction's passes."""
        return self.job.schedule is Schedule.DUALPIPE and "ep" in self.network and self.software.overlaps

    def _hidden(self, forward: FloatArray, backward: FloatArray) -> FloatArray:
        """What of each chunk's passes is hidden where one runs beside the other direction's, (2, pp, chunks).

        Dispatch and combine of one direction run beside what the other computes (DeepSeek-V3, section
        3.2.1), as far as that is enough.
        """
        counts = self.chunk_counts[np.array(chunks_of_stage(self.job))]
        sent = [np.einsum("pck,pk->pc", counts, each) for each in self._exposed_layers["ep"]]
        # A forward has the backward of the stage's other chunk beside it, and that the forward.
        beside = (backward - sent[1])[:, ::-1], (forward - sent[0])[:, ::-1]
        hidden = np.array([np.minimum(own, other) for own, other in zip(sent, beside, strict=True)])
        # Meanwhile passes lack the processors that send.
        return self.figures.shared.computing_processors * hidden

    @property
    def _work_s(self) -> FloatArray:
        """What each stage works in a step if no pass hides anything of another, shape (pp,)."""
        durations = self.durations
        passes = (durations.forward + durations.by_input + durations.by_weight).sum(axis=1)
        work: FloatArray = passes * self.job.microbatches_per_layer
        return work

    @cached_property
    def chunk_counts(self) -> IntArray:
        """Layers of each kind in each chunk along the pipeline, shape (chunks, kinds)."""
        before = kinds(self.job.model)[1]
        counts: IntArray = np.diff(before[np.cumsum([0, *sizes(self.job)])], axis=0)
        return counts

    @cached_property
    def _stage_counts(self) -> IntArray:
        """Layers of each kind that each stage holds, shape (pp, kinds)."""
        counts: IntArray = self.chunk_counts[np.array(chunks_of_stage(self.job))].sum(axis=1)
        return counts

    @cached_property
    def layer_passes(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Forward and both backwards of one layer and microbatch, each of shape (pp, kinds).

        Communication that nothing hides is in it.
        """
        made = [self.compute.layer(layer) for layer in kinds(self.job.model)[0]]
        forward = sum((f for f, _ in self._exposed_layers.values()), np.zeros(self._stage_counts.shape))
        backward = sum((b for _, b in self._exposed_layers.values()), np.zeros(self._stage_counts.shape))
        return (
            forward + [each.forward for each in made],
            backward + [each.by_input for each in made],
            np.zeros(forward.shape) + [each.by_weight for each in made],
        )

    @cached_property
    def _exposed_layers(self) -> dict[str, tuple[FloatArray, FloatArray]]:
        """Exposed seconds of forward and of backward of one layer and microbatch, by axis, (pp, kinds)."""
        return {axis: self._exposed(axis) for axis in ("tp", "cp", "ep")}

    @cached_property
    def exposed_passes(self) -> dict[str, tuple[FloatArray, FloatArray]]:
        """Exposed seconds of forward and of backward of one microbatch on each stage, by axis, each (pp,)."""
        return {axis: self._of_stages(*each) for axis, each in self._exposed_layers.items()}

    def exposed_of(self, axis: str) -> tuple[FloatArray, FloatArray]:
        """The same for one axis, without a look at the others."""
        return self._of_stages(*self._exposed(axis))

    def _of_stages(self, forward: FloatArray, backward: FloatArray) -> tuple[FloatArray, FloatArray]:
        return (self._stage_counts * forward).sum(axis=1), (self._stage_counts * backward).sum(axis=1)

    @cached_property
    def exposed_by_axis(self) -> dict[str, FloatArray]:
        """Exposed seconds of a step by axis, each of shape (pp,)."""
        passes = self.job.microbatches_per_layer
        return {axis: passes * (f + b) for axis, (f, b) in self.exposed_passes.items()}

    def _exposed(self, axis: str) -> tuple[FloatArray, FloatArray]:
        forward, backward = np.zeros(self._stage_counts.shape), np.zeros(self._stage_counts.shape)
        for name, found in self.network.items():
            if _axis_of(name) != axis:
                continue
            total, share = self._layer_s(name, found), _forward_share(name, self.job)
            first, later = share * total, (1 - share) * total
            if axis == "tp":
                first, later = self._beside_products(name, total)
            forward, backward = forward + first, backward + later
        if axis == "cp":
            return self._beside_attention(forward, backward)
        if axis == "ep" and self.software.overlaps:
            exposed = 1 - self.figures.shared.expert_overlap
            return forward * exposed, backward * exposed
        return forward, backward

    def _beside_products(self, name: str, total: FloatArray) -> tuple[FloatArray, FloatArray]:
        """What of a family of tensor parallelism no product hides, of shape (pp, kinds) as its total."""
        # A layer has two calls of each sort, for its attention and for its FFN.
        once, again = 2 / _calls_a_layer(name, self.job) * total, self.job.recompute is Recompute.FULL
        forward, backward = np.zeros(total.shape), np.zeros(total.shape)
        for kind, layer in enumerate(kinds(self.job.model)[0]):
            moe = self.job.model.is_moe_layer(layer)
            first, later = exposed_calls(self.compute, name, once[:, kind], moe=moe)
            forward[:, kind], backward[:, kind] = first, later + again * first
        return forward, backward

    def _layer_s(self, name: str, found: FamilyTime) -> FloatArray:
        """Seconds of a family for one layer and microbatch, with each call's latency, (pp, kinds).

        On a stage without a layer that has such traffic, one would take as long as on the slowest other.
        """
        each = np.array([layer_bytes(self.job, name, layer) for layer in kinds(self.job.model)[0]])
        moved = self._stage_counts @ each
        stage_s = found.seconds(self.figures) / self.job.microbatches_per_layer
        rate = np.divide(stage_s, moved, out=np.zeros_like(stage_s), where=moved > 0)
        rate[moved == 0] = rate.max(initial=0.0)
        latency = self.figures.shared.scale_up_latency_s
        if found.domains > 1:
            latency += self.figures.shared.scale_out_latency_s * ceil(log2(found.domains))
        seconds: FloatArray = rate[:, None] * each
        seconds += np.where(seconds > 0, _calls_a_layer(name, self.job) * latency, 0.0)
        return seconds

    def _beside_attention(self, forward: FloatArray, backward: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Keys and values travel while attention works on those that are there (ring attention)."""
        attention = self.compute.attention_s()
        return (
            np.maximum(forward - attention.forward, forward / self.job.mesh.cp),
            np.maximum(backward - attention.by_input, backward / self.job.mesh.cp),
        )

    @cached_property
    def sent_s(self) -> float:
        """Seconds from one stage to the next for one microbatch."""
        found = self.network.get("pp")
        if found is None:
            return 0.0
        crossings = self.job.mesh.vp * (2 if self.job.schedule is Schedule.ZB_V else 1)
        each = float(found.seconds(self.figures).max()) / (self.job.num_microbatches * crossings)
        return each + self.figures.shared.scale_up_latency_s + self._gathered_s

    @property
    def _gathered_s(self) -> float:
        """Seconds in which tensor ranks gather what each has received a share of: half an all-reduce."""
        found = self.network.get("tp")
        if found is None or not self.software.gathers_sent:
            return 0.0
        return float(self._layer_s("tp", found).max()) / _calls_a_layer("tp", self.job) / 2

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
        if not self.software.reduces_early:
            return totals
        durations = self.durations
        passes = durations.forward + durations.by_input + durations.by_weight
        beside = passes.sum(axis=1)
        if self.job.data_parallel is DataParallel.FSDP:
            beside = beside * self.job.microbatches_per_layer
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
