"""KaHyPar: connectivity of the hypergraph, nodes as blocks of individual weights.

Its wheel brings no configuration, so the two here are made of the choices its authors publish:
community-aware n-level coarsening, a pool of initial partitions, local search with an adaptive stop;
once k-way at a go (``direct``), and once by bisecting again and again, with flows (``recursive``). k-way
flows are left out: with individual weights KaHyPar skips them. Over several tiers it is applied from
the outermost inwards; blocks that it overfills are repaired.
"""

from __future__ import annotations

import tempfile
from functools import partial
from itertools import accumulate

import kahypar
import numpy as np

from tests.benchmarks.peers.adapter import Watch, main
from tests.benchmarks.peers.topdown import top_down

IMBALANCE = 0.03  # has no effect: individual block weights take its place

GENERAL = {"objective": "km1", "seed": -1, "vcycles": 0}
PREPROCESSING = {
    "use-sparsifier": "true",
    "sparsifier-min-median-he-size": 28,
    "sparsifier-max-hyperedge-size": 1200,
    "sparsifier-max-cluster-size": 10,
    "sparsifier-min-cluster-size": 2,
    "sparsifier-num-hash-func": 5,
    "sparsifier-combined-num-hash-func": 100,
    "detect-communities": "true",
    "detect-communities-in-ip": "true",
    "reuse-communities": "false",
    "max-louvain-pass-iterations": 100,
    "min-eps-improvement": 0.0001,
    "louvain-edge-weight": "hybrid",
    "large-he-threshold": 1000,
    "smallest-maxnet-threshold": 50000,
    "maxnet-removal-factor": 0.01,
}
COARSENING = {
    "type": "ml_style",
    "s": 1,
    "t": 160,
    "rating-score": "heavy_edge",
    "rating-use-communities": "true",
    "rating-heavy_node_penalty": "no_penalty",
    "rating-acceptance-criterion": "best_prefer_unmatched",
    "fixed-vertex-acceptance-criterion": "fixed_vertex_allowed",
}
INITIAL = {
    "algo": "pool",
    "runs": 20,
    "bp-algorithm": "worst_fit",
    "bp-heuristic-prepacking": "false",
    "bp-early-restart": "true",
    "bp-late-restart": "true",
    "r-type": "twoway_fm",
    "r-runs": -1,
    "r-fm-stop": "simple",
    "r-fm-stop-i": 50,
}
SEARCH = {"runs": -1, "fm-stop": "adaptive_opt", "fm-stop-alpha": 1, "fm-stop-i": 350}
FLOWS = {
    "flow-execution-policy": "exponential",
    "hfc-size-constraint": "mf-style",
    "hfc-scaling": 16,
    "hfc-distance-based-piercing": "true",
    "hfc-mbc": "true",
}
METHODS = {
    "direct": (
        {"mode": "direct", "cmaxnet": 1000},
        {"mode": "recursive", "technique": "multi"},
        {"type": "kway_fm_km1"},
    ),
    "recursive": (
        {"mode": "recursive", "cmaxnet": -1},
        {"mode": "direct", "technique": "flat"},
        {"type": "twoway_fm_hyperflow_cutter"} | FLOWS,
    ),
}


def configuration(setting):
    """Text of the configuration file: every phase has a prefix of its own."""
    general, initial, search = METHODS[setting]
    phases = {
        "": GENERAL | general,
        "p-": PREPROCESSING,
        "c-": COARSENING,
        "i-": INITIAL | initial,
        "i-c-": COARSENING | {"t": 150},
        "r-": SEARCH | search,
    }
    return "".join(
        f"{prefix}{key}={value}\n" for prefix, keys in phases.items() for key, value in keys.items()
    )


def partition(setting, seed, task, _target, watch):
    """Blocks of one tier."""
    nets, weights = task.nets()
    starts = [0, *accumulate(map(len, nets))]
    pins = [cell for net in nets for cell in net]
    blocks = len(task.room)
    graph = kahypar.Hypergraph(task.cells, len(nets), starts, pins, blocks, weights, [1] * task.cells)
    context = kahypar.Context()
    with tempfile.NamedTemporaryFile("w", suffix=".ini") as file:
        file.write(configuration(setting))
        file.flush()
        context.loadINIconfiguration(file.name)
    context.setK(blocks)
    context.setCustomTargetBlockWeights(task.room.tolist())
    context.setEpsilon(IMBALANCE)
    context.setSeed(seed)
    context.suppressOutput(True)  # noqa: FBT003 - takes no name
    with watch:
        kahypar.partition(graph, context)
    block = np.asarray([graph.blockID(cell) for cell in range(task.cells)])
    return block, kahypar.connectivityMinusOne(graph)


def place(job, setting, seed):
    """One placement; `setting` is KaHyPar's mode."""
    return [top_down(job, partial(partition, setting, seed), Watch())]


if __name__ == "__main__":
    main(place)
