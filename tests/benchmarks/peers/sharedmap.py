"""SharedMap: process mapping of a graph onto a regular hierarchy, whose leaves are the nodes.

The hierarchy runs from the innermost tier outwards. The allowed imbalance is what the nodes' room
leaves above the mean; nodes that are overfilled nevertheless are repaired.
"""

from __future__ import annotations

import chszlablib
import numpy as np

from tests.benchmarks.peers.adapter import THREADS, Watch, answer_of, main
from tests.benchmarks.peers.graph import adjacency


def place(job, setting, seed):
    """One placement; `setting` is SharedMap's mode and the model of a group."""
    mode, model = setting.split()
    starts, others, weights = adjacency(job.task, model)
    graph = chszlablib.Graph.from_csr(starts, others, edge_weights=weights)
    watch = Watch()
    with watch:
        found = chszlablib.Decomposition.process_map(
            graph,
            hierarchy=job.arity(),
            distance=np.cumsum(job.cost).tolist(),
            mode=mode,
            imbalance=float(job.task.room.sum() / job.task.cells - 1),
            threads=THREADS,
            seed=seed,
        )
    return [answer_of(in_order(job), np.asarray(found.assignment), watch)]


def in_order(job):
    """The job, once its nodes are known to be numbered tree by tree as SharedMap numbers its leaves."""
    if any((np.diff(domain) < 0).any() for domain in job.domain):
        raise ValueError("nodes of one domain must be neighbours")
    return job


if __name__ == "__main__":
    main(place)
