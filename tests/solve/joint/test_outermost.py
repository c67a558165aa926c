"""Outermost domains alone: the bound that they add up to is valid, and between those of two programmes."""

from __future__ import annotations

import numpy as np
import pytest

from planner.solve.joint.fold import Fold
from planner.solve.joint.joint import TOLERANCE, JointProgramme
from planner.solve.joint.joint_bound import joint_bound
from planner.solve.joint.outermost import OutermostAlone, raised_by_outermost
from planner.solve.joint.pools import Groups, weighty_levels
from planner.solve.setup.control import Control
from tests.benchmarks.instances import instances
from tests.solve.exact.test_nested import least, nest_of
from tests.solve.joint.test_joint import DEEP_LARGER, RELATIVE, drawn

SEEDS = range(500, 524)


def solved(nest, cells, *, separate=False, floors=None):
    """A programme over the whole job, solved, and its groups of rows."""
    levels = weighty_levels(nest.tree, nest.costs)
    groups = (Groups.separate if separate else Groups.counted)(nest.tree, levels)
    programme = JointProgramme(nest.costs, levels, groups.classes(cells), Fold.of(nest.costs, 1))
    if floors is not None:
        programme.set_floors(floors)
    programme.solve(Control(60.0))
    return programme, groups


def raised(nest, programme, groups, limit_s=60.0):
    """Its bound, raised."""
    start = programme.in_use(Control(60.0))
    return raised_by_outermost(nest.tree, groups, programme, start, Control(limit_s))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("floored", [False, True])
def test_it_is_valid_and_never_lower(seed, floored):
    """It lies between the programme's own bound and the best placement of all."""
    _, _, problem, layout, nest, constants = drawn(seed, DEEP_LARGER, 12)
    best, _ = least(problem, layout, nest)
    # No level has fewer than no crossing bytes.
    least_of_each = [each.weight * -nest.costs.constant for each in weighty_levels(nest.tree, nest.costs)]
    programme, groups = solved(nest, layout.cells, floors=least_of_each if floored else None)
    found = raised(nest, programme, groups)
    assert programme.bound - 1e-9 * programme.unit <= found
    assert found + constants <= best * (1 + RELATIVE) + 1e-12


def test_it_comes_near_a_programme_of_all():
    """On ragged tiers it gains much of what rows of their own for all domains gain, and never more."""
    each = next(each for each in instances() if each.name == "three tiers 3")
    _, layout, nest = nest_of(each.cluster, each.workload)
    programme, groups = solved(nest, layout.cells)
    whole, _ = solved(nest, layout.cells, separate=True)
    found, gained = raised(nest, programme, groups), whole.bound - programme.bound
    assert gained > 0
    assert programme.bound + gained / 5 <= found <= whole.bound + 4 * TOLERANCE * programme.unit


def test_every_domain_has_its_turn_before_any_has_another(monkeypatch):
    """All programmes of outermost domains are solved with their first rounded rows, then each to its end."""
    each = next(each for each in instances() if each.name == "three tiers 3")
    _, layout, nest = nest_of(each.cluster, each.workload)
    programme, groups = solved(nest, layout.cells)
    turns, solve = [], OutermostAlone.solve
    monkeypatch.setattr(
        OutermostAlone, "solve", lambda alone, *limits: turns.append(alone) or solve(alone, *limits)
    )
    raised(nest, programme, groups)
    first, second = turns[: len(turns) // 2], turns[len(turns) // 2 :]
    assert len(set(map(id, first))) == len(first) > 1
    assert list(map(id, first)) == list(map(id, second))


def test_out_of_time_the_bound_stands():
    """Without time nothing is raised."""
    _, _, _, layout, nest, _ = drawn(503, DEEP_LARGER, 12)
    programme, groups = solved(nest, layout.cells)
    assert raised(nest, programme, groups, 0.0) == programme.bound


def test_the_bound_over_all_tiers_uses_it_where_programmes_are_too_large(monkeypatch):
    """Where separate rows are too many the bound is as valid, and higher than without on some job."""
    gained = 0
    for seed in SEEDS:
        _, _, problem, layout, nest, constants = drawn(seed, DEEP_LARGER, 12)
        floors = [level.weight * -nest.costs.constant for level in nest.tree.levels[:-1]]
        levels = weighty_levels(nest.tree, nest.costs)
        coarse, fine = (
            len({each.outer for each in groups.classes(layout.cells)})
            for groups in (Groups.counted(nest.tree, levels), Groups.separate(nest.tree, levels))
        )
        if coarse == fine:
            continue
        monkeypatch.setattr(
            "planner.solve.joint.joint_bound.MOST_CLASS_ROWS", coarse * Fold.of(nest.costs).classes
        )
        found = joint_bound(nest.tree, nest.costs, floors, Control(60.0))
        with monkeypatch.context() as patch:
            patch.setattr("planner.solve.joint.joint_bound.raised_by_outermost", lambda *_: float(-np.inf))
            plain = joint_bound(nest.tree, nest.costs, floors, Control(60.0))
        best, _ = least(problem, layout, nest)
        assert plain <= found
        assert found + constants <= best * (1 + RELATIVE) + 1e-12
        gained += found > plain * (1 + RELATIVE) + 1e-9
    assert gained
