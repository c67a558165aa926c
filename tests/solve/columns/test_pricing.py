"""The dynamic programme against every width vector of small domains."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from planner.solve.columns.pricing import LADDER_CELLS, RING_CELLS, Space, price
from tests.solve.vectors import every_vector, random_costs


def reduced_costs(costs, duals, vectors):
    """f less what the duals pay, of every vector."""
    return costs.domain_bytes(vectors) - vectors @ duals


def drawn(seed, **shape):
    """Random terms, duals and room of a domain, and every vector that fits it."""
    rng = np.random.default_rng(seed)
    stages = int(rng.integers(*shape.pop("stages", (1, 5))))
    replicas, room = int(rng.integers(1, 6)), int(rng.integers(1, 11))
    costs = random_costs(rng, stages, replicas, **shape)
    return costs, rng.normal(2.0, 5.0, stages), room, every_vector(stages, min(replicas, room), room)


def agrees(costs, duals, room, vectors, space=None):
    """Whether the programme and the enumeration have the same least cost for every room."""
    widest = int(vectors.max())
    priced = price(costs, duals, room, costs.holding(widest), space)
    values, used = reduced_costs(costs, duals, vectors), vectors.sum(axis=1)
    for each in range(room + 1):
        best = priced.within(each)
        vector = priced.vector(each)
        assert best == pytest.approx(values[used <= each].min(), abs=1e-9)
        assert vector.sum() <= each
        assert vector.max(initial=0) <= widest
        assert reduced_costs(costs, duals, vector[None])[0] == pytest.approx(best, abs=1e-9)


@pytest.mark.parametrize("first", range(0, 120, 30))
def test_paths_of_stages(first):
    """The cheapest vector for every room, on paths of one to four stages with all forms of h."""
    for seed in range(first, first + 30):
        agrees(*drawn(seed))


@pytest.mark.parametrize("first", range(0, 90, 30))
def test_rings_of_stages(first):
    """The same where last and first stage share an edge."""
    for seed in range(first, first + 30):
        agrees(*drawn(seed, stages=(3, 5), ring=True))


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_folded_pipelines(first):
    """The same where mirrored stages share an edge: the ladder walks both sides at once."""
    for seed in range(first, first + 20):
        agrees(*drawn(seed, stages=(4, 5), folded=True, ring=bool(seed % 2)))
    costs, duals, room, _ = drawn(first, stages=(6, 7), folded=True)
    room, widest = min(room, 6), 2
    agrees(costs, duals, room, every_vector(6, widest, room))


@pytest.mark.parametrize(("closed", "room"), [({"ring": True}, RING_CELLS + 1), ({"folded": True}, 12)])
def test_large_closed_paths_are_bounded_from_below(closed, room):
    """Where the closing edges are relaxed to a linear credit, no vector costs less than the price."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        stages = 5 if "folded" in closed else 3
        costs = random_costs(rng, stages, 3, **closed)
        duals = rng.normal(2.0, 5.0, stages)
        vectors = every_vector(stages, 3, room)
        priced = price(costs, duals, room, costs.holding(3))
        assert priced.within(room) <= reduced_costs(costs, duals, vectors).min() + 1e-9


def test_large_folded_pipelines_are_bounded_from_below():
    """Beyond the ladder's size the price of a folded pipeline still bounds every vector."""
    rng = np.random.default_rng(0)
    costs, duals = random_costs(rng, 4, 3, folded=True), rng.normal(2.0, 5.0, 4)
    priced = price(costs, duals, LADDER_CELLS + 1, costs.holding(3))
    assert priced.within(12) <= reduced_costs(costs, duals, every_vector(4, 3, 12)).min() + 1e-9


def test_a_larger_room_is_never_dearer():
    """The least cost falls, or stays, as the room grows."""
    costs, duals, _, _ = drawn(5, stages=(4, 5))
    priced = price(costs, duals, 20, costs.holding(5))
    least = [priced.within(room) for room in range(21)]
    assert all(after <= before for before, after in itertools.pairwise(least))


def test_compiled_programmes_are_the_same():
    """One space serves paths of all sizes, one after the other, and vectors are read back as before."""
    space = Space()
    for seed in range(60):
        agrees(*drawn(700 + seed), space)


