"""The inner loop of `planner.cost.timeline`, compiled.

All memory is handed in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import numba
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

Loop = TypeVar("Loop", bound="Callable[..., Any]")
FORWARD, BACKWARD, BY_INPUT, BY_WEIGHT, TOGETHER = 0, 1, 2, 3, 4
NEVER = np.inf


def without_counting(function: Loop) -> Loop:
    """A compiled loop that allocates nothing, so that numba need not count references.

    Loops that take arrays out of tuples would spend most of their time on that.
    """
    options: dict[str, Any] = {"cache": True, "_nrt": False}
    return cast("Loop", numba.njit(**options)(function))


class Rules(NamedTuple):
    """What does not change while the passes run: the schedule's program as arrays, and durations."""

    orders: Any
    starts: Any
    before: Any
    after: Any
    forward_s: Any
    by_input_s: Any
    by_weight_s: Any
    sent_s: Any
    hidden_s: Any
    fills: Any
    most_held: Any


class State(NamedTuple):
    """What does.

    When the output of each forward and backward is where it is needed (`arrived`, `returned`) and each
    forward is done; of each stage its next pass, its clock, how many activations it holds, and the weight
    halves that wait there, as a queue.
    """

    arrived: Any
    returned: Any
    done: Any
    following: Any
    clock: Any
    held: Any
    queue: Any
    head: Any
    tail: Any


@without_counting
def play(rules: Any, state: Any, table: Any, at: Any, filling: Any) -> Any:
    """Fill `table` with stage, kind, chunk, microbatch, start, end in order of starts; how many rows it has.

    -1 rows where all stages wait; then `state.following` says how far each came. `at` and `filling` are for
    the loop's own use, each of shape (stages,).
    """
    for stage in range(len(at)):
        at[stage], filling[stage] = next_start(rules, state, stage)
    rows = 0
    while True:
        # Of all passes that could run next, the one that starts first.
        chosen = np.argmin(at)
        if at[chosen] == NEVER:
            return rows if all_ran(rules, state) else -1
        if filling[chosen]:
            fill_in(rules, state, chosen, at[chosen], table, rows)
        else:
            # Only this stage and those that its chunk sends to can have been waiting for the pass.
            ran = rules.orders[state.following[chosen]]
            advance(rules, state, chosen, at[chosen], table, rows)
            for other in (rules.after[chosen, ran[1], 0], rules.before[chosen, ran[1], 0]):
                if other >= 0:
                    at[other], filling[other] = next_start(rules, state, other)
            if ran[0] == TOGETHER:
                other = rules.before[chosen, ran[3], 0]
                if other >= 0:
                    at[other], filling[other] = next_start(rules, state, other)
        at[chosen], filling[chosen] = next_start(rules, state, chosen)
        rows += 1


def new_state(rules: Rules, microbatches: int) -> State:
    """Before any pass has run."""
    stages, chunks = rules.forward_s.shape
    shape = (stages, chunks, microbatches)
    return State(
        np.full(shape, NEVER),
        np.full(shape, NEVER),
        np.full(shape, NEVER),
        rules.starts[:-1].copy(),
        np.zeros(stages),
        np.zeros(stages, np.int64),
        np.empty((stages, chunks * microbatches, 2), np.int64),
        np.zeros(stages, np.int64),
        np.zeros(stages, np.int64),
    )


@numba.njit(cache=True, inline="always")
def all_ran(rules: Any, state: Any) -> Any:
    """Whether every stage has run the whole of its order."""
    left = 0
    for stage in range(len(state.clock)):
        left += rules.starts[stage + 1] - state.following[stage]
    return left == 0


@numba.njit(cache=True, inline="always")
def next_start(rules: Any, state: Any, stage: Any) -> Any:
    """When a stage's next pass starts, and whether that is a weight half instead of the order's next."""
    now = state.clock[stage]
    waiting = rules.fills and state.tail[stage] > state.head[stage]
    if state.following[stage] == rules.starts[stage + 1]:
        return (now, True) if waiting else (NEVER, False)
    start = ordered_start(rules, state, stage)
    kind = rules.orders[state.following[stage], 0]
    full = kind == FORWARD and state.held[stage] >= rules.most_held
    if waiting and (full or start > now):
        return now, True
    return start, False


