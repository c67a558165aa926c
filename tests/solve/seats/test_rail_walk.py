"""Walks over seats: no tier notices, the best seats of small jobs are found, and lanes move as one."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from planner.placement.placement import Objective
from planner.placement.recount import recount
from planner.solve.seats import rail_walk
from planner.solve.seats.rail_links import chains_of, gpus_of_chains, links_of, seated_at, seats_of
from planner.solve.seats.rail_walk import walked_seats
from planner.solve.seats.rail_wishes import Wishes
from planner.solve.setup.control import Control
from planner.solve.setup.problem import Problem
from planner.workload.family import Family, Kind
from tests.builders import grid_cluster, grid_workload, ragged_cluster

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
    found = walked_seats(problem, start, Control(60.0, seed, workers=1, deterministic=True), range(1))
    node = problem.cluster.gpu_node
    assert len(set(found.tolist())) == len(found)
    assert sorted(node[found].tolist()) == sorted(node[start].tolist())
    assert Wishes(problem, found).changed(found) <= fewest(problem, wishes, start)
    if number != 1:
        # Only there do replicas have stages to exchange.
        assert node[found].tolist() == node[start].tolist()
        assert wishes.changed(found) == fewest(problem, wishes, start)


def walked(problem, start, heat, looks, seed):
    """Seats after one walk at one temperature, how they are seated, and which cell follows which."""
    from planner.solve.seats.rail_kernel import walk_rails

    wishes = Wishes(problem, start)
    gpus, seats = seats_of(problem, wishes, start)
    seated, chains = seated_at(gpus, seats, start), chains_of(problem, start)
    walk_rails(seats, seated, links_of(wishes), chains, heat, heat, looks, seed)
    assert seats.node[seated.seat].tolist() == seats.node[seated_at(gpus, seats, start).seat].tolist()
    assert seated.rail.tolist() == seats.rail[seated.seat].tolist()
    assert seated.holder[seated.seat].tolist() == list(range(len(start)))
    assert np.count_nonzero(seated.holder >= 0) == len(start)
    return gpus_of_chains(chains, gpus[seated.seat]), chains


MESHES = (
    {"dp": 6, "pp": 4, "families": [("pp", "ring", (1, 2, 3, 4)), ("dp", "all_reduce", 2)]},
    {"tp": 2, "dp": 6, "pp": 2, "families": [("pp", "ring", 1), ("tp", "all_gather", 1)]},
    {"tp": 2, "dp": 8, "pp": 4, "families": [("pp", "path", (1, 2, 3)), (("tp", "dp"), "all_reduce", 2)]},
    {"cp": 2, "dp": 4, "pp": 3, "families": [("pp", "path", 1), ("cp", "ring", 2), ("dp", "all_gather", 1)]},
    {
        "ep": 2,
        "dp": 8,
        "pp": 3,
        "families": [("pp", "ring", 1), ("ep", "all_to_all", 2), ("edp", "all_reduce", 3)],
    },
    {
        "cp": 2,
        "ep": 4,
        "dp": 8,
        "pp": 3,
        "families": [("pp", "path", 1), ("ep", "all_to_all", 2), ("edp", "reduce_scatter", 3)],
    },
)


@pytest.mark.parametrize("order", [("tp", "cp", "ep", "dp", "pp"), ("tp", "dp", "ep", "cp", "pp")])
@pytest.mark.parametrize("mesh", MESHES, ids=range(len(MESHES)))
def test_no_tier_notices(mesh, order):
    """A walk that takes every move changes seats and replicas; each domain's traffic stays, at every tier."""
    cluster = grid_cluster(2, 2, 4, 4, nics=4)
    workload = grid_workload(order=order, **mesh)
    problem = Problem(cluster, workload, Objective.WEIGHTED, cluster.gpu_in_service)
    # Stages side by side, so that some may exchange cells; seats at random inside them.
    stages = np.arange(workload.mesh.world_size).reshape(workload.mesh.pp, -1)
    start = np.random.default_rng(1).permuted(stages, axis=1).ravel().astype(np.int32)
    found, chains = walked(problem, start, 1e9, 200_000, 1)
    assert (chains.following != np.arange(chains.following.shape[1])).any()
    assert (cluster.gpu_node[found] != cluster.gpu_node[start]).any()
    assert len(set(found.tolist())) == len(found)
    before, after = (
        recount(workload.mesh, workload.families, [domain[gpus] for domain in cluster.domain_of_gpu])
        for gpus in (start, found)
    )
    for one, other in zip(before, after, strict=True):
        assert one.crossing_bytes == pytest.approx(other.crossing_bytes)
        assert one.egress_bytes == pytest.approx(other.egress_bytes)


