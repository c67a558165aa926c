"""Packing segments: the best cover of small tiers, and bounds that no cover is below."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from planner.solve.columns.columns import relax
from planner.solve.columns.master import CapacityClass
from planner.solve.columns.packing import Packing, PackingModel, met, pack, packable, split
from planner.solve.columns.pricing import price
from planner.solve.columns.residual import fill_in_line, pieces_bytes
from planner.solve.columns.segments import Excess, Segments, nearest_segments
from planner.solve.reduction.reduction import reduce_costs
from planner.solve.setup.blocks import candidate_blocks
from planner.solve.setup.control import Control
from tests.benchmarks.instances import FAMILIES, instance
from tests.solve.hierarchy.test_cover import holds
from tests.solve.vectors import (
    every_vector,
    is_segment,
    least_cover,
    ragged_classes,
    random_costs,
)

NEAR = 1e-6


def work(limit_s=60.0, seed=0):
    """One worker, limited by work and not by the clock."""
    return Control(limit_s, seed=seed, workers=1, deterministic=True)


def drawn(seed, *, uneven=False, largest=4):
    """Random terms on a path or ring of up to four stages, ragged classes, and what to cover."""
    rng = np.random.default_rng(seed)
    stages, replicas = int(rng.integers(1, 5)), int(rng.integers(1, 5))
    costs = random_costs(rng, stages, replicas, ring=stages > 2 and seed % 3 == 0)
    granule = seed % 2
    if not granule:
        terms = tuple((form, cells, each / 7) for form, cells, each in costs.terms)
        costs = replace(costs, terms=terms, v=costs.v / 7, v_wrap=costs.v_wrap / 7)
    costs = replace(costs, granule_bytes=granule)
    coverage = np.full(stages, replicas, np.int32)
    if uneven:
        coverage = rng.integers(0, replicas + 1, stages).astype(np.int32)
        coverage[int(rng.integers(stages))] = replicas
    return costs, ragged_classes(rng, int(coverage.sum()), largest), coverage


def packed_from_line(costs, classes, coverage, limit_s=60.0):
    """Pack from the cells in line; checks the cover and the bound's place, and returns both values."""
    known = fill_in_line(costs, classes, coverage)
    found = pack(costs, classes, coverage, known, work(), limit_s)
    holds(found.pieces, classes, coverage, every_domain=False)
    reached = pieces_bytes(costs, found.pieces)
    assert reached <= pieces_bytes(costs, known) + NEAR
    assert found.bound <= reached + NEAR
    return reached, found.bound


@pytest.mark.parametrize("uneven", [False, True], ids=["even", "uneven"])
@pytest.mark.parametrize("first", range(0, 60, 20))
def test_small_tiers_are_solved(first, uneven):
    """Up to four stages, replicas and cells a domain: the least of all covers, and proven so."""
    for seed in range(first, first + 20):
        case = drawn(seed, uneven=uneven)
        reached, bound = packed_from_line(*case)
        assert reached == pytest.approx(least_cover(*case), abs=NEAR)
        assert met(case[0], reached, bound)


@pytest.mark.parametrize("uneven", [False, True], ids=["even", "uneven"])
def test_rising_from_the_bound(uneven):
    """What is found is a cover; what is not raises the bound to no more than the least of all."""
    found = raised = 0
    for seed in range(40):
        costs, classes, coverage = drawn(seed, uneven=uneven)
        packing = Packing(costs, classes, coverage, fill_in_line(costs, classes, coverage), work())
        packing.sharpen(60.0)
        before, bound = packing.value, packing.bound
        packing.rise(60.0)
        least = least_cover(costs, classes, coverage)
        holds(packing.pieces, classes, coverage, every_domain=False)
        assert packing.bound - NEAR <= least <= packing.value + NEAR
        found += packing.value < before
        raised += packing.bound > bound
    assert found
    assert raised


@pytest.mark.parametrize("limit_s", [0.0, 1e-9, 1e-3, 0.05])
def test_bounds_hold_however_short_the_search(limit_s):
    """Searches that end before they have a solution prove nothing."""
    for seed in range(15):
        case = drawn(seed, uneven=bool(seed % 2), largest=7)
        reached, bound = packed_from_line(*case, limit_s)
        least = least_cover(*case)
        assert bound <= least + NEAR
        assert least <= reached + NEAR