@pytest.mark.parametrize("unlike", [None, 0, 3, 11])
def test_stages_that_are_alike_share_tables(unlike):
    """Long paths of equal stages, but for one perhaps, are priced as by the plain one, in fewer tables."""
    costs = replace(random_costs(np.random.default_rng(0), 12, 4), v=np.full(11, 2.0))
    table = np.tile(np.asarray([0.0, 5.0, 5.0, 5.0, 5.0]), (12, 1)) - 1.5 * np.arange(5)
    if unlike is not None:
        table[unlike, 1:] -= 2.5
    plain, compiled = (price(costs, np.zeros(12), 18, table, space) for space in (None, Space()))
    assert np.array_equal(plain.best, compiled.best)
    for one, other in zip(plain.programme.tables, compiled.programme.tables, strict=True):
        assert np.array_equal(one, other)
    _, at = compiled.programme.block
    assert at[-1] < 11
    for used in np.flatnonzero(np.isfinite(plain.best)).tolist():
        vector = compiled.programme.vector(used)
        paid = table[np.arange(12), vector].sum() - 2.0 * np.minimum(vector[:-1], vector[1:]).sum()
        assert vector.sum() == used
        assert paid == pytest.approx(compiled.best[used])


def test_what_pays_is_the_best_for_each_last_stage():
    """For each last stage asked for the cheapest vector that ends there, where it costs less than rent."""
    for seed in range(40):
        costs, duals, room, vectors = drawn(800 + seed, stages=(2, 5))
        rent = np.random.default_rng(seed).random(room + 1)
        for space in (None, Space()):
            priced = price(costs, duals, room, costs.holding(int(vectors.max())), space)
            paid = reduced_costs(costs, duals, vectors) + rent[vectors.sum(axis=1)]
            last = np.where(
                vectors.any(axis=1), vectors.shape[1] - 1 - (vectors[:, ::-1] > 0).argmax(axis=1), -1
            )
            for stage in range(costs.stages - 1):
                found = list(priced.programme.paying(rent, 1e-9, np.asarray([stage])))
                least = paid[last == stage].min(initial=0.0)
                mine = [float(reduced_costs(costs, duals, w[None])[0] + rent[w.sum()]) for w in found]
                assert mine == ([pytest.approx(least, abs=1e-9)] if least < -1e-9 else [])


def test_numbers_of_cells_may_be_charged():
    """Charges join the least cost of every room, and decide which vector ends best at a stage."""
    for seed in range(40):
        costs, duals, room, vectors = drawn(900 + seed, stages=(2, 5), ring=seed % 2 == 1)
        charges = 5 * np.random.default_rng(seed).random(room + 1)
        charges[0] = 0.0
        priced = price(costs, duals, room, costs.holding(int(vectors.max()))).charged(charges)
        used = vectors.sum(axis=1)
        paid = reduced_costs(costs, duals, vectors) + charges[used]
        for each in range(room + 1):
            vector = priced.vector(each)
            assert priced.within(each) == pytest.approx(paid[used <= each].min(), abs=1e-9)
            mine = float(reduced_costs(costs, duals, vector[None])[0] + charges[vector.sum()])
            assert mine == pytest.approx(priced.within(each), abs=1e-9)
        for widths in priced.programme.paying(np.zeros(room + 1), 1e-9):
            assert reduced_costs(costs, duals, widths[None])[0] + charges[widths.sum()] < -1e-9
        for stage in range(costs.stages - 1):
            found = priced.programme.ending(stage, room, np.inf)
            ends = vectors[:, stage].astype(bool) & ~vectors[:, stage + 1 :].any(axis=1)
            if not costs.v_wrap:
                mine = float(reduced_costs(costs, duals, found[None])[0] + charges[found.sum()])
                assert mine == pytest.approx(paid[ends].min(), abs=1e-9)


def test_an_empty_domain_costs_nothing():
    """Without room there is one vector, of zeros and cost 0."""
    costs, duals, _, _ = drawn(5, stages=(4, 5))
    priced = price(costs, duals, 3, costs.holding(3))
    assert priced.within(0) == 0.0
    assert priced.vector(0).tolist() == [0, 0, 0, 0]
