"""Walks over all tiers at once: the arrays stay true, moves cost what they say, and only gains come out."""

from __future__ import annotations

from dataclasses import replace
from itertools import count, pairwise

import numpy as np
import pytest

from planner.placement.placement import Objective
from planner.solve.reduction.reduction import reduce_costs
from planner.solve.reduction.tree import Tree, tree_cost
from planner.solve.setup.blocks import candidate_blocks
from planner.solve.setup.control import Control
from planner.solve.setup.problem import Problem
from planner.solve.walks import anneal, anneal_kernel
from planner.solve.walks.anneal import annealed, state_of, walk, worth_annealing
from tests.builders import grid_workload, ragged_cluster
from tests.solve.grids import nested_lists, whole_cells, widths_of, widths_upwards
from tests.solve.subroutines import from_python
from tests.solve.vectors import random_costs

SEEDS = range(12)
WEIGHTS = (4.0, 2.0, 1.0)

change_of_move, move = from_python(anneal_kernel.change_of_move), from_python(anneal_kernel.move)
exchange_batch = from_python(anneal_kernel.exchange_batch)
exchange_domains = from_python(anneal_kernel.exchange_domains)


def tree_over(nested, stages, replicas, weights=WEIGHTS):
    """The tree of single cells on nodes; a crossing byte costs a whole number, so that sums are exact."""
    job = grid_workload(dp=replicas, pp=stages)
    cluster = ragged_cluster(nested)
    problem = Problem(cluster, job, Objective.WEIGHTED, cluster.gpu_in_service)
    *inner, root = Tree.of(problem, whole_cells(problem, candidate_blocks(job.mesh)[0])).levels
    weighed = [replace(level, weight=weight) for level, weight in zip(inner, weights, strict=False)]
    return Tree((*weighed, root))


def filled(seed):
    """A random ragged tree of 1 to 3 tiers, random terms of f and a random way to fill the tree."""
    rng = np.random.default_rng(seed)
    tiers, stages, replicas = 1 + seed % 3, int(rng.integers(1, 7)), int(rng.integers(2, 8))
    nested = nested_lists(rng, tiers, 1, stages * replicas)
    if seed % 2:
        # Nodes in which many places stay free.
        rack = [7, 7, 7]
        nested += rack if tiers == 1 else [rack] if tiers == 2 else [[rack]]
    tree = tree_over(nested, stages, replicas)
    costs = random_costs(rng, stages, replicas, ring=stages > 2 and seed % 4 < 2, folded=seed % 3 == 0)
    return rng, tree, costs, widths_of(rng, tree.levels[0].room, stages, replicas)


def rows_of(tree, state):
    """Width vectors of every level below the root, recounted from where each cell is."""
    widths = np.zeros((len(tree.levels[0].room), state.widths.shape[1]), np.int32)
    np.add.at(widths, (state.leaf_of, state.stage_of), 1)
    return widths, np.concatenate(widths_upwards(tree, widths)[:-1])


def recounted(tree, costs, state):
    """The cost, recounted from where each cell is."""
    return tree_cost(tree, costs, rows_of(tree, state)[0])


def consistent(tree, costs, state):
    """Whether all arrays of a state tell of one placement that keeps every room."""
    widths, rows = rows_of(tree, state)
    assert state.widths.tolist() == rows.tolist()
    assert widths.sum(axis=0).tolist() == [costs.replicas] * costs.stages
    assert state.stage_of.tolist() == np.repeat(np.arange(costs.stages), costs.replicas).tolist()
    assert state.used.tolist() == widths.sum(axis=1).tolist()
    for level, each in zip(tree.levels, widths_upwards(tree, widths), strict=True):
        assert (each.sum(axis=1) <= level.room).all()
    # Every cell is where it says, the places in use are the first ones, and the others are free.
    cells = np.arange(len(state.leaf_of))
    assert state.cell_at[state.leaf_of, state.slot_of].tolist() == cells.tolist()
    taken = np.arange(state.cell_at.shape[1]) < state.used[:, None]
    assert sorted(state.cell_at[taken].tolist()) == cells.tolist()
    assert (state.cell_at[~taken] == -1).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_state_tells_what_the_width_vectors_say(seed):
    """The state has the vectors given, their sums further out, and all cells in places of their own."""
    _, tree, costs, widths = filled(seed)
    state = state_of(tree, costs, widths)
    consistent(tree, costs, state)
    assert state.widths[: len(widths)].tolist() == widths.tolist()
    assert state.weights.tolist() == [level.weight for level in tree.levels[:-1]]
    assert (state.room <= tree.levels[0].room).all()
    row, leaves = 0, np.arange(len(widths))
    for level, above in zip(tree.levels[:-1], state.above, strict=True):
        assert above.tolist() == (row + leaves).tolist()
        row, leaves = row + len(level.room), level.parent[leaves]


