"""What every stage runs in which order, by pipeline schedule.

A stage runs passes over one chunk of its layers and one microbatch: forward, backward, backward by
input alone, backward by weight. Orders are fixed here; when each pass starts follows from what it
waits for, see `planner.cost.timeline`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from planner.workload.job import Schedule

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    IntArray = NDArray[np.int32]
    Order = list[tuple[int, int, int, int, int]]
    # Kinds and chunks of passes, and how often they come in turn.
    Part = tuple[int, list[tuple["Pass", int]]]


class Pass(IntEnum):
    """Kinds of passes."""

    FORWARD = 0
    BACKWARD = 1
    BY_INPUT = 2
    BY_WEIGHT = 3
    TOGETHER = 4


SPLIT = (Pass.FORWARD, Pass.BY_INPUT, Pass.BY_WEIGHT)


@dataclass(frozen=True, eq=False)
class Program:
    """A schedule for one job.

    Parameters
    ----------
    order
        Passes of every stage, each of shape (passes, 5): kind, chunk of the stage, microbatch; then
        chunk and microbatch of the backward that a pass of kind `TOGETHER` also runs.
    position
        Place of every chunk of a stage along its pipeline, shape (stages, chunks).
    pipelines
        Pipeline of every chunk: two run against each other in DualPipe; shape (chunks,).
    fills
        Whether backward by weight is run wherever a stage would wait, rather than where the order says.
    most_held
        Passes whose activations a stage may hold before it must run a backward by weight.
    """

    order: tuple[IntArray, ...]
    position: IntArray
    pipelines: IntArray
    fills: bool = False
    most_held: int = 2**30


@lru_cache(maxsize=128)
def program(schedule: Schedule, stages: int, virtual: int, microbatches: int) -> Program:
    """The schedule for `microbatches` microbatches (of both directions together in DualPipe)."""
    return _MADE[schedule](stages, virtual, microbatches)


def _gpipe(stages: int, _: int, microbatches: int) -> Program:
    """All forwards, then all backwards (Huang et al. 2019)."""
    one = _counted(microbatches, (microbatches, [(Pass.FORWARD, 0)]), (microbatches, [(Pass.BACKWARD, 0)]))
    return _straight([one] * stages)


def _one_f_one_b(stages: int, virtual: int, microbatches: int) -> Program:
    """As many forwards as stages follow, then one forward and one backward in turn.

    Source: Narayanan et al. 2021, section 2.2.
    """
    del virtual
    return _straight([_in_turn(stages - 1 - stage, microbatches) for stage in range(stages)])


def _interleaved(stages: int, virtual: int, microbatches: int) -> Program:
    """Interleaved 1F1B as Megatron-LM runs it: groups of microbatches go round the chunks.

    A group has as many microbatches as there are stages (Narayanan et al. 2021, section 2.2).
    """
    if virtual == 1:
        return _one_f_one_b(stages, 1, microbatches)
    rounds = [
        (chunk, index)
        for first in range(0, microbatches, stages)
        for chunk in range(virtual)
        for index in range(first, min(first + stages, microbatches))
    ]
    forwards = np.array([(Pass.FORWARD, *each, -1, -1) for each in rounds], np.int32)
    backwards = forwards.copy()
    backwards[:, 0], backwards[:, 1] = Pass.BACKWARD, virtual - 1 - forwards[:, 1]
    made = []
    for stage in range(stages):
        ahead = min(len(rounds), 2 * (stages - stage - 1) + (virtual - 1) * stages)
        both = len(rounds) - ahead
        in_turn = np.stack((forwards[ahead:], backwards[:both]), axis=1).reshape(-1, 5)
        made.append(np.concatenate((forwards[:ahead], in_turn, backwards[both:])))
    position = np.arange(virtual)[None, :] * stages + np.arange(stages)[:, None]
    return Program(tuple(made), position.astype(np.int32), np.zeros(virtual, np.int32))


def _zb_h1(stages: int, _: int, microbatches: int) -> Program:
    """1F1B with backward split, its weight half moved into the bubble; memory as 1F1B (Qi et al. 2023)."""
    made = [_in_turn(stages - 1 - stage, microbatches, Pass.BY_INPUT) for stage in range(stages)]
    return _straight(made, fills=True, most_held=stages)


def _zb_h2(stages: int, _: int, microbatches: int) -> Program:
    """As ZB-H1 with twice the forwards ahead, which fills the bubble, and twice the memory."""
    made = [_in_turn(2 * (stages - 1 - stage), microbatches, Pass.BY_INPUT) for stage in range(stages)]
    return _straight(made, fills=True, most_held=2 * stages)


def _zb_v(stages: int, _: int, microbatches: int) -> Program:
    """Each stage holds a chunk on the way down and one on the way up (Qi et al. 2024, "V-ZB").

    With passes of equal length no stage waits, and none holds more than `stages` microbatches. Where
    there are too few to fill the pipeline, weight halves run wherever a stage would wait.
    """
    down, up = np.arange(stages), 2 * stages - 1 - np.arange(stages)
    position = np.stack((down, up), axis=1).astype(np.int32)
    made = [_counted(microbatches, *_zb_v_parts(stage, stages, microbatches)) for stage in range(stages)]
    few = microbatches < 2 * stages - 1
    if few:
        made = [order[order[:, 0] != Pass.BY_WEIGHT] for order in made]
    return Program(tuple(made), position, np.zeros(2, np.int32), fills=few, most_held=2 * stages)


def _zb_v_parts(stage: int, stages: int, microbatches: int) -> list[Part]:
    """The order of one stage under ZB-V: chunk 0 lies on the way down, chunk 1 on the way up."""
    before, after, enough = stage, stages - stage, max(2 * stages - 1, microbatches)
    down, up = ([(kind, chunk) for kind in SPLIT] for chunk in (0, 1))
    back_down, back_up = down[1:], up[1:]
    return [
        # Forwards down until the first comes back up, then in turn until a backward follows each.
        (2 * after - 1, down[:1]),
        (before, up[:1] + down[:1]),
        (after, up),
        # One pass of every kind in turn.
        (enough - stages, down + up),
        # The last backwards, first without their weight halves, which fill the end.
        (before, back_down[:1] + back_up[:1]),
        (after, back_down),
        (before, back_up[1:]),
        (before, back_down[1:]),
    ]


def _dualpipe(stages: int, _: int, microbatches: int) -> Program:
    """Two pipelines run against each other, the forward of one beside the backward of the other.

    The eight parts of each stage's order are those of DeepSeek's published code (DeepSeek-V3, section
    3.2.1); half of the microbatches enter at either end.
    """
    each = microbatches // 2
    made = [_DualStage(stage, stages, each).order() for stage in range(stages)]
    orders = tuple(np.array(order, np.int32).reshape(-1, 5) for order in made)
    down = np.arange(stages)
    position = np.stack((down, stages - 1 - down), axis=1).astype(np.int32)
    return Program(orders, position, np.array([0, 1], np.int32))


class _DualStage:
    """The order of one stage under DualPipe; `near` is the direction that enters at its own end."""

    def __init__(self, stage: int, stages: int, each: int) -> None:
        self.near = 0 if stage < stages // 2 else 1
        self.inward = min(stage, stages - 1 - stage)
        self.stages, self.each = stages, each
        self.forwards, self.backwards = [0, 0], [0, 0]
        self.waiting: list[tuple[int, int]] = []
        self.made: Order = []

    def order(self) -> Order:
        """All eight parts."""
        outer = self.stages // 2 - self.inward - 1
        self.repeat(2 * outer, lambda: self.forward(0))
        self.repeat(self.inward + 1, lambda: self.forward(0), lambda: self.forward(1))
        self.repeat(outer, lambda: self.by_input(1), self.by_weight, lambda: self.forward(1))
        steady = self.each - self.stages + self.inward + 1
        self.repeat(steady, lambda: self.together(0, 1), lambda: self.together(1, 0))
        self.repeat(outer, lambda: self.backward(1), lambda: self.together(1, 0))
        whole = (self.inward + 1) // 2
        self.repeat(whole, lambda: self.backward(1), lambda: self.backward(0))
        split = self.inward + 1 - whole
        self.repeat(split, lambda: self.by_input(1), lambda: self.by_input(0))
        self.repeat(outer, self.by_weight, lambda: self.by_input(0))
        self.repeat(len(self.waiting), self.by_weight)
        return self.made

    def repeat(self, times: int, *parts: Callable[[], None]) -> None:
        """The parts in turn, so many times."""
        for _ in range(max(0, times)):
            for part in parts:
                part()

    def forward(self, which: int) -> None:
        """A forward of the near (0) or far (1) direction, if any is left."""
        chunk = self.near ^ which
        if self.forwards[chunk] < self.each:
            self.made.append(_one(Pass.FORWARD, chunk, self._count(self.forwards, chunk)))

    def backward(self, which: int) -> None:
        """A whole backward."""
        chunk = self.near ^ which
        if self.backwards[chunk] < self.each:
            self.made.append(_one(Pass.BACKWARD, chunk, self._count(self.backwards, chunk)))

    def by_input(self, which: int) -> None:
        """A backward whose weight half waits."""
        chunk = self.near ^ which
        if self.backwards[chunk] < self.each:
            index = self._count(self.backwards, chunk)
            self.made.append(_one(Pass.BY_INPUT, chunk, index))
            self.waiting.append((chunk, index))

    def by_weight(self) -> None:
        """The weight half that has waited longest."""
        if self.waiting:
            self.made.append(_one(Pass.BY_WEIGHT, *self.waiting.pop(0)))

    def together(self, forward: int, backward: int) -> None:
        """A forward of one direction beside a backward of the other."""
        ahead, back = self.near ^ forward, self.near ^ backward
        if self.forwards[ahead] >= self.each:
            self.backward(backward)
            return
        index = self._count(self.forwards, ahead)
        self.made.append((Pass.TOGETHER, ahead, index, back, self._count(self.backwards, back)))

    def _count(self, of: list[int], chunk: int) -> int:
        of[chunk] += 1
        return of[chunk] - 1


def _in_turn(ahead: int, microbatches: int, backward: Pass = Pass.BACKWARD) -> IntArray:
    """`ahead` forwards, then one forward and one backward in turn."""
    forward = (Pass.FORWARD, 0)
    return _counted(microbatches, (ahead, [forward]), (microbatches, [forward, (backward, 0)]))


def _counted(microbatches: int, *parts: Part) -> IntArray:
    """Parts of an order after each other, as rows of it.

    A pass is that of the next microbatch of its kind and chunk, and left out where there is none.
    """
    passes = np.concatenate([np.tile(np.array(each, np.int32), (times, 1)) for times, each in parts])
    rows = np.full((len(passes), 5), -1, np.int32)
    rows[:, :2] = passes
    sort = 2 * passes[:, 0] + passes[:, 1]
    for each in np.unique(sort):
        of_sort = sort == each
        rows[of_sort, 2] = np.arange(of_sort.sum())
    return rows[rows[:, 2] < microbatches]


def _one(kind: Pass, chunk: int, index: int) -> tuple[int, int, int, int, int]:
    return (kind, chunk, index, -1, -1)


def _straight(orders: list[IntArray], *, fills: bool = False, most_held: int = 2**30) -> Program:
    """A schedule of one chunk a stage."""
    position = np.arange(len(orders), dtype=np.int32)[:, None]
    return Program(tuple(orders), position, np.zeros(1, np.int32), fills, most_held)


_MADE: dict[Schedule, Callable[[int, int, int], Program]] = {
    Schedule.GPIPE: _gpipe,
    Schedule.ONE_F_ONE_B: _one_f_one_b,
    Schedule.INTERLEAVED: _interleaved,
    Schedule.ZB_H1: _zb_h1,
    Schedule.ZB_H2: _zb_h2,
    Schedule.ZB_V: _zb_v,
    Schedule.DUALPIPE: _dualpipe,
}
