"""The relaxation over all tiers: valid against brute force, never weaker than the tiers alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.solve.joint.joint import TOLERANCE, JointProgramme
from planner.solve.joint.joint_bound import Apart, alone, bound_alone, joint_bound, look_ahead
from planner.solve.joint.pools import Groups, joined_classes, weighty_levels
from planner.solve.joint.rounded_rows import Start
from planner.solve.setup.control import Control
from tests.solve.brute_force import optimum, tier_minima
from tests.solve.exact.test_nested import LARGER, SHAPES, job_on, least, nest_of

DEEP, DEEP_LARGER = ([each for each in shapes if isinstance(each[0], list)] for shapes in (SHAPES, LARGER))
RELATIVE = 1e-9


def drawn(seed, shapes=DEEP, most_cells=7):
    """A random job on a cluster of two or three tiers, its tree, costs and constants."""
    rng = np.random.default_rng(seed)
    cluster, workload = job_on(rng, shapes[seed % len(shapes)], most_cells)
    problem, layout, nest = nest_of(cluster, workload)
    constants = sum(level.weight for level in nest.tree.levels[:-1]) * nest.costs.constant
    return cluster, workload, problem, layout, nest, constants


def floors_of(nest, minima):
    """Weighted bytes of every level but the root that go with crossing bytes, constants left out."""
    return [level.weight * (minima[level.tier] - nest.costs.constant) for level in nest.tree.levels[:-1]]


@pytest.mark.parametrize("seed", range(60))
def test_the_bound_is_valid(seed):
    """It lies between the sum of the tiers' minima and the best placement of all."""
    cluster, workload, _, _, nest, constants = drawn(seed)
    best, _ = optimum(cluster, workload, "weighted", cluster.gpu_in_service)
    minima = [*tier_minima(cluster, workload, cluster.gpu_in_service), 0.0]
    floors = floors_of(nest, minima)
    bound = joint_bound(nest.tree, nest.costs, floors, Control(60.0)) + constants
    assert bound <= best * (1 + RELATIVE) + 1e-12
    assert bound >= (sum(floors) + constants) * (1 - RELATIVE) - 1e-12


@pytest.mark.parametrize("seed", range(12))
def test_each_programme_is_valid_alone(seed):
    """Joined or separate classes, with floors or without, no bound is above the best placement."""
    _, _, problem, layout, nest, constants = drawn(100 + seed, DEEP_LARGER, 12)
    best, _ = least(problem, layout, nest)
    levels, cells = weighty_levels(nest.tree, nest.costs), layout.cells
    assert len(levels) > 1
    for classes in (
        joined_classes(levels, cells),
        Groups.counted(nest.tree, levels).classes(cells),
        Groups.separate(nest.tree, levels).classes(cells),
    ):
        programme = JointProgramme(nest.costs, levels, classes)
        programme.begin_even()
        even = programme.bound
        assert -np.inf < even + constants <= best * (1 + RELATIVE) + 1e-12
        programme.solve(Control(60.0))
        assert even <= programme.bound
        assert programme.bound + constants <= best * (1 + RELATIVE) + 1e-12


def test_tiers_that_pull_against_each_other_are_seen():
    """On some instances the joint bound is above the sum of the tiers' own minima, and so is the optimum."""
    above = 0
    for seed in range(60):
        cluster, workload, _, _, nest, _ = drawn(seed)
        minima = [*tier_minima(cluster, workload, cluster.gpu_in_service), 0.0]
        floors = floors_of(nest, minima)
        above += joint_bound(nest.tree, nest.costs, floors, Control(60.0)) > sum(floors) + 1e-6
    assert above >= 5


def test_rows_about_all_cells_raise_the_bound(monkeypatch):
    """Domains that are filled by parts are seen: never lower for them, and higher on some."""
    bounds = []
    for by_size in (True, False):
        if not by_size:
            monkeypatch.setattr(JointProgramme, "_rooms", lambda *_: None)
        bounds.append([])
        for seed in range(30):
            *_, layout, nest, _ = drawn(200 + seed, DEEP_LARGER, 12)
            levels = weighty_levels(nest.tree, nest.costs)
            classes = Groups.separate(nest.tree, levels).classes(layout.cells)
            programme = JointProgramme(nest.costs, levels, classes)
            programme.solve(Control(60.0))
            bounds[-1].append(programme.bound / programme.unit)
    gained = np.subtract(*bounds)
    assert gained.min() > -10 * TOLERANCE
    assert np.count_nonzero(gained > 1e-3) >= 3


@pytest.mark.parametrize("seed", range(12))
def test_what_lies_ahead_is_subadditive(seed):
    """Two widths together are charged at most what they are apart: segments stay independent."""
    _, _, _, _, nest, _ = drawn(seed, DEEP_LARGER, 12)
    _, tables = look_ahead(nest.tree, nest.costs, Control(60.0))
    for table in tables:
        if table is None:
            continue
        assert (table[:, 0] == 0).all()
        for one in range(table.shape[1]):
            for other in range(table.shape[1] - one):
                together = table[:, one + other]
                assert (together <= table[:, one] + table[:, other] + 1e-9).all()


