"""Scotch's static mapping (``scotch_gmap``) of a graph onto the nodes, for any number of tiers.

One tier is a weighted complete graph (``cmpltw``); a tree is a decomposition-defined architecture
(``deco 0``): its nodes with their room, how they are halved again and again, and the distance of
every two. Scotch balances and knows no limits, so it gets exactly as many places as there are cells;
nodes that it overfills are repaired. It has no seed: cells renumbered at random take its place.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from tests.benchmarks.peers.adapter import Watch, answer_of, main
from tests.benchmarks.peers.graph import adjacency

PROGRAMS = ("scotch_gmap", "gmap")


def program() -> str | None:
    """Path of Scotch's program, where it is installed."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def graph_file(task, model):
    """The graph in Scotch's format: degree, then weight and number of every neighbour."""
    starts, others, weights = adjacency(task, model)
    pairs = np.stack([weights, others], axis=1)
    rows = [f"0\n{task.cells} {len(others)}\n0 010"]
    for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        rows.append(" ".join(map(str, [end - start, *pairs[start:end].ravel().tolist()])))
    return "\n".join(rows) + "\n"


def halves(job, nodes, number=1):
    """Number of every node in the binary tree of halves: the children of i are 2 i and 2 i + 1.

    The domains of the outermost tier that parts the nodes are halved first.
    """
    if len(nodes) == 1:
        return {int(nodes[0]): number}
    parting = next(domain for domain in job.domain[::-1] if len(np.unique(domain[nodes])) > 1)
    domains = np.unique(parting[nodes])
    first = np.isin(parting[nodes], domains[: (len(domains) + 1) // 2])
    return halves(job, nodes[first], 2 * number) | halves(job, nodes[~first], 2 * number + 1)


def target_file(job, nodes):
    """The architecture in Scotch's format; `nodes` are those that have room."""
    room = job.task.room[nodes]
    if job.tiers == 1:
        return " ".join(map(str, ["cmpltw", len(nodes), *room.tolist()])) + "\n"
    number = halves(job, nodes)
    rows = [f"deco\n0\n{len(nodes)} {max(number.values())}"]
    rows += [f"{i} {size} {number[node]}" for i, (node, size) in enumerate(zip(nodes, room, strict=True))]
    domain = job.domain[:, nodes]
    for i in range(1, len(nodes)):
        distance = job.cost @ (domain[:, :i] != domain[:, i : i + 1])
        rows.append(" ".join(map(str, distance.tolist())))
    return "\n".join(rows) + "\n"


def place(job, setting, seed):
    """One placement; `setting` is Scotch's ``-c`` option and the model of a group."""
    choice, model = setting.split()
    trimmed, watch = job.trimmed(), Watch()
    nodes = np.flatnonzero(trimmed.task.room)
    with tempfile.TemporaryDirectory() as folder:
        graph, target, result = (Path(folder) / name for name in ("graph", "target", "result"))
        graph.write_text(graph_file(job.task, model))
        target.write_text(target_file(trimmed, nodes))
        with watch:
            subprocess.run([program(), f"-c{choice}", graph, target, result], check=True)
        lines = np.loadtxt(result, dtype=np.int64, skiprows=1)
    node = np.zeros(job.task.cells, np.int64)
    node[lines[:, 0]] = nodes[lines[:, 1]]
    return [answer_of(job, node, watch)]


if __name__ == "__main__":
    main(place)