@numba.njit(cache=True, inline="always")
def ordered_start(rules: Any, state: Any, stage: Any) -> Any:
    """When all that the order's next pass waits for is there."""
    row = state.following[stage]
    kind, chunk, index = rules.orders[row, 0], rules.orders[row, 1], rules.orders[row, 2]
    start = state.clock[stage]
    if kind in (FORWARD, TOGETHER) and rules.before[stage, chunk, 0] >= 0:
        where = rules.before[stage, chunk, 0], rules.before[stage, chunk, 1], index
        start = max(start, state.arrived[where])
    if kind == TOGETHER:
        chunk, index = rules.orders[row, 3], rules.orders[row, 4]
    if kind in (BACKWARD, BY_INPUT, TOGETHER):
        start = max(start, state.done[stage, chunk, index])
        if rules.after[stage, chunk, 0] >= 0:
            where = rules.after[stage, chunk, 0], rules.after[stage, chunk, 1], index
            start = max(start, state.returned[where])
    return start


@numba.njit(cache=True, inline="always")
def fill_in(rules: Any, state: Any, stage: Any, start: Any, table: Any, row: Any) -> None:
    """Run the weight half that has waited longest."""
    chunk, index = state.queue[stage, state.head[stage], 0], state.queue[stage, state.head[stage], 1]
    state.head[stage] += 1
    state.held[stage] -= 1
    table[row, 0], table[row, 1], table[row, 2], table[row, 3] = stage, BY_WEIGHT, chunk, index
    table[row, 4], table[row, 5] = start, start + rules.by_weight_s[stage, chunk]
    state.clock[stage] = table[row, 5]


@numba.njit(cache=True, inline="always")
def advance(rules: Any, state: Any, stage: Any, start: Any, table: Any, row: Any) -> None:
    """Run the order's next pass."""
    at = state.following[stage]
    state.following[stage] += 1
    kind, chunk, index = rules.orders[at, 0], rules.orders[at, 1], rules.orders[at, 2]
    end = start + length(rules, stage, at)
    table[row, 0], table[row, 1], table[row, 2], table[row, 3] = stage, kind, chunk, index
    table[row, 4], table[row, 5] = start, end
    state.clock[stage] = end
    if kind in (FORWARD, TOGETHER):
        state.done[stage, chunk, index] = end
        state.arrived[stage, chunk, index] = end + rules.sent_s[stage, chunk]
        state.held[stage] += 1
    if kind == TOGETHER:
        chunk, index = rules.orders[at, 3], rules.orders[at, 4]
    if kind in (BACKWARD, BY_INPUT, TOGETHER):
        state.returned[stage, chunk, index] = end + rules.sent_s[stage, chunk]
    if kind == BY_INPUT and rules.fills:
        state.queue[stage, state.tail[stage], 0] = chunk
        state.queue[stage, state.tail[stage], 1] = index
        state.tail[stage] += 1
    if kind in (BACKWARD, BY_WEIGHT, TOGETHER):
        state.held[stage] -= 1


@numba.njit(cache=True, inline="always")
def length(rules: Any, stage: Any, at: Any) -> Any:
    """Seconds of a pass of the order."""
    kind, chunk = rules.orders[at, 0], rules.orders[at, 1]
    if kind == FORWARD:
        return rules.forward_s[stage, chunk]
    if kind == BY_WEIGHT:
        return rules.by_weight_s[stage, chunk]
    if kind == BY_INPUT:
        return rules.by_input_s[stage, chunk]
    if kind == BACKWARD:
        return rules.by_input_s[stage, chunk] + rules.by_weight_s[stage, chunk]
    back = rules.orders[at, 3]
    backward = rules.by_input_s[stage, back] + rules.by_weight_s[stage, back]
    hidden = rules.hidden_s[0, stage, chunk] + rules.hidden_s[1, stage, back]
    return rules.forward_s[stage, chunk] + backward - hidden
