"""Stages of a pipeline that are alike: the same layers, embedding and head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from planner.strategy.space import ORDERS, sharings
from planner.workload.stages import alike, chunks, chunks_of_stage, stages

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.strategy.columns import Columns
    from planner.strategy.space import Question
    from planner.workload.job import Job, Schedule
    from planner.workload.model import Model

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

DENSE, MOE = 0, 1


class _Sort(NamedTuple):
    """What stages of one sort hold: layers by kind, and the most of a kind that one of its chunks has."""

    layers: tuple[int, int]
    embedding: bool
    head: bool
    fullest: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Cut:
    """How layers are cut into stages, stages of a sort counted once.

    Parameters
    ----------
    layers
        Dense layers and layers with experts, shape (2, sorts).
    embedding, head
        Whether those are there, each of shape (sorts,).
    fullest
        At least as many layers of either kind as any chunk of such a stage has, shape (2, sorts).
    first, last
        First and last stage of each sort, each of shape (sorts,).
    ahead
        Layers in the first chunks of all stages before `last`, shape (2, sorts): those that a microbatch
        passes before it gets there.
    front
        Sort of stage 0.
    """

    layers: FloatArray
    embedding: FloatArray
    head: FloatArray
    fullest: FloatArray
    first: IntArray
    last: IntArray
    ahead: FloatArray
    front: int

    @classmethod
    def of(cls, job: Job) -> Cut:
        """The cut of a job's layers."""
        made = [_kinds(job, chunk) for chunk in chunks(job)]
        counts = np.array([[made[chunk] for chunk in held] for held in chunks_of_stage(job)], np.int64)
        found: dict[_Sort, list[int]] = {}
        for number, stage in enumerate(stages(job)):
            of_stage, fullest = counts[number].sum(axis=0), counts[number].max(axis=0)
            sort = _Sort(tuple(of_stage.tolist()), stage.embedding, stage.head, tuple(fullest.tolist()))
            found.setdefault(sort, []).append(number)
        last = np.array([numbers[-1] for numbers in found.values()])
        return cls(
            _columns([sort.layers for sort in found]),
            np.array([sort.embedding for sort in found], np.float64),
            np.array([sort.head for sort in found], np.float64),
            _columns([sort.fullest for sort in found]),
            np.array([numbers[0] for numbers in found.values()]),
            last,
            _ahead(counts)[:, last],
            next(index for index, numbers in enumerate(found.values()) if numbers[0] == 0),
        )


@dataclass(frozen=True, eq=False)
class Part:
    """The strategies of a space that are cut alike.

    Parameters
    ----------
    rows
        Which of the space they are.
    """

    cut: Cut
    schedule: Schedule
    pp: int
    vp: int
    rows: IntArray

    def replicas(self, columns: Columns) -> tuple[IntArray, IntArray]:
        """Ranks that hold the same: of all but routed experts, and of those; each (strategies,)."""
        ranks = columns["cp"][self.rows] * columns["dp"][self.rows]
        return ranks, ranks // columns["ep"][self.rows]

    def shards(self, model: Model, columns: Columns) -> tuple[FloatArray, FloatArray]:
        """Parameters of a GPU by sort of stage, see `planner.workload.stages.ShardParameters`.

        Dense and of routed experts, each of shape (sorts, strategies).
        """
        cut, tp = self.cut, columns["tp"][self.rows]
        kinds = self.layer_shards(model, columns)
        dense = sum(cut.layers[kind][:, None] * kinds[kind][0] for kind in (DENSE, MOE))
        expert = sum(cut.layers[kind][:, None] * kinds[kind][1] for kind in (DENSE, MOE))
        tied = model.word_embedding_parameters if model.tied_embeddings else 0
        of_head = model.head_parameters + tied * (1 - cut.embedding)
        ends = (cut.embedding * model.embedding_parameters + cut.head * of_head)[:, None] / tp
        return dense + ends + (cut.head * model.norm_parameters())[:, None], np.asarray(expert)

    def layer_shards(self, model: Model, columns: Columns) -> list[tuple[FloatArray, FloatArray]]:
        """Parameters of a GPU's share of one layer of each kind: dense and routed, each (strategies,)."""
        tp, ep = columns["tp"][self.rows], columns["ep"][self.rows]
        made = []
        for layer in (0, model.layers - 1):
            whole = model.layer_parameters(layer)
            split = whole.attention + whole.dense_ffn + whole.shared_experts
            made.append((whole.router + whole.norms + split / tp, whole.routed_experts / (ep * tp)))
        return made


def parts_of(question: Question, columns: Columns) -> list[Part]:
    """The strategies of a space by how they are cut."""
    groups, parts = columns.groups("schedule", "pp", "vp"), []
    for first, members in zip(groups.first.tolist(), groups.members, strict=True):
        strategy = columns.rows[first]
        job = question.job(strategy, ORDERS[0], sharings(question)[0])
        parts.append(Part(Cut.of(job), strategy.schedule, strategy.pp, strategy.vp, members))
    return parts


def _kinds(job: Job, layers: tuple[int, ...]) -> tuple[int, int]:
    """Dense layers and layers with experts among `layers`."""
    counted = {job.model.is_moe_layer(layer): times for layer, times in alike(job.model, layers)}
    return counted.get(False, 0), counted.get(True, 0)


def _columns(pairs: list[tuple[int, int]]) -> FloatArray:
    return np.array(pairs, np.float64).T


def _ahead(counts: IntArray) -> FloatArray:
    """Layers in the first chunks before each stage, shape (2, stages), from (stages, chunks, 2)."""
    summed: FloatArray = np.vstack((np.zeros((1, 2)), np.cumsum(counts[:-1, 0], axis=0, dtype=np.float64))).T
    return summed
