"""What one layer of each kind takes of time and memory, for every sort of strategy in the space.

Both are asked of the cost model itself, for a model of one layer of each kind; so bounds that are made of
them hold whatever its constants are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from planner.cost.step import Step
from planner.strategy.places import Places
from planner.strategy.space import ORDERS, Question, Strategy
from planner.workload.activations import layer_activation_bytes, logits_bytes, transient_layer_bytes
from planner.workload.job import DataParallel, Schedule
from planner.workload.payloads import context, expert, tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from planner.strategy.columns import Columns
    from planner.strategy.outline import Outline
    from planner.workload.family import Family
    from planner.workload.job import Job
    from planner.workload.mesh import Mesh
    from planner.workload.model import Model

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]
    BoolArray = NDArray[np.bool_]

SORT = ("tp", "cp", "ep", "micro", "recompute")


@lru_cache(maxsize=16)
def short_model(model: Model) -> Model:
    """The model with one layer of each kind that it has, the dense one first."""
    experts = model.experts
    if experts is None or not model.moe_layers:
        return replace(model, layers=1)
    dense = min(1, model.layers - model.moe_layers)
    return replace(model, layers=1 + dense, experts=replace(experts, dense_layers=dense))


def sample(question: Question, strategy: Strategy) -> Job:
    """A job of one microbatch of the strategy's sort, a layer a stage, of `short_model`."""
    short = short_model(question.model)
    alone = strategy._replace(dp=strategy.ep, pp=short.layers, vp=1, schedule=Schedule.ONE_F_ONE_B)
    job = question.job(alone, ORDERS[0], DataParallel.DISTRIBUTED_OPTIMIZER)
    return replace(job, model=short, global_batch=strategy.micro * strategy.ep)


@dataclass(frozen=True, eq=False)
class LayerBytes:
    """Bytes of activations of one microbatch, a column for each sort of strategy.

    Parameters
    ----------
    kept
        What a layer keeps for backward, shape (2, sorts): dense, with experts.
    transient
        What is there beside that while a layer is worked on, shape (2, sorts).
    logits
        What is there beside that at the model's head, shape (sorts,).
    of
        Sort of each strategy, shape (strategies,).
    """

    kept: FloatArray
    transient: FloatArray
    logits: FloatArray
    of: IntArray

    @classmethod
    def of_all(cls, question: Question, columns: Columns) -> LayerBytes:
        """Figures for all strategies of the space."""
        groups = columns.groups(*SORT)
        count = len(groups.first)
        found = cls(np.zeros((2, count)), np.zeros((2, count)), np.zeros(count), groups.of)
        for number, row in enumerate(groups.first.tolist()):
            job = sample(question, columns.rows[row])
            found.logits[number] = logits_bytes(job)
            for layer in range(job.model.layers):
                kind = int(job.model.is_moe_layer(layer))
                found.kept[kind, number] = layer_activation_bytes(job, layer)
                found.transient[kind, number] = transient_layer_bytes(job, [layer])
        return found


