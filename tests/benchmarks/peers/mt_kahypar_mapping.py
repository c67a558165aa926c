"""Mt-KaHyPar's mapping onto a target graph, for several tiers at once.

The target graph joins every two nodes at the summed cost of the tiers that part them. In that metric
the smallest tree over a net's nodes costs, tier by tier, the number of domains touched less one: the
Steiner tree objective is exactly the cost of the placement. The tool maps hypergraphs onto at most 64
nodes; above, it is given a graph that stands for the hypergraph.
"""

from __future__ import annotations

import mtkahypar
import numpy as np

from tests.benchmarks.peers.adapter import Watch, answer_of, main
from tests.benchmarks.peers.job import HYPERGRAPH
from tests.benchmarks.peers.mt_kahypar import IMBALANCE, hypergraph, tool


def target_graph(job, context):
    """The complete graph of the nodes."""
    first, second = np.triu_indices(job.nodes, 1)
    apart = job.domain[:, first] != job.domain[:, second]
    edges = list(zip(first.tolist(), second.tolist(), strict=True))
    weights = (job.cost @ apart).tolist()
    return tool().create_target_graph(context, job.nodes, len(edges), edges, weights)


def graph(task, context, model):
    """The task as a graph, every cell of weight 1."""
    edges, weights = task.edges(model)
    pairs = list(map(tuple, edges.tolist()))
    ones = [1] * task.cells
    return tool().create_graph(context, task.cells, len(pairs), pairs, ones, weights.tolist())


def place(job, setting, seed):
    """One placement; `setting` is a preset and how the job is modelled."""
    preset, model = setting.split()
    mtkahypar.set_seed(seed)
    context = tool().context_from_preset(getattr(mtkahypar.PresetType, preset.upper()))
    context.set_mapping_parameters(job.nodes, IMBALANCE)
    context.set_individual_target_block_weights(job.task.room.tolist())
    context.logging = False
    exact = model == HYPERGRAPH
    cells = hypergraph(job.task, context) if exact else graph(job.task, context, model)
    target, watch = target_graph(job, context), Watch()
    with watch:
        found = cells.map_onto_graph(target, context)
    reported = found.steiner_tree(target) if exact else None
    return [answer_of(job, np.asarray(found.get_partition()), watch, reported)]


if __name__ == "__main__":
    main(place)
