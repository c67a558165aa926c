"""Column generation: the published instances, and small ones against a plain linear programme."""

from __future__ import annotations

import numpy as np
import pytest

from planner.solve.columns.columns import relax
from planner.solve.columns.master import CapacityClass, Rounding
from planner.solve.reduction.reduction import reduce_costs
from planner.solve.setup.blocks import candidate_blocks
from planner.solve.setup.control import Control
from tests.builders import grid_workload
from tests.solve.vectors import every_vector, least_cover, ragged_classes, random_costs

MANY = 800


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


def test_a_steady_run_ends_at_the_same_bound():
    """Beginning with stages of one worth, and pricing near the best so far, changes the way alone."""
    for seed in range(25):
        rng = np.random.default_rng(seed)
        stages, replicas = int(rng.integers(2, 7)), int(rng.integers(2, 9))
        costs = random_costs(rng, stages, replicas)
        classes = ragged_classes(rng, stages * replicas, 7)
        coverage = covered(stages, replicas)
        plain = relax(costs, classes, coverage).bound
        assert relax(costs, classes, coverage, steady=True).bound == pytest.approx(plain, rel=1e-7, abs=1e-7)


def test_a_steady_run_out_of_time_has_a_bound():
    """The first look of a steady run is a bound already: below that of a whole run."""
    costs, classes = grid_costs(64, 3), [CapacityClass(room, 1) for room in (37, 39, 59, 68)]
    stopped = relax(costs, classes, covered(64, 3), control=Control(0.0), steady=True).bound
    assert -np.inf < stopped <= relax(costs, classes, covered(64, 3), steady=True).bound


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
    costs = grid_costs(4, MANY)
    found = relax(costs, [CapacityClass(MANY, 4)], covered(4, MANY))
    ways = [np.full((4, 4), MANY // 4), np.kron(np.eye(4), np.full((1, 1), MANY))]
    ways.append(np.kron(np.eye(2), np.full((2, 2), MANY // 2)))
    least = min(costs.domain_bytes(each.astype(np.int32)).sum() for each in ways)
    assert found.bound <= least + 1e-6
    assert found.bound == pytest.approx(least, rel=1e-9)


def test_terms_that_single_stages_do_not_pay():
    """Payloads that only mirrored stages have still scale the programme."""
    costs = random_costs(np.random.default_rng(0), 6, 1, folded=True, forms=())
    found = relax(costs, [CapacityClass(3, 2)], covered(6, 1))
    assert found.bound <= 0.0
    assert np.isfinite(found.bound)


def test_rounded_rows_bound_whole_covers():
    """The rounded bound lies between the plain one and the least of all whole covers, often above."""
    raised = 0
    for seed in range(140):
        rng = np.random.default_rng(seed)
        stages, replicas = int(rng.integers(1, 5)), int(rng.integers(1, 5))
        costs = random_costs(rng, stages, replicas, ring=stages > 2 and bool(seed % 2))
        coverage = covered(stages, replicas)
        if seed % 3 == 0:
            coverage[1:] = rng.integers(0, replicas + 1, stages - 1)
        classes = ragged_classes(rng, int(coverage.sum()), 5)
        plain, rounded = (relax(costs, classes, coverage, rounding=each).bound for each in (False, True))
        assert plain <= rounded + 1e-6
        assert rounded <= least_cover(costs, classes, coverage) + 1e-6
        raised += rounded > plain + 1e-3
    assert raised > 20


def test_rounded_rows_close_a_known_gap():
    """Three cells of a stage in domains of two: one and a half domains do, two when they are counted."""
    costs = random_costs(np.random.default_rng(0), 1, 2, forms=())
    object.__setattr__(costs, "terms", (("touched", 2, np.full(1, 6.0)),))
    classes, coverage = [CapacityClass(2, 2)], np.full(1, 3, np.int32)
    assert relax(costs, classes, coverage).bound == pytest.approx(9.0)
    assert relax(costs, classes, coverage, rounding=True).bound == pytest.approx(12.0)


def test_nothing_is_rounded_where_amounts_are_whole():
    """Where boxes divide both sides no row is broken: the same bound and the same worth of every width."""
    costs = grid_costs(16, 64)
    classes, coverage = [CapacityClass(8, 128)], covered(16, 64)
    plain, rounded = (relax(costs, classes, coverage, rounding=each) for each in (False, True))
    assert rounded.bound == pytest.approx(plain.bound, abs=1e-6)
    assert plain.worth == pytest.approx(plain.duals[:, None] * np.arange(plain.worth.shape[1]))


@pytest.mark.parametrize("rounding", [False, True], ids=["plain", "rounded"])
def test_worth_implies_the_bound(rounding):
    """Bound = worth of what is covered plus each class's cheapest width vector by the worth of its widths."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        stages, replicas = int(rng.integers(2, 4)), int(rng.integers(2, 5))
        costs = random_costs(rng, stages, replicas)
        classes = ragged_classes(rng, stages * replicas, 5)
        found = relax(costs, classes, covered(stages, replicas), rounding=rounding)
        least = 0.0
        for k in classes:
            vectors = every_vector(stages, min(found.worth.shape[1] - 1, k.capacity), k.capacity)
            earned = found.worth[np.arange(stages), vectors].sum(axis=1)
            least += k.count * min(0.0, float((costs.domain_bytes(vectors) - earned).min()))
        assert found.covered + least == pytest.approx(found.bound, abs=1e-6)


def test_a_rounded_row_never_gives_more_than_its_widths():
    """Widths that sum to the coverage: their roundings sum to at least the coverage's."""
    rng = np.random.default_rng(5)
    for _ in range(200):
        denominator = int(rng.integers(2, 13))
        row = Rounding(0, int(rng.integers(1, denominator)), denominator)
        widths = rng.integers(0, 20, int(rng.integers(1, 9)))
        assert row.of(widths).sum() >= row.of(int(widths.sum()))
        assert row.of(widths) == pytest.approx(np.ceil(widths * row.numerator / denominator))


def test_large_domains_are_not_rounded():
    """Widths of large domains are real numbers, for which rounded rows would not be valid."""
    costs = grid_costs(4, MANY)
    classes, coverage = [CapacityClass(MANY - 3, 5)], covered(4, MANY)
    plain, rounded = (relax(costs, classes, coverage, rounding=each).bound for each in (False, True))
    assert plain == rounded
