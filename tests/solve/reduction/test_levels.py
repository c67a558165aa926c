"""The relaxation for large domains against every width vector."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.solve.reduction.levels import Levels, linear_credit
from tests.solve.vectors import every_vector, random_costs


def least(costs, duals, vectors):
    """The least f less what the duals pay, the empty domain included."""
    return min(0.0, float((costs.domain_bytes(vectors) - vectors @ duals).min()))


@pytest.mark.parametrize("shape", [{}, {"ring": True}, {"folded": True}], ids=["path", "ring", "folded"])
@pytest.mark.parametrize("first", range(0, 60, 20))
def test_levels_bound_every_vector(shape, first):
    """No width vector of a domain costs less than the relaxation says."""
    for seed in range(first, first + 20):
        rng = np.random.default_rng(seed)
        stages, replicas, room = int(rng.integers(3, 5)), int(rng.integers(2, 6)), int(rng.integers(1, 14))
        costs = random_costs(rng, stages, replicas, forms=("touched",), **shape)
        duals = rng.normal(2.0, 5.0, stages)
        value, widths = Levels.of(costs, replicas).cheapest(duals, room)
        assert value <= least(costs, duals, every_vector(stages, replicas, room)) + 1e-9
        assert widths.sum() <= room + 1e-9


def test_partial_groups_are_bounded_too():
    """Collectives over a part of a stage's cells become a slope, which no vector undercuts."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        costs = random_costs(rng, 3, 4, forms=("partial", "pairs"))
        pairs = ("touched", 2, rng.integers(1, 9, 3).astype(float))
        costs = replace(costs, terms=(*costs.terms, pairs))
        duals = rng.normal(2.0, 5.0, 3)
        value, _ = Levels.of(costs, 4).cheapest(duals, 8)
        assert value <= least(costs, duals, every_vector(3, 4, 8)) + 1e-9


def test_rings_of_all_replicas_pay_while_they_are_cut():
    """A ring over a stage costs nothing at 0 and at N cells, and its price between; half are exact."""
    exact = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        stages, replicas, room = int(rng.integers(1, 5)), int(rng.integers(2, 6)), int(rng.integers(1, 14))
        costs = random_costs(rng, stages, replicas, forms=("touched",))
        ring = ("partial", replicas, rng.integers(1, 9, stages).astype(float))
        costs = replace(costs, terms=(*costs.terms, ring))
        duals = rng.normal(2.0, 5.0, stages)
        value, widths = Levels.of(costs, replicas).cheapest(duals, room)
        true = least(costs, duals, every_vector(stages, replicas, room))
        assert value <= true + 1e-9
        assert Levels.of(costs, replicas).cost(widths) - duals @ widths == pytest.approx(value, abs=1e-9)
        exact += value >= true - 1e-9
    assert exact > 30


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_levels_are_exact_where_rooms_divide(first):
    """With room for a number of cells that 1 .. P stages divide, whole widths reach the relaxation."""
    for seed in range(first, first + 20):
        rng = np.random.default_rng(seed)
        stages = int(rng.integers(1, 4))
        replicas = room = 6 * int(rng.integers(1, 3))
        costs = random_costs(rng, stages, replicas, forms=("touched",))
        duals = rng.normal(1.0, 3.0, stages)
        value, widths = Levels.of(costs, replicas).cheapest(duals, room)
        assert value == pytest.approx(least(costs, duals, every_vector(stages, replicas, room)), abs=1e-9)
        assert np.allclose(widths, np.rint(widths))


def test_the_vector_costs_what_is_said():
    """The relaxed f of the vector handed back, less its duals, is the value handed back."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        costs = random_costs(rng, 4, 7, forms=("touched",), ring=bool(seed % 2))
        levels, duals = Levels.of(costs, 7), rng.normal(4.0, 5.0, 4)
        value, widths = levels.cheapest(duals, 11)
        assert levels.cost(widths) - duals @ widths == pytest.approx(value, abs=1e-9)


def test_nothing_worth_having_leaves_the_domain_empty():
    """With negative duals the cheapest vector is the empty one, at cost 0."""
    costs = random_costs(np.random.default_rng(1), 4, 5, forms=("touched",))
    value, widths = Levels.of(costs, 5).cheapest(np.full(4, -100.0), 9)
    assert value == 0.0
    assert widths.tolist() == [0.0, 0.0, 0.0, 0.0]


def test_linear_credit_of_closing_edges():
    """An edge of weight v between two stages gives each of them v / 2."""
    costs = random_costs(np.random.default_rng(2), 6, 4, ring=True, folded=True)
    credit = linear_credit(costs)
    assert credit.tolist() == [
        costs.v_wrap / 2, costs.rungs[1] / 2, 0.0, 0.0, costs.rungs[1] / 2, costs.v_wrap / 2,
    ]  # fmt: skip
    assert credit[1] > 0