@pytest.mark.parametrize(
    "families",
    [
        [("dp", "all_reduce", 1)],
        [("pp", "path", 1), ("dp", "ring", 1)],
        [("pp", "all_gather", 1)],
        [("pp", "path", 1), (("pp", "dp"), "all_gather", 1)],
        [("pp", "path", (1, 1)), Family("some", ("pp",), Kind.PATH, (1.0,), (0, 2))],
    ],
)
def test_replicas_whose_neighbours_would_notice_stay(families):
    """Of rings over replicas, or pipelines that are more than neighbours, no cell goes to another replica."""
    cluster, workload = grid_cluster(3, 4, nics=4), grid_workload(pp=3, dp=4, families=families)
    problem = Problem(cluster, workload, Objective.WEIGHTED, cluster.gpu_in_service)
    start = np.random.default_rng(1).permutation(12).astype(np.int32)
    found, chains = walked(problem, start, 1e9, 10_000, 1)
    assert chains.following.shape[1] == 1
    assert cluster.gpu_node[found].tolist() == cluster.gpu_node[start].tolist()


@pytest.mark.parametrize("number", range(len(JOBS)))
def test_a_cold_walk_never_gains_bytes(number):
    """What a move is said to change is what changes: where no rise is taken, all walks together fall."""
    problem, wishes, start = job(number, 3, nodes=9, gpus=8, dp=4, tp=2, pp=4)
    changed = [wishes.changed(start)]
    for seed in range(100):
        start, _ = walked(problem, start, 1e-9, 200, seed)
        changed.append(Wishes(problem, start).changed(start))
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
    cluster, workload = grid_cluster(16, 2, nics=2), grid_workload(tp=2, **mesh)
    problem = Problem(cluster, workload, Objective.WEIGHTED, cluster.gpu_in_service)
    start = np.arange(32, dtype=np.int32)
    start[16:] ^= 1
    assert Wishes(problem, start).changed(start) > 0
    found, _ = walked(problem, start, 1e-9, looks, 1)
    assert Wishes(problem, found).changed(found) == 0


@pytest.mark.parametrize(("kind", "pp"), [("path", 2), ("path", 3), ("ring", 2), ("ring", 3)])
@pytest.mark.parametrize("seed", range(5))
def test_replicas_exchange_stages(kind, pp, seed):
    """Against every way to deal a stage's cells out to replicas, each with every way to seat them."""
    random = np.random.default_rng(seed)
    cluster = ragged_cluster([2, 2] * pp)
    cluster.gpu_rail[:] = random.integers(0, 3, cluster.gpus)
    families = [("pp", kind, 3), ("dp", "all_reduce", 2)]
    workload = grid_workload(pp=pp, dp=3, families=families, order=("tp", "cp", "ep", "dp", "pp"))
    problem = Problem(cluster, workload, Objective.WEIGHTED, cluster.gpu_in_service)
    start = np.concatenate([4 * stage + np.array([0, 1, 2]) for stage in range(pp)]).astype(np.int32)
    least = np.inf
    for deals in product(permutations(range(3)), repeat=pp - 1):
        dealt = start.reshape(pp, 3).copy()
        for stage, deal in enumerate(deals, 1):
            dealt[stage] = dealt[stage, list(deal)]
        gpus = dealt.ravel()
        least = min(least, fewest(problem, Wishes(problem, gpus), gpus))
    found = walked_seats(problem, start, Control(60.0, seed, workers=1, deterministic=True), range(1))
    assert Wishes(problem, found).changed(found) == least


def test_more_rails_than_bits(monkeypatch):
    """Seats stay where a word has too few bits for the rails."""
    problem, _, start = job(0, 0)
    control = Control(60.0, workers=1, deterministic=True)
    assert walked_seats(problem, start, control, range(1)) is not start
    monkeypatch.setattr(rail_walk, "MOST_RAILS", 3)
    assert walked_seats(problem, start, control, range(1)) is start


def test_the_same_walks_twice():
    """Same seats and seed: the same seats in the end, however many workers there are."""
    problem, _, start = job(1, 5, nodes=6, gpus=8, dp=8, tp=2, pp=2)
    once, again = (
        walked_seats(problem, start, Control(60.0, 3, workers=workers, deterministic=True), range(2))
        for workers in (1, 2)
    )
    assert once.tolist() == again.tolist()