def test_a_search_without_solution_gives_no_bound():
    """Though the solver states a bound of 0 for it, and sums of f may be below."""
    from ortools.sat.python import cp_model

    costs, classes, coverage = drawn(0)
    worth = relax(costs, classes, coverage).worth
    excess = excess_of(costs, classes, coverage)
    segments, _ = nearest_segments(costs, worth, excess, 1e9, 10**6)
    model = PackingModel(costs, classes, coverage, segments, excess.steps(1e9))
    search = model.search([], work(), 60.0)
    assert model.bound(search) == pytest.approx(least_cover(costs, classes, coverage), abs=NEAR)
    assert model.bound(replace(search, outcome=int(cp_model.UNKNOWN))) == -np.inf


def excess_of(costs, classes, coverage):
    """The excess over the plain relaxation."""
    found = relax(costs, classes, coverage)
    table = costs.holding(found.worth.shape[1] - 1) - found.worth
    paid = price(costs, np.zeros(costs.stages), max(k.capacity for k in classes), table).best
    return Excess.of(paid, classes, found.covered)


def test_a_stopped_run_keeps_what_is_known():
    """With the stop event set the known pieces come back, with a bound that holds."""
    costs, classes, coverage = drawn(7)
    known = fill_in_line(costs, classes, coverage)
    control = work()
    control.stop.set()
    found = pack(costs, classes, coverage, known, control, 9.0)
    assert found.pieces is known
    assert found.bound <= least_cover(costs, classes, coverage) + NEAR


def test_sums_below_nothing_are_still_improved():
    """A part of a tier whose sum of f is negative, with a bound below it, is not taken for solved."""
    costs = random_costs(np.random.default_rng(0), 4, 4, forms=())
    costs = replace(costs, v=np.full(3, 4.0), granule_bytes=4)
    classes, coverage = [CapacityClass(4, 4)], np.full(4, 4, np.int32)
    known = fill_in_line(costs, [CapacityClass(3, 4), CapacityClass(1, 4)], coverage)
    known = [replace(piece, kind=0) for piece in known]
    classes = [CapacityClass(4, 8)]
    assert -48.0 < pieces_bytes(costs, known) < 0.0
    found = pack(costs, classes, coverage, known, work(), 60.0)
    assert pieces_bytes(costs, found.pieces) == found.bound == -48.0


def test_met_by_less_than_a_granule():
    """Nothing lies between a value and a bound less than one granule below, negative or not."""
    costs = random_costs(np.random.default_rng(0), 2, 2)
    whole = replace(costs, granule_bytes=4)
    for value in (-40.0, 0.0, 40.0):
        assert met(whole, value, value - 3.9)
        assert not met(whole, value, value - 4.0)
        assert met(costs, value, value)
        assert not met(costs, value, value - 0.1)
        assert not met(whole, value, -np.inf)


def test_more_good_segments_than_can_be_listed():
    """Stages in pairs that share no bytes with the next pair: endless ties, and an answer all the same."""
    costs = random_costs(np.random.default_rng(0), 24, 3, forms=())
    costs = replace(costs, v=np.resize([1.0, 0.0], 23), granule_bytes=1)
    classes, coverage = [CapacityClass(15, 5)], np.full(24, 3, np.int32)
    reached, bound = packed_from_line(costs, classes, coverage, 2.0)
    assert bound <= reached


def test_weights_of_all_sizes_stay_within_whole_numbers():
    """Fractions of bytes, and payloads far apart, make a model that the solver takes."""
    rng = np.random.default_rng(3)
    costs = random_costs(rng, 6, 40, forms=("touched",))
    costs = replace(costs, v=costs.v * np.pi * 1e9, terms=(("touched", 40, rng.random(6)),))
    coverage = np.full(6, 40, np.int32)
    excess = excess_of(costs, [CapacityClass(60, 4)], coverage)
    rows = rng.integers(1, 11, (3000, 6)).astype(np.int32)
    segments = Segments.of(costs, rows)
    model = PackingModel(costs, [CapacityClass(60, 4)], coverage, segments, excess.steps(np.inf))
    assert model.cp.validate() == ""
    assert model.unit > 0


def test_which_tiers_are_packable():
    """Small domains without edges between mirrored stages."""
    rng = np.random.default_rng(0)
    assert packable(random_costs(rng, 6, 2), [CapacityClass(80, 1), CapacityClass(3, 2)])
    assert not packable(random_costs(rng, 6, 2), [CapacityClass(81, 1), CapacityClass(3, 2)])
    assert not packable(random_costs(rng, 6, 2, folded=True), [CapacityClass(8, 1)])


