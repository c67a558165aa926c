"""Mt-KaHyPar's mapping onto a target graph, for several tiers at once.

The target graph joins every two nodes at the summed cost of the tiers that part them. In that metric
the smallest tree over a net's nodes costs, tier by tier, the number of domains touched less one: the
Steiner tree objective is exactly the cost of the placement.
"""

from __future__ import annotations

import mtkahypar
import numpy as np

from tests.benchmarks.peers.adapter import Watch, answer_of, main
from tests.benchmarks.peers.mt_kahypar import IMBALANCE, hypergraph, tool


def target_graph(job, context):
    """The complete graph of the nodes."""
    first, second = np.triu_indices(job.nodes, 1)
    apart = job.domain[:, first] != job.domain[:, second]
    edges = list(zip(first.tolist(), second.tolist(), strict=True))
    weights = (job.cost @ apart).tolist()
    return tool().create_target_graph(context, job.nodes, len(edges), edges, weights)


def place(job, setting, seed):
    """One placement; `setting` is a preset."""
    mtkahypar.set_seed(seed)
    context = tool().context_from_preset(getattr(mtkahypar.PresetType, setting.upper()))
    context.set_mapping_parameters(job.nodes, IMBALANCE)
    context.set_individual_target_block_weights(job.task.room.tolist())
    context.logging = False
    graph, target, watch = hypergraph(job.task, context), target_graph(job, context), Watch()
    with watch:
        found = graph.map_onto_graph(target, context)
    return [answer_of(job, np.asarray(found.get_partition()), watch, found.steiner_tree(target))]


if __name__ == "__main__":
    main(place)
