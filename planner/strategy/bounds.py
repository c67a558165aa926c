"""What a strategy takes at the least, in time and in memory, without looking at its stages.

The fullest stage holds no less than the stages hold on average, and the slowest works no less than
they work on average; a microbatch also passes all stages once while the pipeline fills and empties.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from planner.cost.figures import figures_of
from planner.cost.step import Step
from planner.strategy.space import ORDERS, Question, Strategy
from planner.workload.activations import layer_activation_bytes
from planner.workload.job import DataParallel, Recompute, Schedule
from planner.workload.memory import optimizer_bytes
from planner.workload.payloads import families

if TYPE_CHECKING:
    from planner.strategy.outline import Outline


class _OfOne(NamedTuple):
    """One microbatch through all layers: seconds, seconds by weight alone, bytes of activations."""

    passes_s: float
    by_weight_s: float
    kept_bytes: float


@dataclass(frozen=True)
class Bounds:
    """Lower bounds for the strategies of a question."""

    question: Question
    outline: Outline

    def __post_init__(self) -> None:
        object.__setattr__(self, "_known", {})

    def time_s(self, strategy: Strategy) -> float:
        """Seconds of a step at the least."""
        one = self._of_one(strategy)
        microbatches = self.question.global_batch // (strategy.micro * strategy.dp)
        filling = 0.0
        match strategy.schedule:
            case Schedule.GPIPE | Schedule.ONE_F_ONE_B | Schedule.INTERLEAVED:
                filling = one.passes_s / strategy.vp
            case Schedule.ZB_H1:
                filling = one.passes_s - 2 * one.by_weight_s
        passes = microbatches * one.passes_s + (strategy.pp - 1) * max(0.0, filling)
        return passes / strategy.pp + figures_of(self.outline.gpu).shared.step_overhead_s

    def memory_bytes(self, strategy: Strategy, sharing: DataParallel) -> float:
        """Bytes of the fullest GPU at the least: shares of parameters and activations on average."""
        dense, expert = self._parameters(strategy)
        ranks = strategy.cp * strategy.dp
        precision = self.question.precision
        fixed = precision.element_bytes + self.question.gradients(sharing)
        shared = optimizer_bytes(precision)
        copies = 2 if strategy.schedule is Schedule.DUALPIPE else 1
        total = 0.0
        for count, over in ((dense, ranks), (expert, ranks // strategy.ep)):
            match sharing:
                case DataParallel.DDP:
                    total += count * (fixed + shared)
                case DataParallel.FSDP:
                    total += count * (fixed + shared) / over
                case _:
                    total += count * (fixed + shared / over)
        return copies * total + self._of_one(strategy).kept_bytes * self._held(strategy) / strategy.pp

    def _held(self, strategy: Strategy) -> float:
        """Microbatches that the first stage holds, as `planner.workload.memory.microbatches_in_flight`."""
        pp, microbatches = strategy.pp, self.question.global_batch // (strategy.micro * strategy.dp)
        match strategy.schedule:
            case Schedule.GPIPE:
                held: float = microbatches
            case Schedule.INTERLEAVED:
                held = (2 * (pp - 1) + (strategy.vp - 1) * pp + 1) / strategy.vp
            case Schedule.ZB_H2:
                held = 2 * pp
            case Schedule.DUALPIPE:
                held = pp + 1
            case _:
                held = pp
        return min(held, microbatches)

    def _parameters(self, strategy: Strategy) -> tuple[float, float]:
        """Dense and expert parameters of a GPU, on average over the stages."""
        model = self.question.model
        moe = model.layer_parameters(model.layers - 1) if model.moe_layers else None
        dense_layers = model.layers - model.moe_layers
        dense = model.layer_parameters(0).dense * dense_layers if dense_layers else 0.0
        expert = 0.0
        if moe is not None:
            dense += moe.dense * model.moe_layers
            expert = moe.routed_experts * model.moe_layers / strategy.ep
        dense += model.embedding_parameters + model.head_parameters
        share = strategy.tp * strategy.pp
        return dense / share, expert / share

    def _of_one(self, strategy: Strategy) -> _OfOne:
        key = strategy.tp, strategy.cp, strategy.ep, strategy.micro, strategy.recompute
        known: dict[tuple[int, int, int, int, Recompute], _OfOne] = self._known  # type: ignore[attr-defined]
        if key not in known:
            known[key] = self._measure(strategy)
        return known[key]

    def _measure(self, strategy: Strategy) -> _OfOne:
        """One microbatch on a single stage, whose groups lie as close together as they can."""
        alone = strategy._replace(dp=strategy.ep, pp=1, vp=1, schedule=Schedule.ONE_F_ONE_B)
        job = self.question.job(alone, ORDERS[0], DataParallel.DISTRIBUTED_OPTIMIZER)
        job = replace(job, global_batch=strategy.micro * strategy.ep)
        network = {each.name: self.outline.time(each, job.mesh) for each in families(job)}
        durations = Step(job, self.outline.gpu, network).durations
        model = self.question.model
        kept = 0.0
        if model.layers > model.moe_layers:
            kept += (model.layers - model.moe_layers) * layer_activation_bytes(job, 0)
        if model.moe_layers:
            kept += model.moe_layers * layer_activation_bytes(job, model.layers - 1)
        by_weight = float(durations.by_weight.sum())
        return _OfOne(float((durations.forward + durations.by_input).sum()) + by_weight, by_weight, kept)
