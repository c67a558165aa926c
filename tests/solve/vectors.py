"""Random terms of f and every width vector of a small domain."""

from __future__ import annotations

from itertools import product

import numpy as np

from planner.solve.reduction import StageCosts


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
        part_bytes=np.zeros(2),
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
