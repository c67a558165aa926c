"""The inner loop of `planner.cost.timeline`, compiled."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

FORWARD, BACKWARD, BY_INPUT, BY_WEIGHT, TOGETHER = 0, 1, 2, 3, 4


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def play(
    orders: Any,
    starts: Any,
    before: Any,
    after: Any,
    microbatches: Any,
    forward_s: Any,
    by_input_s: Any,
    by_weight_s: Any,
    sent_s: Any,
    together: Any,
    fills: Any,
    most_held: Any,
) -> Any:
    """Rows of stage, kind, chunk, microbatch, start, end, in order of their start; and how many.

    -1 rows where all stages wait; then column 0 says how far each came.
    """
    stages, chunks = forward_s.shape
    never = np.inf
    # When the output of each pass is where it is needed.
    ready_f = np.full((stages, chunks, microbatches), never)
    ready_b = np.full((stages, chunks, microbatches), never)
    done_f = np.full((stages, chunks, microbatches), never)
    table = np.empty((3 * len(orders) + stages, 6))
    next_pass = starts[:-1].copy()
    clock = np.zeros(stages)
    held = np.zeros(stages, np.int64)
    # Weight halves that wait, a ring buffer a stage: at most one for each backward.
    queue = np.empty((stages, chunks * microbatches, 2), np.int64)
    head, tail = np.zeros(stages, np.int64), np.zeros(stages, np.int64)
    rows = 0
    while True:
        # Of all passes that could run next, the one that starts first.
        chosen, chosen_start, chosen_fill = -1, never, False
        unfinished = False
        for stage in range(stages):
            waiting = tail[stage] > head[stage]
            if next_pass[stage] == starts[stage + 1]:
                if fills and waiting:
                    unfinished = True
                    if clock[stage] < chosen_start:
                        chosen, chosen_start, chosen_fill = stage, clock[stage], True
                continue
            unfinished = True
            row = orders[next_pass[stage]]
            kind, chunk, index = row[0], row[1], row[2]
            start = clock[stage]
            if kind == FORWARD or kind == TOGETHER:
                if before[stage, chunk, 0] >= 0:
                    start = max(start, ready_f[before[stage, chunk, 0], before[stage, chunk, 1], index])
            if kind == TOGETHER:
                chunk, index = row[3], row[4]
            if kind == BACKWARD or kind == BY_INPUT or kind == TOGETHER:
                start = max(start, done_f[stage, chunk, index])
                if after[stage, chunk, 0] >= 0:
                    start = max(start, ready_b[after[stage, chunk, 0], after[stage, chunk, 1], index])
            fill = False
            if fills and waiting:
                full = kind == FORWARD and held[stage] >= most_held
                if full or start > clock[stage]:
                    start, fill = clock[stage], True
            if start < chosen_start:
                chosen, chosen_start, chosen_fill = stage, start, fill
        if not unfinished:
            return table, rows
        if chosen < 0:
            for stage in range(stages):
                table[stage, 0] = next_pass[stage] - starts[stage]
            return table, -1
        stage = chosen
        if chosen_fill:
            chunk, index = queue[stage, head[stage], 0], queue[stage, head[stage], 1]
            head[stage] += 1
            kind, end = BY_WEIGHT, chosen_start + by_weight_s[stage, chunk]
            held[stage] -= 1
        else:
            row = orders[next_pass[stage]]
            next_pass[stage] += 1
            kind, chunk, index = row[0], row[1], row[2]
            if kind == FORWARD:
                end = chosen_start + forward_s[stage, chunk]
                done_f[stage, chunk, index] = end
                ready_f[stage, chunk, index] = end + sent_s[stage, chunk]
                held[stage] += 1
            elif kind == BY_WEIGHT:
                end = chosen_start + by_weight_s[stage, chunk]
                held[stage] -= 1
            elif kind == TOGETHER:
                back, at = row[3], row[4]
                length = forward_s[stage, chunk] + by_input_s[stage, back] + by_weight_s[stage, back]
                end = chosen_start + together * length
                done_f[stage, chunk, index] = end
                ready_f[stage, chunk, index] = end + sent_s[stage, chunk]
                ready_b[stage, back, at] = end + sent_s[stage, back]
            else:
                end = chosen_start + by_input_s[stage, chunk]
                if kind == BACKWARD:
                    end += by_weight_s[stage, chunk]
                    held[stage] -= 1
                elif fills:
                    queue[stage, tail[stage], 0], queue[stage, tail[stage], 1] = chunk, index
                    tail[stage] += 1
                ready_b[stage, chunk, index] = end + sent_s[stage, chunk]
        clock[stage] = end
        table[rows, 0], table[rows, 1], table[rows, 2], table[rows, 3] = stage, kind, chunk, index
        table[rows, 4], table[rows, 5] = chosen_start, end
        rows += 1