@pytest.mark.parametrize("seed", SEEDS)
def test_tables_of_a_state_give_f(seed):
    """What stages hold, less half of what each keeps home with the stages beside it, is f."""
    _, tree, costs, widths = filled(seed)
    state = state_of(tree, costs, widths)
    kept = np.where(state.beside < 0, 0.0, state.kept)
    shared = np.minimum(state.widths[:, :, None], state.widths[:, state.beside])
    held = state.holding[np.arange(costs.stages), state.widths].sum(axis=1)
    expected = costs.domain_bytes(state.widths)
    np.testing.assert_allclose(held - (shared * kept).sum(axis=(1, 2)) / 2, expected)


@pytest.mark.parametrize(
    ("ring", "folded", "around"),
    [
        (False, False, [{1}, {0, 2}, {1, 3}, {2, 4}, {3}]),
        (True, False, [{1, 4}, {0, 2}, {1, 3}, {2, 4}, {3, 0}]),
        (False, True, [{1}, {0, 2, 3}, {1, 3}, {2, 4, 1}, {3}]),
        (True, True, [{1, 4}, {0, 2, 3}, {1, 3}, {2, 4, 1}, {3, 0}]),
    ],
)
def test_stages_beside_each_other(ring, folded, around):
    """A path joins neighbours, a ring the two ends too, and a folded pipeline a stage and its mirror."""
    costs = random_costs(np.random.default_rng(1), 5, 2, ring=ring, folded=folded)
    state = state_of(tree_over([5, 5], 5, 2), costs, np.ones((2, 5), np.int32))
    kept = {
        (stage, int(other)): float(value)
        for stage in range(5)
        for other, value in zip(state.beside[stage], state.kept[stage], strict=True)
        if other >= 0
    }
    assert [{other for one, other in kept if one == stage} for stage in range(5)] == around
    expected = {(p, p + 1): float(costs.v[p]) for p in range(4)}
    expected |= {(4, 0): costs.v_wrap} if ring else {}
    expected |= {(1, 3): float(costs.rungs[1])} if folded else {}
    assert kept == expected | {(other, one): value for (one, other), value in expected.items()}