@pytest.mark.parametrize("seed", range(12))
def test_vectors_of_another_programme_change_no_bound(seed):
    """A programme that begins with vectors in use elsewhere ends at the same bound."""
    _, _, _, layout, nest, _ = drawn(200 + seed, DEEP_LARGER, 12)
    levels = weighty_levels(nest.tree, nest.costs)
    known, bounds = Start(), []
    for _ in range(2):
        programme = JointProgramme(nest.costs, levels, joined_classes(levels, layout.cells))
        programme.begin_with(known)
        programme.solve(Control(60.0), 0)
        known, bounds = programme.in_use(Control(60.0)), [*bounds, programme.bound]
        slack = 2 * TOLERANCE * programme.unit
    assert known.vectors
    assert known.worth
    assert bounds[1] == pytest.approx(bounds[0], abs=slack)


@pytest.mark.parametrize("seed", range(12))
def test_duals_passed_on_are_worth_as_much(seed):
    """A finer programme that begins with the duals of a coarser one has its bound at once."""
    _, _, _, layout, nest, _ = drawn(300 + seed, DEEP_LARGER, 12)
    levels, cells = weighty_levels(nest.tree, nest.costs), layout.cells
    coarse = JointProgramme(nest.costs, levels, joined_classes(levels, cells))
    coarse.solve(Control(60.0))
    for finer in (
        Groups.counted(nest.tree, levels).classes(cells),
        Groups.separate(nest.tree, levels).classes(cells),
    ):
        programme = JointProgramme(nest.costs, levels, finer)
        programme.begin_with(coarse.in_use(Control(60.0)))
        assert programme.bound == pytest.approx(coarse.bound, abs=1e-9 * programme.unit)


@pytest.mark.parametrize("seed", range(12))
def test_tiers_apart_are_where_all_together_begin(seed):
    """The duals of single tiers put together bound by the sum of the tiers' bounds."""
    _, _, _, layout, nest, _ = drawn(400 + seed, DEEP_LARGER, 12)
    levels, cells = weighty_levels(nest.tree, nest.costs), layout.cells
    each = [alone(nest.costs, level, Control(60.0)) for level in levels]
    programme = JointProgramme(nest.costs, levels, joined_classes(levels, cells))
    programme.begin_with(Start.apart([start for start, _ in each]))
    assert programme.bound == pytest.approx(sum(bound for _, bound in each), abs=1e-9 * programme.unit)


def test_nothing_lies_ahead_of_one_tier():
    """With one tier there is nothing to look at, and the bound is that of the tier."""
    _, _, nest = nest_of(*job_on(np.random.default_rng(1), [3, 3, 2], 7))
    _, tables = look_ahead(nest.tree, nest.costs, Control(60.0))
    assert all(table is None for table in tables)
    assert joint_bound(nest.tree, nest.costs, [1.5], Control(60.0)) == 1.5


def test_out_of_time_the_tiers_bounds_stand():
    """Without time the bound is the sum of the floors."""
    _, _, _, _, nest, _ = drawn(3)
    floors = [1.0] * (len(nest.tree.levels) - 1)
    assert joint_bound(nest.tree, nest.costs, floors, Control(0.0)) == sum(floors)


def test_work_ends_a_programme_that_no_clock_ends(monkeypatch):
    """Limited by work the bound is weaker at most, and a clock that runs is not bothered."""
    _, _, _, layout, nest, _ = drawn(203, DEEP_LARGER, 12)
    levels = weighty_levels(nest.tree, nest.costs)

    def bound(*, deterministic):
        programme = JointProgramme(nest.costs, levels, joined_classes(levels, layout.cells))
        programme.solve(Control(60.0, deterministic=deterministic))
        return programme.bound

    whole = bound(deterministic=True)
    monkeypatch.setattr("planner.solve.joint.joint.MOST_WORK", 0)
    assert bound(deterministic=False) == whole
    assert bound(deterministic=True) < whole


def test_what_is_known_of_single_tiers_is_not_found_again(monkeypatch):
    """Bounds of tiers that were found apart give the same bound over all; other payloads are found anew."""
    _, _, _, _, nest, _ = drawn(3, DEEP_LARGER, 12)
    levels, apart = weighty_levels(nest.tree, nest.costs), Apart()
    floors = [0.0] * (len(nest.tree.levels) - 1)
    for level in levels:
        assert bound_alone(nest.costs, level.room, Control(60.0), apart) == pytest.approx(
            alone(nest.costs, level, Control(60.0))[1] / level.weight, rel=1e-6
        )
    plain = joint_bound(nest.tree, nest.costs, floors, Control(60.0))
    dearer = replace(nest.costs, v=2 * nest.costs.v)
    other = joint_bound(nest.tree, dearer, floors, Control(60.0))
    assert joint_bound(nest.tree, dearer, floors, Control(60.0), apart) == pytest.approx(other, rel=1e-6)
    monkeypatch.setattr("planner.solve.joint.joint_bound.alone", None)
    assert joint_bound(nest.tree, nest.costs, floors, Control(60.0), apart) == pytest.approx(plain, rel=1e-6)