@pytest.mark.parametrize("ring", [False, True], ids=["path", "ring"])
def test_split_sums_back(ring):
    """Every vector of five stages: its parts are segments, apart from each other, the largest first."""
    for widths in every_vector(5, 2, 10):
        parts = split(widths, ring=ring)
        assert np.array_equal(sum(parts, np.zeros(5, np.int32)), widths)
        assert all(is_segment(part, ring=ring) for part in parts)
        sizes = [int(part.sum()) for part in parts]
        assert sizes == sorted(sizes, reverse=True)
        held = widths > 0
        gaps = int((held & ~np.roll(held, 1)).sum()) if ring else int((np.diff(held, prepend=0) == 1).sum())
        assert len(parts) == (1 if held.all() else gaps)


def test_split_over_the_seam():
    """Last and first stage are one segment on a ring, and two on a path."""
    widths = np.asarray([2, 0, 1, 3], np.int32)
    assert [part.tolist() for part in split(widths, ring=True)] == [[2, 0, 1, 3]]
    assert [part.tolist() for part in split(widths, ring=False)] == [[0, 0, 1, 3], [2, 0, 0, 0]]


def partitions(room, largest):
    """Every way to fill at most `room` by sizes that do not grow."""
    yield ()
    for size in range(min(room, largest), 0, -1):
        for rest in partitions(room - size, size):
            yield size, *rest


def integer_programme(costs, classes, coverage, limit_s=60.0):
    """The least sum of f by SCIP: an amount of every segment, and of every partition of every room."""
    from ortools.linear_solver import pywraplp

    solver = pywraplp.Solver.CreateSolver("SCIP")
    solver.SetTimeLimit(int(limit_s * 1000))
    room = max(k.capacity for k in classes)
    goal = solver.Objective()
    rows = [solver.Constraint(float(cells), float(cells)) for cells in coverage]
    sizes = [solver.Constraint(0.0, solver.infinity()) for _ in range(room + 1)]
    for segment, cost in _all_segments(costs, room, coverage):
        amount = solver.IntVar(0.0, solver.infinity(), "")
        goal.SetCoefficient(amount, cost)
        sizes[sum(segment.values())].SetCoefficient(amount, -1.0)
        for stage, width in segment.items():
            rows[stage].SetCoefficient(amount, float(width))
    for k in classes:
        limit = solver.Constraint(0.0, float(k.count))
        for sizes_here in partitions(k.capacity, k.capacity):
            amount = solver.IntVar(0.0, float(k.count), "")
            limit.SetCoefficient(amount, 1.0)
            for size in set(sizes_here):
                sizes[size].SetCoefficient(amount, float(sizes_here.count(size)))
    goal.SetMinimization()
    assert solver.Solve() == solver.OPTIMAL
    return goal.Value()


def _all_segments(costs, room, coverage):
    """Every run of stages with every choice of widths that fits: {stage: width} and f."""

    def onwards(stage, free, end):
        if stage == end:
            yield {}
            return
        here = stage % costs.stages
        for width in range(1, min(free - (end - stage - 1), int(coverage[here])) + 1):
            for rest in onwards(stage + 1, free - width, end):
                yield {here: width, **rest}

    runs = []
    for first in range(costs.stages):
        last = first + costs.stages - (first > 0) if costs.v_wrap else costs.stages
        for end in range(first + 1, last + 1):
            runs += onwards(first, room, end)
    table = np.zeros((len(runs), costs.stages), np.int32)
    for row, run in zip(table, runs, strict=True):
        row[list(run)] = list(run.values())
    return zip(runs, costs.domain_bytes(table).tolist(), strict=True)


ONE_TIER = [
    (family, number)
    for family in FAMILIES
    for number, cells in enumerate(family.sizes)
    if not family.outer and 60 <= cells <= 128 and max(family.capacities) <= 9
]


@pytest.mark.slow
@pytest.mark.parametrize(("family", "number"), ONE_TIER, ids=[f"{f.name} {n}" for f, n in ONE_TIER])
def test_against_an_integer_programme(family, number):
    """Instances of 60 to 128 cells: what another solver finds with all segments and all partitions."""
    drawn_instance = instance(family, number)
    blocks = candidate_blocks(drawn_instance.workload.mesh)[0]
    costs = reduce_costs(drawn_instance.workload.families, blocks)
    cluster = drawn_instance.cluster
    rooms = np.bincount(cluster.gpu_node[cluster.gpu_in_service])
    classes = [CapacityClass(room, count) for room, count in sorted(Counter(rooms.tolist()).items()) if room]
    coverage = np.full(costs.stages, costs.replicas, np.int32)
    reached, bound = packed_from_line(costs, classes, coverage, 100.0)
    least = integer_programme(costs, classes, coverage)
    assert bound <= least + NEAR
    assert reached == pytest.approx(least, abs=NEAR)
