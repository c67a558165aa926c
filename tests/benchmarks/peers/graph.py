"""The compressed form in which tools for graphs take one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.benchmarks.peers.job import Task

    IntArray = NDArray[np.int64]


def adjacency(task: Task, model: str) -> tuple[IntArray, IntArray, IntArray]:
    """Start of every cell's neighbours, shape (cells + 1,); the neighbours; the weights of their edges.

    Two edges between the same cells become one.
    """
    edges, weights = task.edges(model)
    ends = np.concatenate([edges, edges[:, ::-1]])
    keys, inverse = np.unique(ends[:, 0] * task.cells + ends[:, 1], return_inverse=True)
    summed = np.bincount(inverse, np.concatenate([weights, weights]), len(keys)).astype(np.int64)
    starts = np.searchsorted(keys // task.cells, np.arange(task.cells + 1))
    return starts, keys % task.cells, summed
