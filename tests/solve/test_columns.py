"""Column generation: the published instances, and small ones against a plain linear programme."""

from __future__ import annotations

import numpy as np
import pytest

from planner.solve.blocks import candidate_blocks
from planner.solve.columns import LARGE_CELLS, CapacityClass, relax
from planner.solve.reduction import reduce_costs
from tests.builders import grid_workload
from tests.solve.vectors import every_vector, random_costs


def grid_costs(stages, replicas):
    """S = V = 1: an all-reduce of S along the replicas, a path of V along the stages."""
    families = [("dp", "all_reduce", 1.0), ("pp", "path", 1.0)]
    job = grid_workload(dp=replicas, pp=stages, families=families)
    return reduce_costs(job.families, candidate_blocks(job.mesh)[0])


def covered(stages, replicas):
    """Every stage's cells, shape (stages,)."""
    return np.full(stages, replicas, np.int32)


def plain_programme(costs, classes, coverage):
    """The relaxation's value with a column for every width vector there is."""
    from ortools.linear_solver import pywraplp

    solver = pywraplp.Solver.CreateSolver("GLOP")
    rows = [solver.Constraint(float(c), float(c)) for c in coverage]
    goal = solver.Objective()
    for k in classes:
        limit = solver.Constraint(-solver.infinity(), float(k.count))
        for vector in every_vector(len(coverage), int(min(k.capacity, coverage.max())), k.capacity):
            amount = solver.NumVar(0.0, solver.infinity(), "")
            goal.SetCoefficient(amount, float(costs.domain_bytes(vector[None])[0]))
            limit.SetCoefficient(amount, 1.0)
            for stage, width in enumerate(vector.tolist()):
                rows[stage].SetCoefficient(amount, float(width))
    goal.SetMinimization()
    assert solver.Solve() == solver.OPTIMAL
    return goal.Value()


@pytest.mark.parametrize("shape", [{}, {"ring": True}, {"folded": True}], ids=["path", "ring", "folded"])
def test_generated_columns_are_enough(shape):
    """The bound equals the programme with every column written out, for ragged classes."""
    for seed in range(15):
        rng = np.random.default_rng(seed)
        stages, replicas = int(rng.integers(4, 5) if shape else rng.integers(2, 4)), int(rng.integers(2, 5))
        costs = random_costs(rng, stages, replicas, **shape)
        classes, room = [], 0
        while room < stages * replicas:
            classes.append(CapacityClass(int(rng.integers(1, 6)), int(rng.integers(1, 4))))
            room += classes[-1].capacity * classes[-1].count
        coverage = covered(stages, replicas)
        found = relax(costs, classes, coverage)
        assert found.bound == pytest.approx(plain_programme(costs, classes, coverage), abs=1e-6)
        used = sum(n * column.widths for column, n in zip(found.columns, found.amounts, strict=True))
        assert used == pytest.approx(coverage, abs=1e-6)


@pytest.mark.parametrize(
    ("stages", "replicas", "nodes", "room", "expected"),
    [(16, 64, 128, 8, 928), (36, 80, 320, 9, 2728)],
)
def test_published_instances(stages, replicas, nodes, room, expected):
    """S = V = 1: 16 x 64 on 128 nodes of 8 is 928, and the bound of 36 x 80 on 320 nodes of 9 is 2,728."""
    costs = grid_costs(stages, replicas)
    found = relax(costs, [CapacityClass(room, nodes)], covered(stages, replicas))
    assert found.bound + costs.constant == pytest.approx(expected, abs=1e-6)


def test_cost_of_equal_boxes():
    """On nodes of 8 the box of two stages by four replicas costs 928, that of 36 x 80 on nines 5,928."""
    small, large = grid_costs(16, 64), grid_costs(36, 80)
    boxes = np.zeros((128, 16), np.int32)
    for node in range(128):
        boxes[node, 2 * (node // 16) : 2 * (node // 16) + 2] = 4
    assert small.evaluate(boxes) == 928
    lines = np.zeros((320, 36), np.int32)
    for node in range(320):
        lines[node, 9 * (node // 80) : 9 * (node // 80) + 9] = 1
    assert large.evaluate(lines) == 5928


def test_duals_are_worth_what_they_bound():
    """Bound = duals times coverage plus each class's cheapest column: no domain pays less than it says."""
    rng = np.random.default_rng(3)
    costs, classes = random_costs(rng, 3, 4), [CapacityClass(4, 2), CapacityClass(3, 3)]
    found = relax(costs, classes, covered(3, 4))
    least = 0.0
    for k in classes:
        vectors = every_vector(3, 4, k.capacity)
        least += k.count * min(0.0, float((costs.domain_bytes(vectors) - vectors @ found.duals).min()))
    assert found.duals.sum() * 4 + least == pytest.approx(found.bound, abs=1e-6)


def test_large_domains_are_bounded_by_levels():
    """Domains of more cells than are enumerated: a valid bound, met where boxes divide."""
    costs = grid_costs(4, 2 * LARGE_CELLS)
    found = relax(costs, [CapacityClass(2 * LARGE_CELLS, 4)], covered(4, 2 * LARGE_CELLS))
    ways = [np.full((4, 4), LARGE_CELLS // 2), np.kron(np.eye(4), np.full((1, 1), 2 * LARGE_CELLS))]
    ways.append(np.kron(np.eye(2), np.full((2, 2), LARGE_CELLS)))
    least = min(costs.domain_bytes(each.astype(np.int32)).sum() for each in ways)
    assert found.bound <= least + 1e-6
    assert found.bound == pytest.approx(least, rel=1e-9)


def test_terms_that_single_stages_do_not_pay():
    """Payloads that only mirrored stages have still scale the programme."""
    costs = random_costs(np.random.default_rng(0), 6, 1, folded=True, forms=())
    found = relax(costs, [CapacityClass(3, 2)], covered(6, 1))
    assert found.bound <= 0.0
    assert np.isfinite(found.bound)
