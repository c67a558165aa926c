"""Joining a ring of stages into replicas."""

from __future__ import annotations

import numpy as np
import pytest

from planner.placement.crossing import measure
from planner.placement.placement import Objective, Status
from planner.solve import solve
from planner.solve.exact.exact_widths import uncut_layout
from planner.solve.reduction.reduction import reduce_costs
from planner.solve.reduction.tree import Tree, summed
from planner.solve.seats.realize import ancestors, join_replicas, seat_ranks, widths_of
from planner.solve.seats.ring_loops import rings_compiled
from planner.solve.seats.rings import IDLE_TURNS, close_rings, join_ring, paid_apart
from planner.solve.setup.blocks import candidate_blocks
from planner.solve.setup.control import Control
from planner.solve.setup.problem import Problem
from tests.benchmarks.instances import FAMILIES, instance
from tests.builders import grid_workload, ragged_cluster
from tests.solve.brute_force import every_assignment

NESTED = [[3, 2, 2], [[2, 1], [2, 2]], [[1, 2], [3, 1]]]


def ring_job(nested, stages, replicas, payloads):
    """A ring on a cluster with two priced tiers at most: problem, layout, costs and tree."""
    cluster = ragged_cluster(nested, uplinks=(3.0, 1.0) if isinstance(nested[0], list) else (3.0,))
    families = [("dp", "all_reduce", 2.0), ("pp", "ring", payloads)]
    job = grid_workload(dp=replicas, pp=stages, families=families)
    problem = Problem(cluster, job, Objective.WEIGHTED, cluster.gpu_in_service)
    blocks = candidate_blocks(job.mesh)[-1]
    layout = uncut_layout(problem, blocks)
    return problem, layout, reduce_costs(job.families, blocks), Tree.of(problem, layout)


def kept_bytes(home, tree, kept):
    """Weighted bytes that stay inside domains, for each way to place the cells, shape (ways, P, N)."""
    total, at = np.zeros(len(home)), home
    for level in tree.levels[:-1]:
        total += level.weight * ((at == np.roll(at, -1, axis=1)).sum(axis=2) @ kept)
        at = level.parent[at]
    return total


@pytest.mark.parametrize("seed", range(12))
def test_joins_as_well_as_any_way_to_join(seed):
    """Of all placements with the same width vectors, none keeps more bytes inside domains."""
    rng = np.random.default_rng(seed)
    payloads = tuple(rng.integers(1, 6, 3).astype(float).tolist())
    _, layout, costs, tree = ring_job(NESTED[seed % len(NESTED)], 3, 2, payloads)
    ways = every_assignment(layout.room, 6).reshape(-1, 3, 2)
    widths = widths_of(ways[int(rng.integers(len(ways)))], len(layout.room))
    same = [np.array_equal(widths_of(way, len(layout.room)), widths) for way in ways]
    best = kept_bytes(ways[same], tree, np.asarray(payloads)).max()
    home = join_ring(tree, widths, costs, Control(30.0), 30.0)
    assert np.array_equal(widths_of(home, len(layout.room)), widths)
    assert kept_bytes(home[None], tree, np.asarray(payloads))[0] == pytest.approx(best)


@pytest.mark.parametrize("seed", range(6))
def test_is_no_worse_than_joining_a_path(seed):
    """What a path loses where it closes, a ring may keep; it never loses more."""
    rng = np.random.default_rng(seed)
    problem, layout, costs, tree = ring_job([[4, 3, 4], [4, 4, 3]], 5, 4, 3.0)
    cells = rng.permutation(np.repeat(np.arange(len(layout.room)), layout.room))[:20].reshape(5, 4)
    widths = widths_of(cells, len(layout.room))
    bytes_of = [
        measure(problem.cluster, problem.workload, seat_ranks(problem, layout, home)).weighted_s
        for home in (join_ring(tree, widths, costs, Control(30.0), 30.0), join_replicas(tree, widths))
    ]
    predicted = 0.0
    for level, outer in zip(tree.levels[:-1], tree.levels[1:], strict=True):
        predicted += level.weight * costs.evaluate(widths)
        widths = summed(widths, level.parent, len(outer.room))
    assert predicted * (1 - 1e-9) <= bytes_of[0] <= bytes_of[1] * (1 + 1e-9)


