"""Groups that share out their cells anew: groups stay inside, and no turn costs more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.solve.reduction.tree import Tree, tree_cost
from planner.solve.setup.control import Control
from planner.solve.walks.regroup import FEWEST, MOST, Regrouping, grouped
from tests.solve.grids import widths_upwards
from tests.solve.walks.test_anneal import filled, tree_over
from tests.solve.walks.test_top_down import holds

SEEDS = [seed for seed in range(12) if seed % 3]


@pytest.mark.parametrize("seed", SEEDS)
def test_no_turn_costs_more(seed):
    """Every kind of turn keeps all cells and all rooms, and costs no more than what was there."""
    _, tree, costs, widths = filled(seed)
    work = Regrouping(tree, costs, Control(20.0, deterministic=True))
    first = tree_cost(tree, costs, widths)
    for turn in range(2 * len(work.kinds)):
        found, moves = work.turn(widths, turn, 20.0)
        assert moves > 0
        holds(tree, found, [costs.replicas] * costs.stages)
        assert tree_cost(tree, costs, found) <= tree_cost(tree, costs, widths) + 1e-9 * abs(first)
        widths = found
    assert all(kind.worth < np.inf for kind in work.kinds)


@pytest.mark.parametrize("seed", SEEDS)
def test_some_turn_gains(seed):
    """A random placement is not the best one: within some turns it costs less."""
    _, tree, costs, widths = filled(seed)
    work = Regrouping(tree, costs, Control(20.0, deterministic=True))
    found = widths
    for turn in range(20):
        found, _ = work.turn(found, turn, 20.0)
    assert tree_cost(tree, costs, found) < tree_cost(tree, costs, widths)


@pytest.mark.parametrize("seed", range(20))
def test_groups_lie_inside_one_domain(seed):
    """Each domain is in one group, groups are small, and none reaches across the domains around."""
    random = np.random.default_rng(seed)
    tree = tree_over([[2, 2, 3, 1, 1, 2, 2], [3], [2, 1, 2, 3], [2]], 3, 6)
    widths = random.integers(0, 3, (13, 3)).astype(np.int32)
    level = tree.levels[0]
    group = grouped(level, widths, random)
    assert sorted(set(group.tolist())) == list(range(int(group.max()) + 1))
    sizes = np.bincount(group)
    assert sizes.max() <= MOST
    assert FEWEST <= MOST
    for each in range(len(sizes)):
        assert len(set(level.parent[group == each].tolist())) == 1


def test_levels_that_cost_nothing_are_left_out():
    """Where inner tiers cost nothing nobody is placed again inside them; every kind of turn can be made."""
    _, tree, costs, widths = filled(7)
    inner = replace(tree.levels[0], weight=0.0)
    free = Tree((inner, *tree.levels[1:]))
    work = Regrouping(free, costs, Control(20.0, deterministic=True))
    assert {kind.index for kind in work.kinds} == {
        kind.index for kind in Regrouping(tree, costs, Control(20.0)).kinds
    } - {0}
    for turn in range(2 * len(work.kinds)):
        widths, _ = work.turn(widths, turn, 20.0)


def test_levels_without_a_choice_are_left_out():
    """Where each domain has one inside, that level is not regrouped."""
    tree = tree_over([[2, 2], [3, 1]], 2, 4)
    _, _, costs, _ = filled(1)
    assert {kind.index for kind in Regrouping(tree, costs, Control(1.0)).kinds} == {0, 1}
    lone = tree_over([[2], [3]], 1, 5)
    assert {kind.index for kind in Regrouping(lone, costs, Control(1.0)).kinds} == {1}


def test_what_is_outside_a_group_stays():
    """Regrouping leaves or racks leaves what outer domains hold as it is."""
    _, tree, costs, widths = filled(8)
    work = Regrouping(tree, costs, Control(20.0, deterministic=True))
    random = np.random.default_rng(1)
    for kind in work.kinds:
        found, _ = work._placed(kind, widths, 10, random)
        outside = kind.index + 1
        before, after = (widths_upwards(tree, each)[outside].tolist() for each in (widths, found))
        assert after == before
