"""METIS: a graph that stands for the hypergraph, nodes as parts of individual target weights.

METIS balances its parts and knows no limits, so it gets exactly as many places as there are cells; the
parts that it overfills are repaired. Over several tiers it is applied from the outermost inwards.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pymetis

from tests.benchmarks.peers.adapter import Watch, main
from tests.benchmarks.peers.graph import adjacency
from tests.benchmarks.peers.topdown import top_down

TIGHTEST = 1  # imbalance in thousandths


def partition(method, model, seed, task, target, watch):
    """Parts of one tier; METIS counts cut edges of another graph, so no cost is reported."""
    starts, others, weights = adjacency(task, model)
    options = pymetis.Options(seed=seed, ufactor=TIGHTEST)
    used = np.flatnonzero(target)
    with watch:
        _, part = pymetis.part_graph(
            len(used),
            xadj=starts,
            adjncy=others,
            eweights=weights,
            tpwgts=(target[used] / target.sum()).tolist(),
            recursive=method == "recursive",
            options=options,
        )
    return used[np.asarray(part)], None


def place(job, setting, seed):
    """One placement; `setting` is METIS's method and the model of a group."""
    method, model = setting.split()
    return [top_down(job, partial(partition, method, model, seed), Watch())]


if __name__ == "__main__":
    main(place)
