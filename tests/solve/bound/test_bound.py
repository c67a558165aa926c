"""Lower bounds: never above what any placement reaches, and tight where payloads are whole."""

from __future__ import annotations

import numpy as np
import pytest

from planner.placement.crossing import measure
from planner.placement.orders import axis_orders, default_orders, random_orders
from planner.placement.placement import Objective
from planner.solve import solve
from planner.solve.bound import cut_cells
from planner.solve.bound.bound import tier_bound
from planner.solve.reduction.reduction import reduce_costs
from planner.solve.setup.blocks import candidate_blocks
from planner.solve.setup.problem import Problem, whole_by_rule
from tests.builders import grid_cluster, grid_family, grid_workload, ragged_cluster
from tests.solve.brute_force import tier_minima
from tests.solve.instances import random_instance


def problem_of(cluster, job):
    """The problem on all GPUs in service."""
    return Problem(cluster, job, Objective.WEIGHTED, cluster.gpu_in_service)


def bounds_of_cuts(problem, tier):
    """The bound of every cut into cells."""
    for blocks in candidate_blocks(problem.workload.mesh):
        costs = reduce_costs(problem.workload.families, blocks)
        yield tier_bound(costs, problem.ranks_that_fit[tier], whole_by_rule(problem, blocks, tier))


def best_bound(cluster, job, tier=0):
    """The best bound of one tier."""
    return max(bounds_of_cuts(problem_of(cluster, job), tier))


@pytest.mark.parametrize(
    "first", [0, 50, *(pytest.param(first, marks=pytest.mark.slow) for first in range(100, 300, 50))]
)
def test_no_cut_bounds_more_than_the_optimum(first):
    """Each cut into cells bounds each tier of the small random jobs by no more than its own minimum."""
    for seed in range(first, first + 50):
        cluster, job, _ = random_instance(seed)
        minima = tier_minima(cluster, job, cluster.gpu_in_service)
        for tier, least in enumerate(minima or []):
            for found in bounds_of_cuts(problem_of(cluster, job), tier):
                assert found <= least * (1 + 1e-9), f"seed {seed}, tier {tier}"


CUT_SHAPES = [
    {"tp": 2, "dp": 2, "pp": 2},
    {"tp": 4, "dp": 2},
    {"tp": 3, "pp": 3},
    {"tp": 2, "cp": 2, "pp": 2},
    {"tp": 2, "dp": 2, "ep": 2, "pp": 2},
    {"tp": 3, "cp": 3},
    {"dp": 4, "ep": 4, "pp": 2},
    {"tp": 8},
]
CUT_CLUSTERS = [[5, 4], [3, 3, 3], [4, 3, 2], [8, 1], [7, 2]]
DIFFERING_SHAPES = [
    {"tp": 2, "dp": 2, "pp": 2}, {"tp": 3, "pp": 3}, {"tp": 4, "pp": 2}, {"tp": 2, "pp": 4},
    {"cp": 3, "pp": 3}, {"dp": 4, "ep": 4, "pp": 2}, {"dp": 2, "ep": 2, "pp": 4},
    {"tp": 2, "dp": 2, "ep": 2, "pp": 2},
]  # fmt: skip
DIFFERING_CLUSTERS = [[5, 4], [3, 3, 3], [4, 3, 2], [8, 1], [2, 2, 2, 3], [1, 3, 2, 3]]
KINDS = ["all_reduce", "all_gather", "all_to_all", "ring", "path"]


@pytest.mark.parametrize("shape", CUT_SHAPES, ids=[str(index) for index in range(len(CUT_SHAPES))])
@pytest.mark.parametrize("how", ["exactly", "few looks", "few prices", "real widths"])
def test_cells_that_may_be_cut(shape, how, monkeypatch):
    """Without rules groups of every kind may be cut: no bound is above the exhaustive minimum.

    However closely parts are looked at, and where domains count as large.
    """
    if how != "exactly":
        monkeypatch.setattr(cut_cells, "MOST_LOOKS", 12)
    if how == "few prices":
        monkeypatch.setattr(cut_cells, "LARGE_TABLE", 1)
    if how == "real widths":
        monkeypatch.setattr(cut_cells, "large", lambda *_: True)
    for seed, nested in enumerate(CUT_CLUSTERS):
        rng = np.random.default_rng(seed)
        families = []
        for axis in ("tp", "cp", "ep", "dp"):
            if shape.get(axis, 1) > 1:
                payload = tuple(rng.integers(0, 12, shape.get("pp", 1)).astype(float).tolist())
                families.append(((axis,), str(rng.choice(KINDS)), payload))
        if shape.get("pp", 1) > 1:
            families.append((("pp",), "path", tuple(rng.integers(0, 12, shape["pp"] - 1).astype(float))))
        cluster, job = ragged_cluster(nested), grid_workload(**shape, families=families)
        least = tier_minima(cluster, job, cluster.gpu_in_service)[0]
        for found in bounds_of_cuts(problem_of(cluster, job), 0):
            assert found <= least * (1 + 1e-9), f"nodes of {nested}"


