"""Turns and placements afresh: only gains come out, limits by work repeat, small cases meet their optimum."""

from __future__ import annotations

from itertools import count, pairwise, product

import numpy as np
import pytest

from planner.solve.reduction.reduction import reduce_costs
from planner.solve.reduction.tree import tree_cost
from planner.solve.setup.blocks import candidate_blocks
from planner.solve.setup.control import Control
from planner.solve.walks import restarts
from planner.solve.walks.restarts import Restarts, drafted
from tests.builders import grid_workload
from tests.solve.walks.test_anneal import filled, tree_over
from tests.solve.walks.test_top_down import holds

# Of more than one tier, which is where there is anything to do.
SEEDS = [seed for seed in range(12) if seed % 3]


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch):
    """Deterministic runs of some thirty turns, of which a few place everything afresh by short walks."""
    monkeypatch.setattr(restarts, "MOST_WORK", 300_000)
    monkeypatch.setattr(restarts, "FIRST_MOVES_A_CELL", 20)
    monkeypatch.setattr(restarts, "PATIENCE_A_CELL", 1_000)


def rounds(tree, costs, widths, limit_s=20.0):
    """What a run limited by work finds."""
    control = Control(limit_s, deterministic=True)
    return list(Restarts(tree, costs, control, count()).better(widths))


@pytest.mark.parametrize("seed", SEEDS)
def test_only_better_placements_come_out(seed):
    """Each placement is cheaper than all before, covers the job and keeps every room."""
    _, tree, costs, widths = filled(seed)
    found = rounds(tree, costs, widths)
    prices = [tree_cost(tree, costs, each) for each in (widths, *found)]
    assert all(after < before for before, after in pairwise(prices))
    for each in found:
        holds(tree, each, [costs.replicas] * costs.stages)


def test_limited_by_work_rounds_repeat_themselves():
    """The same seeds give the same placements, whatever the clock says."""
    _, tree, costs, widths = filled(7)
    first, second = (
        [each.tolist() for each in rounds(tree, costs, widths, limit_s)] for limit_s in (20.0, 0.0)
    )
    assert first == second
    assert first


def test_all_cells_are_placed_anew_before_turns_begin(monkeypatch):
    """The first placements begin from nothing, each charged differently, and the better one is kept."""
    _, tree, costs, widths = filled(7)
    efforts = []
    original = restarts.covered_top_down

    def placed(tree, costs, coverage, effort, *how):
        efforts.append(effort)
        return original(tree, costs, coverage, effort, *how)

    monkeypatch.setattr(restarts, "covered_top_down", placed)
    work = Restarts(tree, costs, Control(20.0, deterministic=True), count())
    for _ in range(restarts.BEGINNINGS):
        before, widths = widths, work._next(widths)
        assert tree_cost(tree, costs, widths) <= tree_cost(tree, costs, before)
    assert [bool(each.charges) for each in efforts] == [True, True, False] * (restarts.BEGINNINGS // 3)
    work._next(widths)
    assert len(efforts) == restarts.BEGINNINGS


def test_work_spent_is_spent():
    """Asked again once all work is spent, nothing comes; on the way all was placed afresh, and longer."""
    _, tree, costs, widths = filled(7)
    work = Restarts(tree, costs, Control(20.0, deterministic=True), count())
    assert list(work.better(widths))
    assert work.placed
    assert work.moves > restarts.FIRST_MOVES_A_CELL
    assert list(work.better(widths)) == []


def test_a_tree_without_a_choice_is_left_alone():
    """Where each domain has a single one inside nothing can be regrouped, and nothing comes."""
    tree = tree_over([[6]], 2, 3)
    costs = reduce_costs(
        grid_workload(dp=3, pp=2).families, candidate_blocks(grid_workload(dp=3, pp=2).mesh)[0]
    )
    assert rounds(tree, costs, np.asarray([[3, 3]], np.int32)) == []


def test_nothing_comes_once_told_to_stop():
    """After a stop neither a draft nor a round begins."""
    _, tree, costs, widths = filled(2)
    control = Control(20.0, deterministic=True)
    control.stop.set()
    assert list(Restarts(tree, costs, control, count()).better(widths)) == []
    assert list(drafted(tree, costs, control, count())) == []


@pytest.mark.parametrize(("settings", "rough"), [({}, 1), ({"deterministic": True}, 0)])
def test_a_rough_draft_comes_first(settings, rough):
    """Before the other, where somebody's clock ends the run."""
    _, tree, costs, _ = filled(7)
    found = list(drafted(tree, costs, Control(30.0, workers=1, **settings), count()))
    assert len(found) == 1 + rough
    for each in found:
        holds(tree, each, [costs.replicas] * costs.stages)


def brute_force(tree, costs, replicas):
    """The least cost over all width vectors of two stages on nodes that the cells fill."""
    rooms = tree.levels[0].room.tolist()
    least = np.inf
    for first in product(*(range(min(room, replicas) + 1) for room in rooms)):
        if sum(first) == replicas:
            widths = np.asarray([[a, room - a] for a, room in zip(first, rooms, strict=True)], np.int32)
            least = min(least, tree_cost(tree, costs, widths))
    return least


@pytest.mark.parametrize("payload", [(5, 1), (1, 5), (2, 3)])
def test_small_cases_meet_the_optimum(payload):
    """On a dozen cells over two tiers the turns end at what brute force finds."""
    nested = [[2, 1], [3], [2, 2], [2]]
    shared, passed = payload
    job = grid_workload(dp=6, pp=2, families=[("dp", "all_reduce", shared), ("pp", "path", passed)])
    tree = tree_over(nested, 2, 6)
    costs = reduce_costs(job.families, candidate_blocks(job.mesh)[0])
    start = np.asarray([[1, 1], [1, 0], [1, 2], [1, 1], [1, 1], [1, 1]], np.int32)
    found = [start, *rounds(tree, costs, start)]
    assert tree_cost(tree, costs, found[-1]) == pytest.approx(brute_force(tree, costs, 6))


def test_rounds_are_as_long_as_there_is_time_for():
    """With little time a round makes few walks of few moves; with much all of them, and more moves."""
    _, tree, costs, _ = filled(7)
    short, long = (Restarts(tree, costs, Control(limit_s), count())._effort() for limit_s in (1e-6, 1e6))
    assert restarts.is_lean(short)
    assert short.moves_a_cell == restarts.FEWEST_MOVES_A_CELL
    assert not restarts.is_lean(long)
    assert long.moves_a_cell == restarts.FIRST_MOVES_A_CELL


def test_endless_rounds_go_on_after_all_work(monkeypatch):
    """Where somebody set a time it is spent, whatever the work; a run limited by work has no more of it."""
    monkeypatch.setattr(restarts, "MOST_WORK_A_CELL", 0)
    _, tree, costs, widths = filled(7)
    turns = []
    control = Control(600.0, workers=1)
    work = Restarts(tree, costs, control, count())
    work.spent = 1.0
    assert list(work.better(widths)) == []

    def next_turn(widths):
        turns.append(widths)
        if len(turns) == 5:
            control.stop.set()
        return widths

    monkeypatch.setattr(work, "_next", next_turn)
    assert list(work.better(widths, endless=True)) == []
    assert len(turns) == 5
    fixed = Restarts(tree, costs, Control(600.0, deterministic=True), count())
    fixed.spent = 1.0
    assert list(fixed.better(widths, endless=True)) == []
