"""Bands of stages, and the placements that fill domains along them."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest

from planner.placement.crossing import measure
from planner.placement.placement import Objective
from planner.solve import solve
from planner.solve.exact.exact import solve_exactly
from planner.solve.reduction.reduction import reduce_costs
from planner.solve.reduction.tree import Tree, tree_cost
from planner.solve.seats import stripes
from planner.solve.seats.realize import seat_ranks, widths_of
from planner.solve.seats.stripes import (
    Partition,
    band_cost,
    lined_up,
    nested_bands,
    single_stages,
    striped_home,
)
from planner.solve.setup.blocks import Blocks
from planner.solve.setup.control import Control
from planner.solve.setup.problem import Problem, lay_out
from tests.builders import grid_cluster, grid_workload, ragged_cluster


def rings_and_paths(stages, replicas, ring=1.0, path=1.0):
    """A job of single-rank cells: a ring along each stage, a path along each replica."""
    families = [("dp", "ring", float(ring)), ("pp", "path", float(path))]
    return grid_workload(dp=replicas, pp=stages, families=families)


class Striped:
    """The striped placement of a job, and what it was made from."""

    def __init__(self, cluster, job):
        self.problem = Problem(cluster, job, Objective.WEIGHTED, cluster.gpu_in_service)
        layout = lay_out(self.problem, Blocks(job.mesh, 1, 1))
        self.costs = reduce_costs(job.families, layout.blocks)
        self.tree = Tree.of(self.problem, layout)
        self.home = striped_home(self.tree, self.costs)
        self.traffic = measure(cluster, job, seat_ranks(self.problem, layout, self.home))


@pytest.mark.parametrize("room", [3, 4, 6, 9])
@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5])
def test_a_band_costs_what_is_predicted(rows, room):
    """One band over nodes that its cells fill moves the bytes of the formula, every row unbroken."""
    cluster = grid_cluster(5 * rows, room, uplinks=(1.0,))
    made = Striped(cluster, rings_and_paths(rows, 5 * room, ring=1.0, path=1000.0))
    if rows <= room:
        assert bands_of(made, [1.0])[0].tolist() == [0] * rows
        for row in made.home:
            assert (row != np.roll(row, 1)).sum() == len(set(row.tolist()))
    predicted = band_cost(made.costs, room, single_stages(rows), 1)[0, rows]
    assert made.traffic.tier_bytes[0] <= predicted + 1e-9
    assert rows > room or made.traffic.tier_bytes[0] == pytest.approx(predicted)


def bands_of(made, weights):
    """Bands of every level, innermost first, for these weights."""
    (bands,) = nested_bands(made.tree, made.costs, [weights])
    return bands


def every_cut(start, end):
    """Every way to cut stages start .. end - 1 into bands: pairs of first stage and end."""
    for cuts in range(end - start):
        for inner in combinations(range(start + 1, end), cuts):
            yield list(pairwise([start, *inner, end]))


def test_a_partition_is_the_cheapest():
    """Of all ways to cut any interval of stages, none costs less; bands and common height are its own."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        stages = int(rng.integers(2, 7))
        band = rng.random((stages + 1, stages + 1))
        found = Partition.of(band)
        for start, end in combinations(range(stages + 1), 2):
            costs = [sum(band[each] for each in cut) for cut in every_cut(start, end)]
            starts = found.starts(start, end)
            chosen = list(pairwise([*starts, end]))
            assert found.cost[start, end] == pytest.approx(min(costs))
            assert sum(band[each] for each in chosen) == pytest.approx(min(costs))
            assert found.bands[start, end] == len(starts)
            assert found.common[start, end] == np.gcd.reduce([b - a for a, b in chosen])


