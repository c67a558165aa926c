"""Seconds that a step of every strategy takes at the least.

The largest of these, over all stages:

- what a stage computes and sends in the open, its exposed data parallelism, and its optimizer;
- for the first stage also the way of the first microbatch to some later stage, all that this stage does
  between its first forward and its last backward, and the way of the last microbatch back.

The second holds as in every schedule but DualPipe the first pass of a stage is a forward of its first
chunk, and the last, weight halves aside, a backward of that chunk. As many weight halves can wait until
then as the stage may hold activations.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.cost.figures import figures_of
from planner.strategy.layers import LayerSeconds
from planner.strategy.links import Links
from planner.strategy.space import ORDERS, sharings
from planner.workload.job import DataParallel, Schedule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.strategy.columns import Columns
    from planner.strategy.cuts import Part
    from planner.strategy.outline import Outline
    from planner.strategy.space import Question

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]

# Weight halves that can wait, in chunks of one microbatch for each stage of the pipeline: what
# `planner.cost.schedules` lets a stage hold.
WAITING = {Schedule.ZB_H1: 1, Schedule.ZB_H2: 2, Schedule.ZB_V: 2}


def least_time(
    question: Question, outline: Outline, columns: Columns, parts: Sequence[Part], fits: BoolArray
) -> FloatArray:
    """Seconds of a step, shape (ways, orders, strategies).

    Parameters
    ----------
    fits
        Ways and strategies to look at, shape (ways, strategies); all others take forever.
    """
    ways = sharings(question)
    found = np.full((len(ways), len(ORDERS), len(columns)), np.inf)
    if not fits.any():
        return found
    wanted: BoolArray = np.any(fits, axis=0)
    space = _Space(question, outline, columns, wanted)
    overhead = figures_of(outline.gpu).shared.step_overhead_s
    for number, way in enumerate(ways):
        data_s = space.links.data_s(way)
        for part in columns.watch.over("bounds: steps", parts, len(parts)):
            fitting = replace(part, rows=part.rows[fits[number, part.rows]])
            if len(fitting.rows):
                for order in range(len(ORDERS) if part.pp > 1 else 1):
                    seconds = space.passes_and_data(fitting, order, way, data_s[:, order])
                    found[number, order, fitting.rows] = seconds + overhead
    return found


class _Space:
    """What the bounds of all strategies are made of."""

    def __init__(self, question: Question, outline: Outline, columns: Columns, wanted: BoolArray) -> None:
        self.question, self.columns = question, columns
        self.seconds = LayerSeconds.of_all(question, outline, columns, wanted)
        self.links = Links(question, outline, columns, wanted)
        self.update_s = self.links.update_s()

    def passes_and_data(self, part: Part, order: int, way: DataParallel, data_s: FloatArray) -> FloatArray:
        """Seconds without what lies outside of the passes, shape (strategies of the part,)."""
        rows = part.rows
        layer, head = self.seconds.layer[:, :, order, rows], self.seconds.head[:, rows]
        passes = np.einsum("ks,pkn->psn", part.cut.layers, layer)
        passes += part.cut.head[None, :, None] * head[:, None, :]
        sent, count = self.links.sent_s[order, rows], self.columns.microbatches[rows]
        # At most: in the first and last passes there is nothing beside which to hide it.
        hidden = np.zeros(passes.shape[1:])
        if part.schedule is Schedule.DUALPIPE:
            hidden = part.cut.layers[1][:, None] * self.seconds.experts[order, rows]
        pipeline = _Pipeline(part, layer, passes, hidden, sent, count)
        after = self._after(part, way, data_s[:, rows], pipeline)
        there_and_back = pipeline.there_and_back().max(axis=0) + after[part.cut.front]
        least: FloatArray = np.maximum(there_and_back, (pipeline.work() + after).max(axis=0))
        return least

    def _after(self, part: Part, way: DataParallel, data_s: FloatArray, pipeline: _Pipeline) -> FloatArray:
        """Exposed data parallelism and optimizer of each sort of stage, as `planner.cost.step.Step`'s."""
        shards = part.shards(self.question.model, self.columns)
        total = shards[0] * data_s[0] + shards[1] * data_s[1]
        layers = np.maximum(1, part.cut.layers.sum(axis=0))[:, None]
        exposed = np.maximum(total - pipeline.beside(way), total / layers)
        ranks = (1, 1) if way is DataParallel.DDP else part.replicas(self.columns)
        after: FloatArray = exposed + self.update_s * (shards[0] / ranks[0] + shards[1] / ranks[1])
        return after


@dataclass(frozen=True, eq=False)
class _Pipeline:
    """Passes of the strategies of a part.

    Parameters
    ----------
    layer
        Seconds of a layer, shape (3, 2, strategies).
    passes
        Seconds of a microbatch on each sort of stage, shape (3, sorts, strategies).
    hidden
        Of those passes, what others may hide, shape (sorts, strategies).
    sent_s, microbatches
        From stage to stage; of a replica; each (strategies,).
    """

    part: Part
    layer: FloatArray
    passes: FloatArray
    hidden: FloatArray
    sent_s: FloatArray
    microbatches: NDArray[np.int64]

    def work(self) -> FloatArray:
        """What each sort of stage works in a step, shape (sorts, strategies)."""
        copies = 2 if self.part.schedule is Schedule.DUALPIPE else 1
        seconds: FloatArray = (self.passes.sum(axis=0) - self.hidden) * self.microbatches / copies
        return seconds

    def beside(self, way: DataParallel) -> FloatArray:
        """Passes that hide data parallelism, by sort of stage."""
        pp, vp = self.part.pp, self.part.vp
        once = self.passes.sum(axis=0)
        if way is DataParallel.FSDP:
            return self.work() + self.hidden * self.microbatches / 2
        seconds: FloatArray = once * np.minimum(pp, self.microbatches) * (vp - 1) / vp if vp > 1 else once
        return seconds

    def there_and_back(self) -> FloatArray:
        """From the first stage's first pass to its last, by way of each sort of stage."""
        schedule, cut = self.part.schedule, self.part.cut
        if schedule is Schedule.DUALPIPE:
            return np.zeros(self.passes.shape[1:])
        on_the_way = self.layer if schedule not in WAITING else self.layer[:2]
        travelled = np.einsum("ks,pkn->sn", cut.ahead, on_the_way) + 2 * cut.last[:, None] * self.sent_s
        seconds: FloatArray = travelled + self._meanwhile()
        return seconds

    def _meanwhile(self) -> FloatArray:
        """What a stage does between its first forward and its last backward."""
        schedule, cut = self.part.schedule, self.part.cut
        if schedule not in WAITING:
            return self.work()
        by_weight = self.microbatches * self.passes[2]
        largest = np.einsum("ks,kn->sn", cut.fullest, self.layer[2])
        if cut.head.any():
            largest = largest + (cut.head[:, None] * (self.passes[2] - self._layers_by_weight()))
        waiting = WAITING[schedule] * self.part.pp * largest
        seconds: FloatArray = self.passes[:2].sum(axis=0) * self.microbatches + np.maximum(
            0.0, by_weight - waiting
        )
        return seconds

    def _layers_by_weight(self) -> FloatArray:
        seconds: FloatArray = np.einsum("ks,kn->sn", self.part.cut.layers, self.layer[2])
        return seconds
