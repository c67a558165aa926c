"""Random trees of domains and random ways to fill them with whole cells."""

from __future__ import annotations

import numpy as np

from planner.solve.reduction.tree import summed
from planner.solve.setup.problem import Layout


def nested_lists(rng, tiers, cell, ranks):
    """Nested lists for `ragged_cluster`: ragged nodes with room for `ranks` ranks in whole cells."""
    nodes, room = [], 0
    while room < ranks:
        cells = int(rng.integers(1, 5))
        nodes.append(cells * cell + int(rng.integers(0, cell)))
        room += cells * cell
    if rng.random() < 0.5:
        nodes.append(int(rng.integers(1, 2 * cell + 1)))
    level = nodes
    for _ in range(tiers - 1):
        cuts = np.sort(rng.integers(0, len(level) + 1, int(rng.integers(1, 4)))).tolist()
        parts = [level[a:b] for a, b in zip([0, *cuts], [*cuts, len(level)], strict=True)]
        level = [part for part in parts if part]
    return level


def whole_cells(problem, blocks):
    """The layout of whole cells in nodes."""
    room = problem.ranks_that_fit[0] // blocks.inner
    return Layout(blocks, 0, 0, room, room // blocks.run)


def widths_of(rng, room, stages, replicas):
    """Random width vectors, shape (domains, stages): all cells placed, no domain over its room."""
    places = rng.permutation(np.repeat(np.arange(len(room)), room))[: stages * replicas]
    if rng.random() < 0.5:
        places.sort()
    widths = np.zeros((len(room), stages), np.int32)
    np.add.at(widths, (places, np.repeat(np.arange(stages), replicas)), 1)
    return widths


def widths_upwards(tree, widths):
    """Width vectors of every level of the tree from those of the innermost."""
    per_level = [widths]
    for level, outer in zip(tree.levels, tree.levels[1:], strict=False):
        per_level.append(summed(per_level[-1], level.parent, len(outer.room)))
    return per_level