@pytest.mark.parametrize("whole", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("seed", SEEDS)
def test_hot_walks_keep_the_arrays_true(seed, whole):
    """After a walk that takes nearly every move the arrays still tell of one placement."""
    _, tree, costs, widths = filled(seed)
    state = state_of(tree, costs, widths)
    for turn in range(20):
        walk(state, 1e3, 1.0, 7, turn, Control(20.0), whole=whole)
        consistent(tree, costs, state)
    walk(state, 1e3, 1e-3, 5_000, seed, Control(20.0), whole=whole)
    consistent(tree, costs, state)


@pytest.mark.parametrize("whole", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("seed", SEEDS)
def test_cold_walks_never_cost_more(seed, whole):
    """Near temperature 0 no step of a walk raises the cost, and the arrays stay true."""
    _, tree, costs, widths = filled(seed)
    state = state_of(tree, costs, widths)
    cost = tree_cost(tree, costs, widths)
    for turn in range(60):
        walk(state, 1e-12, 1e-12, 3, turn, Control(20.0), whole=whole)
        after = recounted(tree, costs, state)
        assert after <= cost
        cost = after
    consistent(tree, costs, state)


def test_walks_reach_free_places_and_whole_leaves():
    """A walk of cells alone changes what leaves hold in number; one of whole leaves never breaks a leaf."""
    tree = tree_over([[4, 4], [4, 4]], 2, 5)
    costs = random_costs(np.random.default_rng(3), 2, 5)
    widths = np.asarray([[3, 0], [0, 4], [2, 0], [0, 1]], np.int32)
    cells, leaves = state_of(tree, costs, widths), state_of(tree, costs, widths)
    walk(cells, 1e3, 1e2, 300, 0, Control(20.0), whole=0.0)
    assert cells.used.tolist() != [3, 4, 2, 1]
    walk(leaves, 1e3, 1e2, 301, 0, Control(20.0), whole=1.0)
    assert sorted(leaves.widths[:4].tolist()) == sorted(widths.tolist())
    assert leaves.widths[:4].tolist() != widths.tolist()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_move_costs_what_it_says(seed):
    """The change told beforehand is that of the cost of the tree, with a cell that comes back or without."""
    rng, tree, costs, widths = filled(seed)
    state = state_of(tree, costs, widths)
    leaves = len(widths)
    for _ in range(40):
        source, stage = rng.permutation(np.argwhere(state.widths[:leaves] > 0))[0].tolist()
        target = int(rng.integers(leaves))
        held = np.flatnonzero(state.widths[target]).tolist()
        back = int(rng.choice([-1, *(each for each in held if each != stage)]))
        before = tree_cost(tree, costs, state.widths[:leaves])
        rows = state.widths.tolist()
        arrays = (state.above, state.weights, state.holding, state.beside, state.kept)
        cells = int(rng.integers(1, state.widths[source, stage] + 1))
        cells_back = int(rng.integers(1, state.widths[target, back] + 1)) if back >= 0 else 0
        change = change_of_move(state.widths, *arrays, stage, cells, back, cells_back, source, target)
        assert state.widths.tolist() == rows
        for _ in range(cells):
            move(state.widths, state.above, stage, source, target)
        for _ in range(cells_back):
            move(state.widths, state.above, back, target, source)
        assert change == tree_cost(tree, costs, state.widths[:leaves]) - before
        upwards = widths_upwards(tree, state.widths[:leaves])[:-1]
        assert state.widths.tolist() == np.concatenate(upwards).tolist()


@pytest.mark.parametrize("every", [False, True], ids=["few come", "all come"])
@pytest.mark.parametrize("seed", SEEDS)
def test_all_cells_of_a_stage_go_together(seed, every):
    """After batches, hot and cold, the arrays tell of one placement that keeps every room."""
    rng, tree, costs, widths = filled(seed)
    state = state_of(tree, costs, widths)
    moved = 0
    for _ in range(60):
        cell, back = rng.integers(len(state.leaf_of), size=2).tolist()
        source, target = int(state.leaf_of[cell]), int(state.leaf_of[back])
        if source == target or state.stage_of[cell] == state.stage_of[back]:
            continue
        stage, held = int(state.stage_of[cell]), int(state.widths[source, state.stage_of[cell]])
        free = int(state.room[target] - state.used[target] + state.widths[target, state.stage_of[back]])
        before, hot = recounted(tree, costs, state), bool(rng.random() < 0.7)
        exchange_batch(state, cell, back, target, 1.0, every, 1e9 if hot else 1e-9, 0.5)
        consistent(tree, costs, state)
        if hot:
            moved += 1
            assert state.widths[source, stage] == held - min(held, free)
        else:
            assert recounted(tree, costs, state) <= before
    assert moved or costs.stages == 1 or len(widths) == 1


@pytest.mark.parametrize("portion", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_portion_of_a_stage_goes(seed, portion):
    """Of the cells that could go one goes at least and never all but where there is one; arrays stay true."""
    rng, tree, costs, widths = filled(seed)
    state = state_of(tree, costs, widths)
    for _ in range(40):
        cell, back = rng.integers(len(state.leaf_of), size=2).tolist()
        source, target = int(state.leaf_of[cell]), int(state.leaf_of[back])
        stage, other = int(state.stage_of[cell]), int(state.stage_of[back])
        if source == target or stage == other:
            continue
        held = int(state.widths[source, stage])
        free = int(state.room[target] - state.used[target] + state.widths[target, other])
        most = min(held, free)
        every = bool(rng.random() < 0.5)
        exchange_batch(state, cell, back, target, portion, every, 1e9, 0.5)
        consistent(tree, costs, state)
        gone = held - int(state.widths[source, stage])
        assert gone == 1 + int(portion * (most - 1))


def test_a_walk_of_some_stages_alone():
    """Stages that a tree holds no cell of, as parts of a tree may, are never drawn and stay empty."""
    _, tree, costs, widths = filled(2)
    widths = widths.copy()
    widths[:, 0] = 0
    state = state_of(tree, costs, widths)
    assert state.first.tolist() == [0, *np.cumsum(widths.sum(axis=0)).tolist()]
    walk(state, 1e3, 1.0, 2_000, 1, Control(20.0))
    assert not state.widths[:, 0].any()
    assert state.widths[: len(widths)].sum(axis=0).tolist() == widths.sum(axis=0).tolist()


@pytest.mark.parametrize("seed", SEEDS)
def test_leaves_inside_a_domain_stand_together(seed):
    """Every row has its leaves in one run, and equal domains have leaves of equal rooms in equal order."""
    _, tree, costs, widths = filled(seed)
    state = state_of(tree, costs, widths)
    assert sorted(state.inside.tolist()) == list(range(len(widths)))
    rooms: dict[tuple[int, int], list[int]] = {}
    for level, row_of in enumerate(state.above):
        for row in np.unique(row_of).tolist():
            inside = state.inside[state.begin[row] : state.begin[row] + state.size[row]]
            assert sorted(inside.tolist()) == np.flatnonzero(row_of == row).tolist()
            room = state.room[inside].tolist()
            assert rooms.setdefault((level, int(state.kind[row])), room) == room


@pytest.mark.parametrize("level", [0, 1])
def test_whole_domains_change_places(level):
    """Racks, or their leaves, of two pods change places where that is better, and not where it is worse."""
    tree = tree_over([[[2], [2]], [[2], [2]]], 2, 4, weights=(0.0, 0.0, 1.0))
    costs = random_costs(np.random.default_rng(3), 2, 4)
    costs = replace(costs, terms=(("touched", 4, np.full(2, 5.0)),), v=np.zeros(1))
    state = state_of(tree, costs, np.asarray([[2, 0], [0, 2], [2, 0], [0, 2]], np.int32))
    exchange_domains(state, level, 1, 2, 1e-12, 0.5)
    consistent(tree, costs, state)
    assert state.widths[:4].tolist() == [[2, 0], [2, 0], [0, 2], [0, 2]]
    exchange_domains(state, level, 0, 3, 1e-12, 0.5)
    consistent(tree, costs, state)
    assert state.widths[:4].tolist() == [[2, 0], [2, 0], [0, 2], [0, 2]]


def test_a_walk_ends_when_told():
    """A walk that is told to stop beforehand moves nothing."""
    _, tree, costs, widths = filled(2)
    state, control = state_of(tree, costs, widths), Control(20.0)
    control.stop.set()
    walk(state, 1e3, 1.0, 1_000, 0, control)
    assert state.widths[: len(widths)].tolist() == widths.tolist()


@pytest.mark.usefixtures("short_walks")
def test_only_better_placements_come_out():
    """Each placement is cheaper than all before, keeps every room, and the one given is left as it was."""
    several = 0
    for seed in SEEDS:
        _, tree, costs, widths = filled(seed)
        given, found = (
            widths.copy(),
            list(annealed(tree, costs, widths, Control(20.0, deterministic=True), count())),
        )
        prices = [tree_cost(tree, costs, each) for each in (given, *found)]
        assert all(after < before for before, after in pairwise(prices))
        for each in found:
            consistent(tree, costs, state_of(tree, costs, each))
        assert widths.tolist() == given.tolist()
        several += len(found) > 1
    assert several


@pytest.mark.usefixtures("short_walks")
def test_limited_by_work_walks_repeat_themselves():
    """The same seed gives the same placements, whatever the clock says."""
    for seed in SEEDS:
        _, tree, costs, widths = filled(seed)
        first, second = (
            [
                each.tolist()
                for each in annealed(tree, costs, widths, Control(limit, deterministic=True), count())
            ]
            for limit in (20.0, 0.0)
        )
        assert first == second


def test_no_walk_once_told_to_stop():
    """Nothing comes out after a stop, nor when no time is left."""
    _, tree, costs, widths = filled(2)
    control = Control(20.0)
    found = annealed(tree, costs, widths, control, count())
    assert tree_cost(tree, costs, next(found)) < tree_cost(tree, costs, widths)
    control.stop.set()
    assert list(found) == []
    assert list(annealed(tree, costs, widths, control, count())) == []
    assert list(annealed(tree, costs, widths, Control(0.0), count())) == []


def test_a_walk_finds_the_compromise():
    """Two stages that lie across both racks end up in a rack each, from whichever nodes they begin."""
    job = grid_workload(dp=4, pp=2, families=[("dp", "all_reduce", 5.0), ("pp", "path", 1.0)])
    costs = reduce_costs(job.families, candidate_blocks(job.mesh)[0])
    tree = tree_over([[2, 2], [2, 2]], 2, 4)
    mixed = np.asarray([[1, 1]] * 4, np.int32)
    *_, last = annealed(tree, costs, mixed, Control(20.0, deterministic=True), count())
    assert widths_upwards(tree, last)[1].tolist() in ([[4, 0], [0, 4]], [[0, 4], [4, 0]])


@pytest.mark.parametrize(
    ("nested", "weights", "worth"),
    [
        ([6, 6], (4.0,), False),
        ([[6, 6], [6, 6]], (4.0, 1.0), True),
        ([[6, 6], [6, 6]], (0.0, 1.0), False),
        ([[[6, 6]], [[6, 6]]], (4.0, 0.0, 1.0), True),
    ],
)
def test_worth_it_where_several_tiers_count(nested, weights, worth):
    """A walk is worth it where crossing bytes cost something at two tiers or more."""
    costs = random_costs(np.random.default_rng(0), 3, 4)
    assert worth_annealing(tree_over(nested, 3, 4, weights), costs) == worth


def test_too_many_cells_are_not_worth_it(monkeypatch):
    """Up to so many cells a walk is worth it, with one more it is not."""
    tree = tree_over([[6, 6], [6, 6]], 3, 4)
    costs = random_costs(np.random.default_rng(0), 3, 4)
    monkeypatch.setattr(anneal, "MOST_CELLS", 12)
    assert worth_annealing(tree, costs)
    monkeypatch.setattr(anneal, "MOST_CELLS", 11)
    assert not worth_annealing(tree, costs)