def test_nested_bands_are_the_cheapest():
    """Of all cuts of the outer tier, each with the cheapest cuts inside, the one of least sum is found."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        stages, replicas = int(rng.integers(2, 6)), int(rng.integers(3, 12))
        cluster = grid_cluster(stages * replicas, int(rng.integers(1, 4)), int(rng.integers(1, 5)))
        job = rings_and_paths(stages, replicas, rng.integers(1, 9), rng.integers(1, 9))
        made, weights = Striped(cluster, job), rng.random(2)
        rooms = [int(level.room[0]) for level in made.tree.levels[:-1]]
        inside = Partition.of(weights[0] * band_cost(made.costs, rooms[0], single_stages(stages), 1))
        total = weights[1] * band_cost(made.costs, rooms[1], inside, rooms[0]) + inside.cost
        inner, outer = bands_of(made, weights)
        chosen = pairwise([*np.flatnonzero(np.diff(outer, prepend=-1)), stages])
        least = min(sum(total[each] for each in cut) for cut in every_cut(0, stages))
        assert sum(total[each] for each in chosen) == pytest.approx(least)
        assert all(len(set(outer[inner == band].tolist())) == 1 for band in inner)


def test_tiers_that_cost_nothing_have_bands_all_the_same():
    """Bands of a tier without a price are made of those inside at no more cost."""
    made = Striped(grid_cluster(4, 3, 4), rings_and_paths(4, 12))
    priced, free = nested_bands(made.tree, made.costs, [(1.0, 1e-9), (1.0, 0.0)])
    assert np.array_equal(priced[0], free[0])
    assert all(len(set(free[1][free[0] == band].tolist())) == 1 for band in free[0])


def test_portions_that_do_not_divide_break_whole_columns():
    """Units of 8 racks of 9: at a boundary of six rows two in three steps are of a rack, nine columns."""
    costs = Striped(grid_cluster(2, 8, 9), rings_and_paths(6, 24, path=16.0)).costs
    split = np.full((7, 7), np.inf)
    np.fill_diagonal(split[:, 1:], 0.0)
    six, three = (band_cost(costs, 72, Partition.of(split), 9)[0, rows] for rows in (6, 3))
    assert six == 2 * 6 + 2 * (1 - 2 / 6) * 9 * 16
    assert three == 24 * 16
    assert band_cost(costs, 36, Partition.of(split), 9)[0, 2] == pytest.approx(4 / 3 * 2 + 24 * 16)


def test_ragged_domains_are_never_overfilled():
    """On ragged two-tier clusters every cell has a place and no node holds more than fits."""
    for seed in range(30):
        rng = np.random.default_rng(seed)
        nested = [rng.integers(1, 6, int(rng.integers(1, 5))).tolist() for _ in range(3)]
        gpus, stages = sum(map(sum, nested)), int(rng.integers(1, 4))
        made = Striped(ragged_cluster(nested, uplinks=(3.0, 1.0)), rings_and_paths(stages, gpus // stages))
        held = np.bincount(made.home.reshape(-1), minlength=len(made.tree.levels[0].room))
        assert (held <= made.tree.levels[0].room).all()
        assert held.sum() == stages * (gpus // stages)


@pytest.mark.parametrize(("stages", "replicas"), [(1, 1), (1, 9), (9, 1), (3, 3)])
def test_grids_of_one_row_or_column(stages, replicas):
    """One stage, one replica or a single cell are placed as well, on one tier and on two."""
    for cluster in (grid_cluster(9), grid_cluster(3, 3), grid_cluster(1, 9, uplinks=(1.0,))):
        made = Striped(cluster, rings_and_paths(stages, replicas))
        assert made.home.shape == (stages, replicas)


def test_cells_that_only_the_cluster_holds():
    """Tensor groups larger than every node: one domain, the whole cluster, holds all cells."""
    cluster = grid_cluster(4, 3, uplinks=(1.0,))
    job = grid_workload(tp=6, dp=2, families=[("tp", "ring", 5.0), ("dp", "ring", 1.0)])
    problem = Problem(cluster, job, Objective.WEIGHTED, cluster.gpu_in_service)
    layout = lay_out(problem, Blocks(job.mesh, 6, 1))
    tree, costs = Tree.of(problem, layout), reduce_costs(job.families, layout.blocks)
    assert striped_home(tree, costs).tolist() == [[0, 0]]
    assert sorted(solve(cluster, job).placement.gpu_of_rank.tolist()) == list(range(12))


def test_odd_domains_are_filled_last():
    """With room to spare, a node that has lost a GPU stays empty and the grid of the others whole."""
    cluster = ragged_cluster([[4, 3, 4], [4, 4, 4]], uplinks=(1.0, 1.0))
    made = Striped(cluster, rings_and_paths(2, 10, ring=1.0, path=1.0))
    assert not (made.home == 1).any()
    assert made.traffic.tier_bytes[0] == 2 * 5


@pytest.mark.parametrize(("stages", "replicas", "nodes", "room"), [(2, 4, 2, 4), (4, 3, 4, 3), (3, 4, 4, 3)])
def test_small_tori_are_optimal(stages, replicas, nodes, room):
    """Where stripes tile evenly, the exact search rank by rank finds nothing better."""
    cluster, job = grid_cluster(nodes, room, uplinks=(1.0,)), rings_and_paths(stages, replicas)
    made = Striped(cluster, job)
    exact = solve_exactly(made.problem, Control(20.0, 0, 1, deterministic=True), 20.0, None)
    assert exact.proven
    assert made.traffic.weighted_s == pytest.approx(measure(cluster, job, exact.gpu_of_rank).weighted_s)


def test_rows_step_by_one_cell():
    """4 rows of 9 columns over nodes of 9: each node has rows of 2, 2, 2 and 3, unbroken and nested."""
    made = Striped(grid_cluster(4, 9, uplinks=(1.0,)), rings_and_paths(4, 9, ring=40.0, path=64.0))
    assert sorted(np.bincount(made.home[0]).tolist()) == [2, 2, 2, 3]
    assert made.traffic.tier_bytes[0] == 4 * 4 * 40 + 3 * 64


def test_odd_domains_stay_in_one_band():
    """Racks of 9 and of 8 in one unit: rows of 34 cells over 4 racks each, hardly a rack in two rows."""
    rng = np.random.default_rng(5)
    nested = [[int(room) for room in rng.permutation([9, 9, 8, 8] * 2)] for _ in range(8)]
    job = rings_and_paths(16, 34, ring=152.0, path=16.0)
    made = Striped(ragged_cluster(nested, uplinks=(1.0, 1e6)), job)
    arcs = sum((row != np.roll(row, 1)).sum() for row in made.home)
    assert arcs <= 64 + 3
    assert made.traffic.tier_bytes[0] <= arcs * 152 + 15 * 34 * 16


@pytest.mark.parametrize("kind", ["ring", "all_reduce"])
def test_every_run_tries_stripes(kind, monkeypatch):
    """With every other way to place switched off, a run still has the striped placement."""
    monkeypatch.setattr("planner.solve.steps.candidates", lambda *_: iter(()))
    monkeypatch.setattr("planner.solve.run.default_orders", lambda *_: iter(()))
    monkeypatch.setattr("planner.solve.run.axis_orders", lambda *_: iter(()))
    monkeypatch.setattr("planner.solve.run.uncut_layout", lambda *_: None)
    monkeypatch.setattr("planner.solve.run.fits_exact_model", lambda *_: False)
    cluster = ragged_cluster([[8, 7, 8], [8, 8, 6], [8, 5, 8]], uplinks=(3.0, 1.0))
    job = grid_workload(dp=13, pp=5, families=[("dp", kind, 2.0), ("pp", "path", 5.0)])
    made = Striped(cluster, job)
    assert solve(cluster, job, time_limit_s=1.0).objective <= made.traffic.weighted_s * (1 + 1e-12)


def test_cells_in_line_fill_the_tree_in_order():
    """The best of all runs: whole pipelines where they outweigh, whole stages where those do."""
    cluster = ragged_cluster([[6, 6], [6, 6], [6, 6]], uplinks=(1.0, 1.0))
    for path, group in ((100.0, 12), (0.01, 1)):
        families = [("dp", "all_reduce", 1.0), ("pp", "path", path)]
        made = Striped(cluster, grid_workload(dp=3, pp=12, families=families))
        in_order = np.arange(36).reshape(12 // group, 3, group).transpose(0, 2, 1).reshape(12, 3)
        widths = np.zeros((6, 12), np.int32)
        np.add.at(widths, (in_order // 6, np.arange(12)[:, None]), 1)
        assert tree_cost(made.tree, made.costs, lined_up(made.tree, made.costs)) == tree_cost(
            made.tree, made.costs, widths
        )


def test_cells_in_line_leave_the_last_places_free():
    """Where there is more room than cells, every cell is placed, within every room."""
    cluster = ragged_cluster([[3, 4], [5, 2], [4]], uplinks=(1.0, 1.0))
    made = Striped(cluster, rings_and_paths(4, 3))
    widths = lined_up(made.tree, made.costs)
    assert widths.sum(axis=0).tolist() == [3] * 4
    assert (widths.sum(axis=1) <= made.tree.levels[0].room).all()


@pytest.mark.parametrize("seed", range(12))
def test_equal_domains_at_once_as_one_by_one(seed, monkeypatch):
    """To fill all equal domains of a single tier at once costs about what one after the other does."""
    rng = np.random.default_rng(seed)
    rooms = sorted(rng.choice([2, 3, 5, 8], 12).tolist(), reverse=True)
    stages = int(rng.integers(2, 6))
    job = grid_workload(
        dp=sum(rooms) // stages,
        pp=stages,
        families=[("dp", "all_reduce", float(rng.integers(1, 9))), ("pp", "path", float(rng.integers(1, 9)))],
    )
    at_once = Striped(ragged_cluster(rooms), job)
    monkeypatch.setattr(stripes._Filling, "place_alike", lambda *_: 0)
    one_by_one = Striped(ragged_cluster(rooms), job)
    assert at_once.traffic.tier_bytes[0] <= 1.1 * one_by_one.traffic.tier_bytes[0]
    held = widths_of(at_once.home, len(rooms)).sum(axis=1)
    assert (held <= rooms).all()
    assert held.sum() == job.mesh.world_size
