"""Partitioners of one tier, applied to a tree from its outermost tier inwards.

With one tier this is a single partition of all cells onto all nodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tests.benchmarks.peers.adapter import Answer
from tests.benchmarks.peers.repair import repaired

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tests.benchmarks.peers.adapter import Watch
    from tests.benchmarks.peers.job import Job, Task

    IntArray = NDArray[np.int64]

    # From cells and blocks, the cells that each block should get, and a watch, to the block of every
    # cell and the cost of it in the tool's own count.
    Partition = Callable[[Task, IntArray, Watch], tuple[IntArray, int | None]]


def top_down(job: Job, partition: Partition, watch: Watch) -> Answer:
    """Divide the cells among the outermost domains, then those of each among its children.

    Blocks that got more cells than they have room for are repaired before their cells are divided any
    further. The cost that the tool itself reports is kept where there is one tier.
    """
    wanted = job.trimmed().task.room
    parts = [(np.arange(job.task.cells), np.arange(job.nodes))]
    reported, moved = None, 0
    for domain in job.domain[::-1]:
        smaller = []
        for cells, nodes in parts:
            children = [nodes[domain[nodes] == child] for child in np.unique(domain[nodes])]
            if len(children) == 1 or not len(cells):
                smaller.append((cells, nodes))
                continue
            room, target = (
                np.asarray([size[child].sum() for child in children]) for size in (job.task.room, wanted)
            )
            task = job.task.restricted(cells, room)
            block, reported = partition(task, target, watch)
            block, moves = repaired(task, block, [(np.arange(len(room)), 1)])
            moved += moves
            smaller += [(cells[block == index], child) for index, child in enumerate(children)]
        parts = smaller
    node = np.zeros(job.task.cells, np.int64)
    for cells, nodes in parts:
        node[cells] = nodes[0]
    return Answer(node, watch.seconds, reported if job.tiers == 1 else None, moved)
