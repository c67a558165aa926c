"""What data parallelism and the way from stage to stage take, for every strategy in the space.

As in `planner.strategy.layers`, figures come from the cost model itself: of a family of groups that moves
one byte, where its ranks lie as those of each mesh do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from planner.cost.compute import Compute
from planner.cost.step import Step
from planner.strategy.columns import numbered
from planner.strategy.layers import sample
from planner.strategy.places import Places
from planner.strategy.space import ORDERS, Question, Strategy
from planner.workload.family import Family, Kind
from planner.workload.job import DataParallel, Recompute, Schedule
from planner.workload.payloads import data, pipeline
from planner.workload.stages import shard_parameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.strategy.columns import Columns
    from planner.strategy.outline import Outline
    from planner.workload.mesh import Mesh

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Links:
    """The network as the strategies of a space load it, ranks in each order.

    Parameters
    ----------
    wanted
        Strategies that are looked at, shape (strategies,).
    """

    question: Question
    outline: Outline
    columns: Columns
    wanted: BoolArray

    def data_s(self, way: DataParallel) -> FloatArray:
        """Seconds of data parallelism for each parameter: dense, of experts; (2, orders, strategies)."""
        total = np.zeros((2, len(ORDERS), len(self.columns)))
        for kind, (once, more) in _bytes_of_parameter(self.question, way).items():
            total += self._byte_s(kind) * (once + more * (self.columns.microbatches - 1))
        return total

    def _byte_s(self, kind: Kind) -> FloatArray:
        """Seconds for a byte that a collective moves over all replicas, and over those of the experts."""
        if kind in self._known:
            return self._known[kind]
        found = self._known[kind] = np.zeros((2, len(ORDERS), len(self.columns)))
        for experts, (axes, places) in enumerate(self._places.items()):
            each = np.array([self._seconds(kind, axes, mesh) for mesh in places.meshes])
            found[experts] = each[places.of]
        return found

    @cached_property
    def _known(self) -> dict[Kind, FloatArray]:
        """What `_byte_s` has found: ways of data parallelism have collectives in common."""
        return {}

    @cached_property
    def _places(self) -> dict[tuple[str, ...], Places]:
        """Where replicas lie, and where replicas of experts do."""
        every = self.question, self.outline, self.columns, self.wanted
        return {axes: Places.of_groups(*every, axes) for axes in (("cp", "dp"), ("edp",))}

    @cached_property
    def sent_s(self) -> FloatArray:
        """Seconds from one stage to the next for one microbatch, shape (orders, strategies)."""
        found = np.zeros((len(ORDERS), len(self.columns)))
        every = self.question, self.outline, self.columns, self.wanted
        places = Places.of_groups(*every, ("pp",))
        for number, of_order in enumerate(places.of):
            several = self.wanted & (self.columns["pp"] > 1)
            also = numbered(self.columns.split_tokens) * len(places.meshes) + of_order
            for rows in self.columns.groups(also=also).of_wanted("bounds: ways to the next stage", several):
                mesh = places.meshes[of_order[rows[0]]]
                found[number, rows] = self._sent(self.columns.rows[rows[0]], mesh)
        return found

    def _seconds(self, kind: Kind, axes: tuple[str, ...], mesh: Mesh) -> float:
        """Seconds of groups along `axes` that move one byte each."""
        if self.outline.places(axes, mesh)[0] == 1:
            return 0.0
        found = self.outline.time(Family("byte", axes, kind, (1.0,)), mesh)
        return float(found.seconds(self._any.figures).max())

    def _sent(self, strategy: Strategy, mesh: Mesh) -> float:
        """As the cost model has it for two stages that lie as those of `mesh`."""
        job = sample(self.question, strategy)
        job = replace(job, mesh=replace(job.mesh, pp=2))
        family = next(iter(pipeline(job)))
        return Step(job, self.outline.gpu, {"pp": self.outline.time(family, mesh)}).sent_s

    @cached_property
    def _any(self) -> Compute:
        return Compute(sample(self.question, self.columns.rows[0]), self.outline.gpu)

    def update_s(self) -> float:
        """Seconds in which the optimizer updates one parameter."""
        job = replace(self._any.job, data_parallel=DataParallel.DDP)
        shard = shard_parameters(job)[0]
        return Compute(job, self.outline.gpu).optimizer_s(0) / shard.total


def _bytes_of_parameter(question: Question, way: DataParallel) -> dict[Kind, tuple[float, float]]:
    """Bytes that a parameter takes in each kind of collective: for one microbatch, and for each one more."""
    sums: list[dict[Kind, float]] = []
    for microbatches in (1, 2):
        alone = Strategy(1, 1, 1, 2, 1, 1, 1, Schedule.ONE_F_ONE_B, Recompute.NONE)
        job = replace(question.job(alone, ORDERS[0], way), global_batch=2 * microbatches)
        total = shard_parameters(job)[0].total
        sums.append({family.kind: family.payload_bytes[0] / total for family in data(job)})
    return {kind: (once, sums[1][kind] - once) for kind, once in sums[0].items()}
