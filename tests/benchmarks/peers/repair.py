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
    neighbours = (task.before, task.after)
    moved = 0
    while (load > task.room).any():
        full = int((load - task.room).argmax())
        cells, free = np.flatnonzero(block == full), np.flatnonzero(load < task.room)
        change = _change(task, block, neighbours, levels, full, cells, free)
        cell, target = np.unravel_index(change.argmin(), change.shape)
        block[cells[cell]] = free[target]
        load[full] -= 1
        load[free[target]] += 1
        moved += 1
    return block, moved


def _change(task, block, neighbours, levels, full, cells, free):
    """What each move of `cells` from `full` to the blocks `free` costs, shape (cells, free)."""
    change = np.zeros((len(cells), len(free)))
    stage = task.stage[cells]
    for domain, cost in levels:
        here, there = domain[full], domain[free]
        held = np.zeros((int(task.stage.max()) + 1, int(domain.max()) + 1), np.int32)
        np.add.at(held, (task.stage, domain[block]), 1)
        added = (held[stage][:, there] == 0).astype(float) - (held[stage, here] == 1)[:, None]
        added *= task.shared
        for neighbour in neighbours:
            known = (neighbour[cells] >= 0)[:, None]
            at = domain[block[neighbour[cells]]][:, None]
            added += task.passed * known * ((at == here).astype(float) - (at == there))
        added[:, there == here] = 0.0
        change += cost * added
    return change
