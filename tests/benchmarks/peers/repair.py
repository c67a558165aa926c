"""Making a partition obey the room of its blocks, where a tool has overfilled some."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tests.benchmarks.peers.job import Job, Task

    IntArray = NDArray[np.int64]

    # Domain of every block at one tier, and what a byte costs that crosses it.
    Level = tuple[IntArray, int]


def levels_of(job: Job) -> list[Level]:
    """The tiers of a job."""
    return [(domain, int(cost)) for domain, cost in zip(job.domain, job.cost, strict=True)]


def repaired(task: Task, block: IntArray, levels: Sequence[Level]) -> tuple[IntArray, int]:
    """The partition with no block overfilled, and how many cells were moved for it.

    Greedy: while a block holds too many cells, the fullest gives up the cell, and to the block with
    room, that raises the cost least.

    Parameters
    ----------
    block
        Block of each cell, shape (cells,).
    levels
        What counts: for one tier the blocks themselves at a cost of 1.
    """
    block = np.array(block, np.int64)
    load = np.bincount(block, minlength=len(task.room))
    touched = [_held(task, domain, block) for domain, _ in levels]
    neighbours = (task.before, task.after)
    moved = 0
    while (load > task.room).any():
        full = int((load - task.room).argmax())
        cells, free = np.flatnonzero(block == full), np.flatnonzero(load < task.room)
        change = np.zeros((len(cells), len(free)))
        for (domain, cost), held in zip(levels, touched, strict=True):
            change += cost * _change(task, domain, held, domain[block], neighbours, full, cells, free)
        row, column = np.unravel_index(change.argmin(), change.shape)
        cell, target = cells[row], free[column]
        for (domain, _), held in zip(levels, touched, strict=True):
            held[task.stage[cell], domain[full]] -= 1
            held[task.stage[cell], domain[target]] += 1
        block[cell] = target
        load[full] -= 1
        load[target] += 1
        moved += 1
    return block, moved


def _held(task, domain, block):
    """Cells of every stage in every domain of one tier, shape (stages, domains)."""
    held = np.zeros((int(task.stage.max()) + 1, int(domain.max()) + 1), np.int32)
    np.add.at(held, (task.stage, domain[block]), 1)
    return held


def _change(task, domain, held, at, neighbours, full, cells, free):
    """What each move of `cells` from `full` to the blocks `free` adds at one tier, shape (cells, free).

    `at` is the domain of every cell.
    """
    here, there, stage = domain[full], domain[free], task.stage[cells]
    added = (held[stage][:, there] == 0).astype(float) - (held[stage, here] == 1)[:, None]
    added *= task.shared
    for neighbour in neighbours:
        known = (neighbour[cells] >= 0)[:, None]
        its = at[neighbour[cells]][:, None]
        added += task.passed * known * ((its == here).astype(float) - (its == there))
    added[:, there == here] = 0.0
    return added
