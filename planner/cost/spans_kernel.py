"""When stages begin and end, without every pass in between: the inner loop, compiled.

Each stage runs as far as what it waits for is known, in whatever order stages get their turn, so no clock is
common to all. Where it could run a weight half meanwhile, it must know first when what it waits for
arrives; once no stage knows more, the one that is free first does: nothing can arrive before that.
"""

from __future__ import annotations

from typing import Any

import numba

from planner.cost.timeline_kernel import (
    FORWARD,
    NEVER,
    TOGETHER,
    advance,
    all_ran,
    fill_in,
    ordered_start,
    without_counting,
)


@without_counting
def spans(rules: Any, state: Any, found: Any, last: Any, stack: Any, stacked: Any) -> Any:
    """Fill `found` with first start, last end and seconds of work of each stage; whether all passes ran.

    Parameters
    ----------
    found
        Never, 0 and 0 for every stage, shape (3, stages).
    last
        For the pass that ran last, shape (1, 6).
    stack, stacked
        Stages whose turn it is, as a stack, and which are on it: all of them; each of shape (stages,).
    """
    height = len(stack)
    while True:
        while height:
            height -= 1
            stage = stack[height]
            stacked[stage] = False
            while True:
                row, start = state.following[stage], next_known(rules, state, stage)
                if start == NEVER:
                    break
                if start < state.clock[stage]:
                    fill_in(rules, state, stage, state.clock[stage], last, 0)
                    note(found, last, stage)
                    continue
                advance(rules, state, stage, start, last, 0)
                note(found, last, stage)
                height = wake(rules, stage, row, stack, stacked, height)
        free = first_free(rules, state)
        if free < 0:
            return all_ran(rules, state)
        fill_in(rules, state, free, state.clock[free], last, 0)
        note(found, last, free)
        stack[0], stacked[free], height = free, True, 1


@numba.njit(cache=True, inline="always")
def next_known(rules: Any, state: Any, stage: Any) -> Any:
    """When the order's next pass starts: `NEVER` as long as unknown, -1 where a weight half runs instead."""
    row = state.following[stage]
    waiting = rules.fills and state.tail[stage] > state.head[stage]
    if row == rules.starts[stage + 1]:
        return -1.0 if waiting else NEVER
    start = ordered_start(rules, state, stage)
    full = rules.orders[row, 0] == FORWARD and state.held[stage] >= rules.most_held
    return -1.0 if waiting and (full or state.clock[stage] < start < NEVER) else start


@numba.njit(cache=True, inline="always")
def wake(rules: Any, stage: Any, row: Any, stack: Any, stacked: Any, height: Any) -> Any:
    """Put those on the stack that a stage's pass sends to; the new height."""
    for side in range(3 if rules.orders[row, 0] == TOGETHER else 2):
        if side == 0:
            other = rules.after[stage, rules.orders[row, 1], 0]
        else:
            other = rules.before[stage, rules.orders[row, 1 if side == 1 else 3], 0]
        if other >= 0 and other != stage and not stacked[other]:
            stack[height], stacked[other] = other, True
            height += 1
    return height


@numba.njit(cache=True, inline="always")
def note(found: Any, last: Any, stage: Any) -> None:
    """Count the pass that a stage ran last."""
    start, end = last[0, 4], last[0, 5]
    found[0, stage] = min(found[0, stage], start)
    found[1, stage] = end
    found[2, stage] += end - start


@numba.njit(cache=True, inline="always")
def first_free(rules: Any, state: Any) -> Any:
    """Of the stages that have a weight half to run the one that is free first; -1 where there is none."""
    best, least = -1, NEVER
    for stage in range(len(state.clock)):
        if rules.fills and state.tail[stage] > state.head[stage] and state.clock[stage] < least:
            best, least = stage, state.clock[stage]
    return best