def trays_in_racks(keep=None):
    """Tensor groups over two trays of four in racks of 16 trays, twice as many as the job needs."""
    families = [("tp", "all_reduce", 10.0), ("pp", "path", 1.0), ("dp", "all_reduce", 5.0)]
    job = grid_workload(tp=8, pp=4, dp=16, families=families, keep=keep)
    return ragged_cluster([[4] * 16] * 16), job


@pytest.mark.parametrize("how", ["exactly", "real widths"])
def test_cells_that_no_rule_keeps_whole_cost_as_much(how, monkeypatch):
    """To cut a group pays nowhere here: racks are bounded as if a rule forbade it, by real widths less."""
    ruled = best_bound(*trays_in_racks({"tp": "rack"}), tier=1)
    if how == "real widths":
        monkeypatch.setattr(cut_cells, "large", lambda *_: True)
    free = best_bound(*trays_in_racks(), tier=1)
    assert 0 < free <= ruled
    assert free >= ruled * (1.0 if how == "exactly" else 0.5)


def test_cells_that_no_domain_has_room_for():
    """Tensor groups of 16 over nodes of 8: every node holds half of one, and what that costs is the bound."""
    families = [("tp", "all_reduce", (9.0, 10.0, 10.0, 9.0)), ("pp", "path", 1.0), ("dp", "all_reduce", 1.0)]
    job = grid_workload(tp=16, pp=4, dp=4, families=families)
    # Two nodes for each tensor group, the replicas and stages of each half all in nodes of their own.
    tensor, data, pipeline = 2 * 4 * (9 + 10 + 10 + 9), 2 * 3 * 16 * 4, 3 * 16 * 4
    assert best_bound(ragged_cluster([8] * 40), job) == tensor + data + pipeline


@pytest.mark.parametrize("nodes", [[8] * 24, [18] * 10], ids=["all are cut", "one fits a node"])
def test_stages_whose_parts_pay_nothing(nodes):
    """A first stage without experts gives the others' parts no leave to pay nothing as well."""
    families = [("ep", "all_to_all", (0.0, 9.0, 9.0)), ("pp", "path", 2.0), ("dp", "all_reduce", 1.0)]
    job = grid_workload(dp=32, ep=16, pp=3, families=families)
    cluster = ragged_cluster(nodes)
    reached = solve(cluster, job, objective="cross_node", deterministic=True, time_limit_s=2).objective
    assert 0.8 * reached < best_bound(cluster, job) <= reached


@pytest.mark.parametrize(
    "first", [0, *(pytest.param(first, marks=pytest.mark.slow) for first in range(40, 400, 40))]
)
def test_stages_that_differ_in_what_parts_pay(first):
    """With families that only some stages have no cut bounds more than the exhaustive minimum."""
    for seed in range(first, first + 40):
        rng = np.random.default_rng(seed)
        shape = DIFFERING_SHAPES[int(rng.integers(len(DIFFERING_SHAPES)))]
        nested = DIFFERING_CLUSTERS[int(rng.integers(len(DIFFERING_CLUSTERS)))]
        has_it = rng.random(shape["pp"]) < 0.65
        families = [(("pp",), "path", tuple(rng.integers(0, 12, shape["pp"] - 1).astype(float).tolist()))]
        for axis in sorted({"tp", "cp", "ep", "dp"} & shape.keys()):
            payload = rng.integers(0, 12, shape["pp"]) if rng.random() < 0.5 else np.full(shape["pp"], 9)
            kept = payload if axis == "dp" else payload * has_it
            families.append(((axis,), str(rng.choice(KINDS)), tuple(kept.astype(float).tolist())))
        cluster, job = ragged_cluster(nested), grid_workload(**shape, families=families)
        least = tier_minima(cluster, job, cluster.gpu_in_service)[0]
        for found in bounds_of_cuts(problem_of(cluster, job), 0):
            assert found <= least * (1 + 1e-9), f"seed {seed}"


def mid_size(seed):
    """An irregular two-tier cluster of some two hundred GPUs and a job that nearly fills it."""
    rng = np.random.default_rng(seed)
    nested = [[int(n) for n in rng.integers(5, 9, int(rng.integers(4, 8)))] for _ in range(6)]
    tp, pp = int(rng.choice([1, 2, 4])), int(rng.choice([2, 4, 6]))
    cp, ep = ((2, 1), (1, 2), (1, 1))[int(rng.integers(3))]
    size = sum(map(sum, nested))
    dp = size * 9 // 10 // (tp * pp * cp) // ep * ep
    families = [
        ("tp", "all_reduce", 40.0),
        (("cp", "dp"), str(rng.choice(["all_reduce", "ring"])), 7.0),
        ("pp", str(rng.choice(["path", "ring"])), 3.0),
        ("ep", "all_to_all", 2.0),
        ("cp", str(rng.choice(["ring", "all_gather"])), 5.0),
    ]
    families = [each for each in families if {"ep": ep, "cp": cp}.get(each[0], 2) > 1]
    return ragged_cluster(nested), grid_workload(tp=tp, cp=cp, ep=ep, dp=dp, pp=pp, families=families)


