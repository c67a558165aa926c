"""Walks over seats: nobody leaves a node, the best seats of small jobs are found, and large ones gain."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from planner.placement.placement import Objective
from planner.solve.seats.rail_links import links_of, seated_at, seats_of
from planner.solve.seats.rail_walk import MOST_RAILS, walked_seats
from planner.solve.seats.rail_wishes import Wishes
from planner.solve.setup.control import Control
from planner.solve.setup.problem import Problem
from tests.builders import grid_cluster, grid_workload

JOBS = (
    {"pp": 4, "tp": 2, "families": [("pp", "ring", (1, 2, 3, 4))]},
    {"dp": 4, "pp": 2, "families": [("pp", "path", 3), ("dp", "all_reduce", 5)]},
    {"tp": 2, "dp": 4, "families": [("tp", "all_gather", 2), ("dp", "all_reduce", 3)]},
    {"cp": 2, "dp": 4, "families": [(("cp", "dp"), "all_gather", 2), ("cp", "ring", 1)]},
)


def job(number, seed, nodes=3, gpus=4, **mesh):
    """A problem on damaged rails, what its ranks wish for, and seats at random."""
    random = np.random.default_rng(seed)
    cluster = grid_cluster(nodes, gpus, nics=gpus)
    damaged = random.random(cluster.gpus) < 0.2
    cluster.gpu_rail[damaged] = random.integers(0, gpus, damaged.sum())
    workload = grid_workload(**{**JOBS[number], **mesh})
    problem = Problem(cluster, workload, Objective.WEIGHTED, cluster.gpu_in_service)
    gpus_of_ranks = random.permutation(cluster.gpus)[: workload.mesh.world_size].astype(np.int32)
    return problem, Wishes(problem, gpus_of_ranks), gpus_of_ranks


def fewest(problem, wishes, start):
    """The fewest bytes that change rail, over rails that the ranks of each node can have."""
    node, rail = problem.cluster.gpu_node, wishes.rail_of_gpu
    ranks = [np.flatnonzero(node[start] == each) for each in range(problem.cluster.nodes)]
    ways = []
    for each, those in enumerate(ranks):
        gpus = np.flatnonzero(node == each)
        orders = product(gpus, repeat=len(those))
        distinct = (order for order in orders if len(set(order)) == len(order))
        ways.append(list({tuple(rail[list(order)]): order for order in distinct}.values()))
    seats, least = start.copy(), np.inf
    for chosen in product(*ways):
        for those, gpus in zip(ranks, chosen, strict=True):
            seats[those] = gpus
        least = min(least, wishes.changed(seats))
    return least


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("number", range(len(JOBS)))
def test_small_jobs_change_no_more_than_any_seats(number, seed):
    """Against all ways to seat eight ranks on twelve GPUs of damaged nodes."""
    problem, wishes, start = job(number, seed)
    found = walked_seats(problem, wishes, start, Control(60.0, seed, workers=1, deterministic=True), range(1))
    node = problem.cluster.gpu_node
    assert len(set(found.tolist())) == len(found)
    assert node[found].tolist() == node[start].tolist()
    assert wishes.changed(found) == fewest(problem, wishes, start)


@pytest.mark.parametrize("number", range(len(JOBS)))
def test_the_books_of_a_walk(number):
    """Rails, seats and who holds them agree after a walk that takes every move, and nobody leaves a node."""
    from planner.solve.seats.rail_kernel import walk_rails

    problem, wishes, start = job(number, 7, nodes=9, gpus=8, dp=4, tp=2, pp=4)
    gpus, seats = seats_of(problem, wishes, start)
    seated = seated_at(gpus, seats, start)
    before = seated.seat.copy()
    walk_rails(seats, seated, links_of(wishes), 1e9, 1e9, 100_000, 1)
    assert (seated.seat != before).any()
    assert seats.node[seated.seat].tolist() == seats.node[before].tolist()
    assert seated.rail.tolist() == seats.rail[seated.seat].tolist()
    assert seated.holder[seated.seat].tolist() == list(range(len(before)))
    assert np.count_nonzero(seated.holder >= 0) == len(before)


@pytest.mark.parametrize("number", range(len(JOBS)))
def test_a_cold_walk_never_gains_bytes(number):
    """What a move is said to change is what changes: where no rise is taken, all walks together fall."""
    from planner.solve.seats.rail_kernel import walk_rails

    problem, wishes, start = job(number, 3, nodes=9, gpus=8, dp=4, tp=2, pp=4)
    (gpus, seats), links = seats_of(problem, wishes, start), links_of(wishes)
    seated = seated_at(gpus, seats, start)
    changed = [wishes.changed(start)]
    for seed in range(100):
        walk_rails(seats, seated, links, 1e-9, 1e-9, 200, seed)
        changed.append(wishes.changed(gpus[seated.seat]))
    assert changed == sorted(changed, reverse=True)
    assert changed[-1] < changed[0]


@pytest.mark.parametrize(
    ("mesh", "looks"),
    [
        ({"pp": 16, "families": [("pp", "ring", 1)]}, 300),
        ({"dp": 16, "order": ("tp", "cp", "ep", "pp", "dp"), "families": [("dp", "all_reduce", 1)]}, 6_000),
    ],
)
def test_a_lane_follows(mesh, looks):
    """Two lanes that change rails half way are put right by one move, and by no dozen of single exchanges."""
    from planner.solve.seats.rail_kernel import walk_rails

    cluster, workload = grid_cluster(16, 2, nics=2), grid_workload(tp=2, **mesh)
    problem = Problem(cluster, workload, Objective.WEIGHTED, cluster.gpu_in_service)
    start = np.arange(32, dtype=np.int32)
    start[16:] ^= 1
    wishes = Wishes(problem, start)
    gpus, seats = seats_of(problem, wishes, start)
    seated = seated_at(gpus, seats, start)
    assert wishes.changed(start) > 0
    walk_rails(seats, seated, links_of(wishes), 1e-9, 1e-9, looks, 1)
    assert wishes.changed(gpus[seated.seat]) == 0


def test_more_rails_than_bits():
    """Seats stay where a word has too few bits for the rails."""
    problem, wishes, start = job(0, 0)
    wishes.rails = MOST_RAILS + 1
    control = Control(60.0, workers=1, deterministic=True)
    assert walked_seats(problem, wishes, start, control, range(1)) is start


def test_the_same_walks_twice():
    """Same seats and seed: the same seats in the end, however many workers there are."""
    problem, wishes, start = job(1, 5, nodes=6, gpus=8, dp=8, tp=2, pp=2)
    once, again = (
        walked_seats(problem, wishes, start, Control(60.0, 3, workers=workers, deterministic=True), range(2))
        for workers in (1, 2)
    )
    assert once.tolist() == again.tolist()
