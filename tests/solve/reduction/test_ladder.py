"""The ladder of a folded pipeline, on its own."""

from __future__ import annotations

import numpy as np
import pytest

from planner.solve.reduction.ladder import Ladder
from tests.solve.vectors import every_vector, random_costs


@pytest.mark.parametrize("stages", [2, 4, 6])
def test_exactly_this_many_cells(stages):
    """For every number of cells the least cost and a vector of just that many cells reach it."""
    for seed in range(6):
        rng = np.random.default_rng(seed)
        widest, room = (4, 8) if stages < 6 else (2, 7)
        costs = random_costs(rng, stages, widest, ring=stages > 2, folded=True)
        duals = rng.normal(2.0, 5.0, stages)
        ladder = Ladder(costs.holding(widest) - duals[:, None] * np.arange(widest + 1), costs, room)
        vectors = every_vector(stages, widest, room)
        values = costs.domain_bytes(vectors) - vectors @ duals
        for cells in range(room + 1):
            here = vectors.sum(axis=1) == cells
            assert ladder.best[cells] == pytest.approx(values[here].min(), abs=1e-9)
            vector = ladder.vector(cells)
            assert vector.sum() == cells
            assert costs.domain_bytes(vector[None])[0] - vector @ duals == pytest.approx(ladder.best[cells])