@pytest.mark.parametrize("seed", range(6))
def test_no_placement_of_irregular_clusters_beats_the_bound(seed):
    """Default orders, orders of the axes and random ones on mid-size clusters stay above every bound."""
    cluster, job = mid_size(seed)
    problem = problem_of(cluster, job)
    bounds = [max(bounds_of_cuts(problem, tier)) for tier in range(len(cluster.tiers) - 1)]
    available = cluster.gpu_in_service
    orders = [*default_orders(cluster, job, available), *axis_orders(cluster, job, available)]
    orders += random_orders(cluster, job, available, seed=seed, count=3)
    placed = [order.gpu_of_rank for order in orders if order.gpu_of_rank is not None]
    assert len(placed) > 10
    reached = np.min([measure(cluster, job, gpus).tier_bytes[:-1] for gpus in placed], axis=0)
    assert (np.asarray(bounds) <= reached).all()
    assert bounds[0] > 0


@pytest.mark.parametrize(
    ("stages", "replicas", "nodes", "room", "expected"),
    [(16, 64, 128, 8, 928.0), (36, 80, 320, 9, 2728.0)],
)
def test_published_instances(stages, replicas, nodes, room, expected):
    """S = V = 1 on one tier of equal nodes: the bounds of the reference instances."""
    families = [("dp", "all_reduce", 1.0), ("pp", "path", 1.0)]
    job = grid_workload(dp=replicas, pp=stages, families=families)
    assert best_bound(grid_cluster(nodes, room), job) == expected


def test_whole_payloads_round_up():
    """Whole payloads move whole multiples of their divisor; others are not rounded."""
    cluster = ragged_cluster([7, 7, 7])
    bounds = {}
    for scale in (1.0, 2.0, 0.7):
        families = [("dp", "all_reduce", 3.0 * scale), ("pp", "path", 1.0 * scale)]
        job = grid_workload(dp=5, pp=4, families=families)
        bounds[scale] = best_bound(cluster, job)
    assert bounds[1.0] == int(bounds[1.0])
    assert bounds[2.0] == 2 * bounds[1.0]
    assert bounds[0.7] <= 0.7 * bounds[1.0] * (1 + 1e-9)


def test_a_rule_makes_the_bound_stronger():
    """Groups kept whole in nodes of six leave two GPUs of each unused, which a bound may count."""
    cluster = ragged_cluster([6] * 8)
    families = [("tp", "all_reduce", 1.0), ("dp", "all_reduce", 50.0), ("pp", "path", 20.0)]
    free = grid_workload(tp=4, dp=2, pp=4, families=families)
    ruled = grid_workload(tp=4, dp=2, pp=4, families=families, keep={"tp": "node"})
    assert best_bound(cluster, free) <= best_bound(cluster, ruled)
    # Every node holds one tensor group: 2 of each stage, 4 stages, nothing stays home.
    assert best_bound(cluster, ruled) == pytest.approx(2 * 50 * 4 * 4 + 20 * 3 * 2 * 4)


def test_one_domain_crosses_nothing():
    """A job that one domain can hold has a bound of 0, with payloads that are no whole numbers too."""
    job = grid_workload(dp=4, pp=2, families=[("dp", "all_reduce", 0.37), ("pp", "path", 1.7)])
    assert best_bound(ragged_cluster([8, 4]), job) == 0.0


def test_rounding_never_invents_bytes():
    """Constants that cancel to 0 leave a bound of 0, not a rounding error."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        payload = tuple((rng.integers(1, 9, 3) * 0.37).tolist())
        job = grid_workload(dp=2, pp=3, families=[("dp", "broadcast", payload), ("pp", "path", payload[:2])])
        cluster = ragged_cluster([1, 7])
        assert best_bound(cluster, job) <= tier_minima(cluster, job, cluster.gpu_in_service)[0]
        assert best_bound(ragged_cluster([6, 2]), job) == 0.0


def test_large_domains_have_bounds():
    """Domains of thousands of cells are bounded as well, below what a whole-stage cut reaches."""
    cluster = grid_cluster(4, 2048)
    job = grid_workload(dp=1024, pp=8, families=[("dp", "all_reduce", 100.0), ("pp", "path", 1.0)])
    gpus = np.arange(8192, dtype=np.int32)
    reached = measure(cluster, job, gpus).tier_bytes[0]
    bound = best_bound(cluster, job)
    assert reached == 3 * 1024.0
    assert 0 < bound <= reached


def test_mirrored_stages_have_a_bound():
    """A folded pipeline whose mirrored stages share parameters is bounded by its best fold."""
    shared = [grid_family("pp", "all_reduce", (9.0,), stages=(p, 5 - p), name=f"s{p}") for p in range(3)]
    job = grid_workload(dp=2, pp=6, families=[("pp", "path", 2.0), *shared])
    cluster = ragged_cluster([4, 4, 4])
    # A node for stages 0, 1, 4, 5 of each replica, one for 2 and 3 of both: four edges of 2 bytes.
    assert best_bound(cluster, job) == 8.0
