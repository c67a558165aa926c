"""Mt-KaHyPar: connectivity of the hypergraph, nodes as blocks of individual weights.

Over several tiers it is applied from the outermost tier inwards; for its own mapping onto a tree see
``mt_kahypar_mapping``. Blocks that it overfills, as it may where there is no slack, are repaired.
"""

from __future__ import annotations

from functools import cache, partial

import mtkahypar
import numpy as np

from tests.benchmarks.peers.adapter import THREADS, Watch, main
from tests.benchmarks.peers.topdown import top_down

IMBALANCE = 0.03  # has no effect: individual block weights take its place


@cache
def tool():
    """The library, started once a process."""
    return mtkahypar.initialize(THREADS)


def hypergraph(task, context):
    """The task's hypergraph, every cell of weight 1."""
    nets, weights = task.nets()
    return tool().create_hypergraph(context, task.cells, len(nets), nets, [1] * task.cells, weights)


def partition(setting, task, _target, watch):
    """Blocks of one tier."""
    context = tool().context_from_preset(getattr(mtkahypar.PresetType, setting.upper()))
    context.set_partitioning_parameters(len(task.room), IMBALANCE, mtkahypar.Objective.KM1)
    context.set_individual_target_block_weights(task.room.tolist())
    context.logging = False
    graph = hypergraph(task, context)
    with watch:
        found = graph.partition(context)
    return np.asarray(found.get_partition()), found.km1()


def place(job, setting, seed):
    """One placement; `setting` is a preset."""
    mtkahypar.set_seed(seed)
    return [top_down(job, partial(partition, setting), Watch())]


if __name__ == "__main__":
    main(place)