@dataclass(frozen=True, eq=False)
class LayerSeconds:
    """Seconds of one microbatch; the first axis is forward, backward by input, backward by weight.

    Parameters
    ----------
    layer
        A layer with what of its communication is exposed, shape (3, 2, orders, strategies): dense, with
        experts; by which ranks lie next to each other.
    head
        Output projection and loss, shape (3, strategies).
    experts
        Exposed communication of experts in forward and backward of a layer, which is in `layer`, shape
        (orders, strategies).
    """

    layer: FloatArray
    head: FloatArray
    experts: FloatArray

    @classmethod
    def of_all(
        cls, question: Question, outline: Outline, columns: Columns, wanted: BoolArray
    ) -> LayerSeconds:
        """Figures for the strategies that are `wanted`."""
        orders, count = len(ORDERS), len(columns)
        found = cls(np.zeros((3, 2, orders, count)), np.zeros((3, count)), np.zeros((orders, count)))
        found._add_passes(question, outline, columns, wanted)
        found._add_context(question, outline, columns, wanted & (columns["cp"] > 1))
        if question.model.moe_layers:
            found._add_experts(question, outline, columns, wanted & (columns["ep"] > 1))
        return found

    def _add_passes(self, question: Question, outline: Outline, columns: Columns, wanted: BoolArray) -> None:
        """What a rank computes, and exposed tensor parallelism."""
        for rows in columns.groups(*SORT).of_wanted("bounds: layers", wanted):
            layer, head = _passes(question, outline, columns.rows[rows[0]])
            self.layer[:, :, :, rows] = layer[:, :, None, None]
            self.head[:, rows] = head[:, None]

    def _add_context(self, question: Question, outline: Outline, columns: Columns, wanted: BoolArray) -> None:
        """Exposed context parallelism."""
        for rows in columns.groups("tp", "cp", "micro", "recompute").of_wanted(
            "bounds: keys of others", wanted
        ):
            strategy = columns.rows[rows[0]]
            step = _step(sample(question, strategy), outline, question.mesh(strategy, ORDERS[0]), context)
            for kind, seconds in zip(_kinds(step.job), np.transpose(step.exposed_of("cp")), strict=True):
                for order in range(len(ORDERS)):
                    self.layer[:2, kind, order, rows] += seconds[:, None]

    def _add_experts(self, question: Question, outline: Outline, columns: Columns, wanted: BoolArray) -> None:
        """Exposed communication of experts, which also depends on how far apart their ranks lie.

        Each call takes its latency, and as much longer as there are more tokens.
        """
        places = Places.of_groups(question, outline, columns, wanted, ("ep",))
        tokens = columns.split_tokens
        for number, of_order in enumerate(places.of):
            for rows in columns.groups("ep", "recompute", also=of_order).of_wanted(
                "tokens to experts", wanted
            ):
                ends = rows[tokens[rows].argmin()], rows[tokens[rows].argmax()]
                mesh = places.meshes[of_order[rows[0]]]
                few, many = (
                    _step(sample(question, columns.rows[row]), outline, mesh, expert).exposed_of("ep")
                    for row in ends
                )
                share = _between(tokens[rows])
                for part in range(2):
                    more = many[part][-1] - few[part][-1]
                    self.layer[part, 1, number, rows] += few[part][-1] + more * share
                    self.experts[number, rows] += few[part][-1] + more * share


def _between(values: FloatArray) -> FloatArray:
    """How far each value is from the least to the most, from 0 to 1."""
    least, most = float(values.min()), float(values.max())
    share: FloatArray = (values - least) / ((most - least) or 1.0)
    return share


def _kinds(job: Job) -> list[int]:
    """Kind of each layer."""
    return [int(job.model.is_moe_layer(layer)) for layer in range(job.model.layers)]


def _passes(question: Question, outline: Outline, strategy: Strategy) -> tuple[FloatArray, FloatArray]:
    """Seconds of a layer of each kind, shape (3, 2), and of the head, (3,), with tensor parallelism alone."""
    job, mesh = sample(question, strategy), question.mesh(strategy, ORDERS[0])
    step = _step(job, outline, mesh, tensor)
    durations, last = step.durations, step.compute.head()
    passes = np.array((durations.forward, durations.by_input, durations.by_weight))[:, :, 0]
    head = np.array((last.forward, last.by_input, last.by_weight))
    passes[:, -1] -= head
    layer = np.zeros((3, 2))
    layer[:, _kinds(job)] = passes
    return layer, head


def _step(job: Job, outline: Outline, mesh: Mesh, *parts: Callable[[Job], Iterator[Family]]) -> Step:
    """A step with the communication of some parts only, where ranks lie as in `mesh`."""
    network = {family.name: outline.time(family, mesh) for part in parts for family in part(job)}
    return Step(job, outline.gpu, network)