def test_large_rings_are_left_alone(monkeypatch):
    """A flow problem too large to be worth while is not built, and none is solved without time."""
    _, layout, costs, tree = ring_job([3, 2, 2], 3, 2, 1.0)
    widths = widths_of(np.asarray([[0, 1], [0, 1], [0, 2]]), len(layout.room))
    monkeypatch.setattr("planner.solve.seats.rings.MOST_SHARES", 1)
    assert join_ring(tree, widths, costs, Control(30.0), 30.0) is None


@pytest.mark.parametrize("name", ["ring of stages", "small, ring"])
def test_small_rings_are_proven(name):
    """The smallest ring of a family ends with a proof."""
    family = next(each for each in FAMILIES if each.name == name)
    job = instance(family, 2 if name == "small, ring" else 0)
    assert solve(job.cluster, job.workload, time_limit_s=60).status is Status.OPTIMAL


@pytest.mark.parametrize("seed", range(8))
def test_runs_change_replicas_and_not_domains(seed):
    """Closing a ring keeps every width vector and never costs more; what it counts is what is measured."""
    problem, layout, costs, tree = ring_job(NESTED[seed % len(NESTED)], 3, 2, (1.0, 2.0, 3.0))
    rng = np.random.default_rng(seed)
    home = np.repeat(np.arange(len(layout.room)), layout.room)[:6]
    home = rng.permutation(home).reshape(3, 2).astype(np.int32)
    closed = close_rings(tree, home, costs, Control(30.0))
    assert np.array_equal(widths_of(closed, len(layout.room)), widths_of(home, len(layout.room)))
    before, after = (
        measure(problem.cluster, problem.workload, seat_ranks(problem, layout, each)).weighted_s
        for each in (home, closed)
    )
    above, kept = np.stack(ancestors(tree, len(layout.room))[:-1]), np.append(costs.v, costs.v_wrap)
    weights = np.asarray([level.weight for level in tree.levels[:-1]])
    saved = paid_apart(home, above, weights, kept) - paid_apart(closed, above, weights, kept)
    assert saved >= 0
    assert before - after == pytest.approx(saved)


def test_exchanges_end_where_nothing_is_left_to_close(monkeypatch):
    """A ring that pays no more than its width vectors say is left as it is."""
    assert rings_compiled(Control(60.0))
    turns = []
    monkeypatch.setattr("planner.solve.seats.ring_kernel.exchange_runs", lambda *_: turns.append(1))
    _, _, costs, tree = ring_job([8] * 30, 4, 60, (1.0,) * 4)
    home = np.repeat(np.arange(30), 2)[None].repeat(4, axis=0).astype(np.int32)
    assert (close_rings(tree, home, costs, Control(60.0)) == home).all()
    assert not turns
    mixed = np.stack([np.roll(row, stage) for stage, row in enumerate(home)])
    close_rings(tree, mixed, costs, Control(60.0))
    assert len(turns) == IDLE_TURNS


def test_a_long_ring_closes():
    """Four stages of 60 replicas, two in each node of eight: joined at random they all come home."""
    _, _, costs, tree = ring_job([8] * 30, 4, 60, (1.0,) * 4)
    home = np.repeat(np.arange(30), 2)[None].repeat(4, axis=0).astype(np.int32)
    random = np.random.default_rng(0)
    mixed = np.stack([random.permutation(row) for row in home])
    closed = close_rings(tree, mixed, costs, Control(60.0))
    assert (closed == closed[0]).all()
