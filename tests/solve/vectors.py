"""Random terms of f and every width vector of a small domain."""

from __future__ import annotations

from itertools import product

import numpy as np

from planner.solve.columns.master import CapacityClass
from planner.solve.reduction.reduction import StageCosts


def random_costs(rng, stages, replicas, *, ring=False, folded=False, forms=("touched", "partial", "pairs")):
    """Terms of random size; whole groups of all replicas or of a part of them."""
    groups = [n for n in range(2, replicas + 1) if replicas % n == 0] or [1]
    terms = {}
    for form in forms:
        if form == "touched" or rng.random() < 0.4:
            cells = replicas if form == "touched" else int(rng.choice(groups))
            terms[form, cells] = rng.integers(0, 9, stages).astype(float)
    return StageCosts(
        stages=stages,
        replicas=replicas,
        cell_ranks=1,
        terms=tuple((form, cells, each) for (form, cells), each in terms.items()),
        v=rng.integers(0, 9, max(stages - 1, 0)).astype(float),
        v_wrap=float(rng.integers(1, 9)) if ring else 0.0,
        rungs=_rungs(rng, stages, folded),
        constant=0.0,
        exact=True,
        part_bytes=np.zeros((stages, 2)),
        granule_bytes=0,
    )


def _rungs(rng, stages, folded):
    rungs = np.zeros(stages // 2)
    if folded:
        rungs[1 : (stages - 1) // 2] = rng.integers(1, 9, len(rungs[1 : (stages - 1) // 2]))
    return rungs


def every_vector(stages, widest, room):
    """All width vectors of at most `room` cells, no width over `widest`, shape (vectors, stages)."""
    grid = np.asarray(list(product(range(widest + 1), repeat=stages)), np.int32)
    return grid[grid.sum(axis=1) <= room]


def is_segment(widths, *, ring):
    """Whether the stages that hold cells follow on each other, round the ring if it is one."""
    held = np.asarray(widths) > 0
    begins = held & ~np.roll(held, 1)
    if not ring:
        begins[0] = held[0]
    return bool(held.all()) or int(begins.sum()) == 1


def ragged_classes(rng, cells, largest):
    """Classes of random capacities, as many domains as hold the cells."""
    classes = []
    while cells > 0:
        classes.append(CapacityClass(int(rng.integers(1, largest + 1)), int(rng.integers(1, 4))))
        cells -= classes[-1].capacity * classes[-1].count
    return classes


def least_cover(costs, classes, coverage):
    """Least sum of f over all ways to cover, by a table of what every part of the coverage costs."""
    table = np.full([int(cells) + 1 for cells in coverage], np.inf)
    table.flat[0] = 0.0
    for k in classes:
        vectors = every_vector(len(coverage), min(int(coverage.max()), k.capacity), k.capacity)
        vectors = vectors[(vectors <= coverage).all(axis=1)]
        for _ in range(k.count):
            table = _one_more_domain(table, vectors, costs.domain_bytes(vectors))
    return float(table.flat[-1])


def _one_more_domain(table, vectors, bytes_each):
    filled = table.copy()
    for vector, cost in zip(vectors.tolist(), bytes_each, strict=True):
        after = filled[tuple(slice(width, None) for width in vector)]
        before = table[tuple(slice(0, size - width) for size, width in zip(table.shape, vector, strict=True))]
        np.minimum(after, before + cost, out=after)
    return filled
