"""When every pass of a pipeline runs: event by event, each as soon as all it waits for is there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from planner.cost.schedules import Pass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.cost.schedules import Program
    from planner.cost.timeline_kernel import Rules

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Durations:
    """Seconds of passes, each of shape (stages, chunks).

    Parameters
    ----------
    forward, by_input, by_weight
        A pass over one chunk and one microbatch.
    sent
        From the end of a chunk's forward to where the next one may start on it; backward the same.
    hidden
        What of a chunk's forward and of its backward takes no time where it runs beside one of the other
        direction, shape (2, stages, chunks); nothing if not given.
    """

    forward: FloatArray
    by_input: FloatArray
    by_weight: FloatArray
    sent: FloatArray
    hidden: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class Timeline:
    """Every pass that ran, in order of their starts.

    Parameters
    ----------
    stage, kind, chunk, microbatch
        What ran where, each of shape (passes,); of passes that ran together, the forward's.
    start, end
        Seconds from the start of the step, shape (passes,).
    """

    stage: IntArray
    kind: IntArray
    chunk: IntArray
    microbatch: IntArray
    start: FloatArray
    end: FloatArray

    @property
    def total_s(self) -> float:
        """Seconds until the last pass has ended."""
        return float(self.end.max(initial=0.0))

    def busy_s(self, stages: int) -> FloatArray:
        """Seconds that each stage works, shape (stages,)."""
        return np.bincount(self.stage, weights=self.end - self.start, minlength=stages).astype(np.float64)

    def last_end_s(self, stages: int) -> FloatArray:
        """When each stage has run its last pass, shape (stages,)."""
        ends = np.zeros(stages)
        # Of several values for one place the last stays.
        ends[self.stage] = self.end
        return ends

    def first_start_s(self, stages: int) -> FloatArray:
        """When each stage has started its first pass, shape (stages,)."""
        starts = np.full(stages, np.inf)
        starts[self.stage[::-1]] = self.start[::-1]
        return starts


_NONE, _NEVER = np.zeros(0, np.int32), np.zeros(0)
EMPTY = Timeline(_NONE, _NONE, _NONE, _NONE, _NEVER, _NEVER)


class Spans(NamedTuple):
    """When stages work.

    Parameters
    ----------
    first_s, last_s
        When each stage has started its first pass and ended its last, shape (stages,).
    busy_s
        Seconds that each works between them, shape (stages,).
    """

    first_s: FloatArray
    last_s: FloatArray
    busy_s: FloatArray


class StuckError(RuntimeError):
    """A schedule in which every stage waits for another; its message names who waits for what."""


def run(program: Program, durations: Durations) -> Timeline:
    """Run all passes.

    Raises
    ------
    StuckError
        Where stages wait for each other in a circle.
    """
    from planner.cost.timeline_kernel import new_state, play

    rules, microbatches = _rules(program, durations)
    state, stages = new_state(rules, microbatches), len(program.order)
    table = np.empty((3 * len(rules.orders) + stages, 6))
    passes = play(rules, state, table, np.empty(stages), np.empty(stages, np.bool_))
    if passes < 0:
        raise StuckError(_circle(program, state.following - rules.starts[:-1]))
    table = table[:passes]
    whole = table[:, :4].astype(np.int32)
    return Timeline(whole[:, 0], whole[:, 1], whole[:, 2], whole[:, 3], table[:, 4], table[:, 5])


def run_spans(program: Program, durations: Durations) -> Spans:
    """Run all passes, and tell of each stage only when; to the last digit what `run` says of it.

    Raises
    ------
    StuckError
        Where stages wait for each other in a circle.
    """
    from planner.cost.spans_kernel import spans
    from planner.cost.timeline_kernel import NEVER, new_state

    rules, microbatches = _rules(program, durations)
    stages = len(program.order)
    found = np.zeros((3, stages))
    found[0] = NEVER
    turns = np.arange(stages)[::-1].copy(), np.ones(stages, np.bool_)
    if not spans(rules, new_state(rules, microbatches), found, np.empty((1, 6)), *turns):
        run(program, durations)
    return Spans(*found)


def _rules(program: Program, durations: Durations) -> tuple[Rules, int]:
    """What the compiled loops take, and microbatches."""
    from planner.cost.timeline_kernel import Rules

    orders, starts, before, after, microbatches = _tables(program)
    rules = Rules(
        orders,
        starts,
        before,
        after,
        np.ascontiguousarray(durations.forward),
        np.ascontiguousarray(durations.by_input),
        np.ascontiguousarray(durations.by_weight),
        np.ascontiguousarray(durations.sent),
        np.zeros((2, *durations.forward.shape)) if durations.hidden is None else durations.hidden,
        program.fills,
        program.most_held,
    )
    return rules, microbatches


@lru_cache(maxsize=32)
def _tables(program: Program) -> tuple[IntArray, NDArray[np.int64], IntArray, IntArray, int]:
    """Orders of all stages after each other, where each begins, neighbours, and microbatches."""
    starts = np.cumsum([0, *map(len, program.order)], dtype=np.int64)
    orders = np.concatenate(program.order)
    return orders, starts, *neighbours(program), int(orders[:, 2].max(initial=-1)) + 1


def neighbours(program: Program) -> tuple[IntArray, IntArray]:
    """Stage and chunk before and after each chunk of a pipeline, (stages, chunks, 2); -1 at its ends."""
    at = {
        (int(program.pipelines[chunk]), int(place)): (stage, chunk)
        for (stage, chunk), place in np.ndenumerate(program.position)
    }
    before = np.full((*program.position.shape, 2), -1, np.int32)
    after = before.copy()
    for (pipeline, place), (stage, chunk) in at.items():
        before[stage, chunk] = at.get((pipeline, place - 1), (-1, -1))
        after[stage, chunk] = at.get((pipeline, place + 1), (-1, -1))
    return before, after


def _circle(program: Program, progress: NDArray[np.int64]) -> str:
    """What the stages wait for, from how far each came."""
    parts = []
    for stage, order in enumerate(program.order):
        done = int(progress[stage])
        if done < len(order):
            kind, chunk, index, *_ = order[done].tolist()
            parts.append(f"stage {stage} at {Pass(kind).name.lower()} of chunk {chunk}, microbatch {index}")
    return "every stage waits: " + "; ".join(parts)
