"""Changes of places that leave a job's own objective as it is."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from planner.fleet.arrange import Arranger
from planner.fleet.check import check_fleet
from planner.fleet.claims import flow_claim
from planner.fleet.contents import even_weights
from planner.fleet.fleet import Fleet
from planner.fleet.flows import Flow
from planner.fleet.ground import Ground
from planner.fleet.placed import FleetClaims, PlacedFleet, PlacedJob
from planner.fleet.relabel import MOST_PAIRS, OutOfTimeError, Relabelling, assigned
from planner.fleet.sides import Sides
from planner.fleet.value import fleet_value
from tests.builders import claimed, grid_cluster, grid_workload, ragged_cluster
from tests.fleet.fleets import fleet, job, pin, tier_rule

SHAPES = [
    {"pp": 2}, {"pp": 2, "dp": 2}, {"tp": 2}, {"dp": 3}, {"pp": 3}, {"tp": 2, "pp": 2}, {"dp": 4, "ep": 2},
]  # fmt: skip
NESTED = [[[2, 2], [2, 2]], [[3, 2], [2, 2]], [[2, 2], [2], [2, 1]], [[2, 2, 2], [3, 3]]]
TRAFFIC = [("pp", "path", 3.0), ("dp", "all_reduce", 5.0)]
PRIORITIES = [2.0, 1.0]


def weights(source, target, every=1, total=48.0):
    """A flow of weights from the first job to the second."""
    return Flow("weights", 0, 1, every, total, tuple(even_weights(source.mesh, target.mesh, total)))


def placed(cluster, workloads, tables, flows=(), rules=()):
    """A fleet with these rank tables, all that is claimed of it true."""
    names = ("trainer", "rollout", "third")[: len(workloads)]
    priorities = [*PRIORITIES, 1.0][: len(workloads)]
    jobs = tuple(
        PlacedJob(name, priority, claimed(cluster, workload, table))
        for name, priority, workload, table in zip(names, priorities, workloads, tables, strict=True)
    )
    claims = tuple(flow_claim(flow, jobs) for flow in flows)
    value = fleet_value(cluster, [each.placement for each in jobs], priorities, claims)
    whole = FleetClaims(value.total_s, 0.0, value.shared, value.shared_s, claims, value.flows_s)
    return PlacedFleet("fleet", cluster, jobs, tuple(rules), whole)


def ground_of(found, flows=(), rules=()):
    """The fleet of these jobs on its cluster, none of them running."""
    jobs = tuple(job(each.name, each.placement.workload, each.priority) for each in found.jobs)
    return Ground(found.cluster, Fleet("fleet", jobs, tuple(rules), tuple(flows)))


def random_fleet(seed):
    """Two small jobs strewn over a cluster, with flows between them."""
    rng = np.random.default_rng(seed)
    nested = NESTED[int(rng.integers(len(NESTED)))]
    flat = ragged_cluster(nested)
    cluster = ragged_cluster(nested, uplinks=[float(rng.integers(1, 9)) for _ in flat.tiers[:-1]])
    workloads = [grid_workload(**SHAPES[int(rng.integers(len(SHAPES)))], families=TRAFFIC) for _ in range(2)]
    flows = [weights(*workloads, every=2), Flow("samples", 1, 0, 1, 30.0)][: int(rng.integers(3))]
    first, second = (each.mesh.world_size for each in workloads)
    gpus = rng.permutation(cluster.gpus)[: first + second]
    return placed(cluster, workloads, [gpus[:first], gpus[first:]], flows), flows


def every_way(found, moving):
    """All rank tables of one job that lie in nodes as the old one does, but for the names of domains."""
    cluster, table = found.cluster, found.jobs[moving].placement.gpu_of_rank
    around = [np.arange(cluster.nodes)]
    for tier in cluster.tiers[:-1]:
        around.append(tier.parent[around[-1]])
    held = {gpu for at, each in enumerate(found.jobs) if at != moving for gpu in each.placement.gpu_of_rank}
    free = [
        [gpu for gpu in np.flatnonzero(cluster.gpu_node == node) if gpu not in held]
        for node in range(cluster.nodes)
    ]
    nodes, count = np.unique(cluster.gpu_node[table], return_counts=True)
    for chosen in permutations(range(cluster.nodes), len(nodes)):
        to = np.array(chosen)
        alike = all(
            np.array_equal(np.equal.outer(each[nodes], each[nodes]), np.equal.outer(each[to], each[to]))
            for each in around
        )
        if alike and all(len(free[node]) >= many for node, many in zip(chosen, count, strict=True)):
            left = {node: iter(free[target]) for node, target in zip(nodes.tolist(), chosen, strict=True)}
            yield np.array([next(left[node]) for node in cluster.gpu_node[table].tolist()])


@pytest.mark.parametrize("seed", range(24))
def test_no_way_of_changing_places_is_better(seed):
    """What is saved is what the best of all ways saves, tried one by one."""
    found, flows = random_fleet(seed)
    workloads = [each.placement.workload for each in found.jobs]
    tables = [each.placement.gpu_of_rank for each in found.jobs]
    for moving in (0, 1):
        least = min(
            placed(
                found.cluster,
                workloads,
                [way if at == moving else table for at, table in enumerate(tables)],
                flows,
            ).claims.value_s
            for way in every_way(found, moving)
        )
        sides = Sides(ground_of(found, flows), [each.placement for each in found.jobs], frozenset({moving}))
        saved = Relabelling(sides, lambda: False).saved_s
        assert found.claims.value_s - saved == pytest.approx(least, rel=1e-9)


def arranged(found, flows=(), rules=(), over=lambda: False):
    """The fleet after all changes that help."""
    workloads = [each.placement.workload for each in found.jobs]
    old = [each.placement.gpu_of_rank for each in found.jobs]

    def join(placements):
        tables = [placements[at].gpu_of_rank if at in placements else table for at, table in enumerate(old)]
        return placed(found.cluster, workloads, tables, flows, rules)

    return Arranger(ground_of(found, flows, rules), join, over, found).run()


@pytest.mark.parametrize("seed", range(100, 112))
def test_what_is_promised_is_reached(seed):
    """The changed fleet passes the check, each job has the J it had, and no job can save more."""
    found, flows = random_fleet(seed)
    best = arranged(found, flows)
    assert check_fleet(best).ok
    assert best.claims.value_s <= found.claims.value_s
    for before, after in zip(found.jobs, best.jobs, strict=True):
        assert after.placement.claims.weighted_s == pytest.approx(before.placement.claims.weighted_s)
    if flows:
        for moving in (0, 1):
            sides = Sides(ground_of(best, flows), [each.placement for each in best.jobs], frozenset({moving}))
            assert Relabelling(sides, lambda: False).saved_s <= 1e-9 * best.claims.value_s


CLUSTER = grid_cluster(2, 2, 4, uplinks=(10.0, 20.0))
STAGES = grid_workload(pp=2, families=[("pp", "path", 1.0)])


def test_stages_come_to_those_that_need_them():
    """Two stages lie in the wrong nodes; they change places, and no weights leave a node."""
    flow = weights(STAGES, STAGES)
    found = placed(CLUSTER, [STAGES, STAGES], [[0, 4], [5, 1]], [flow])
    assert found.claims.flows[0].tier_bytes[0] == 48.0
    best = arranged(found, [flow])
    assert best.claims.flows[0].tier_bytes[0] == 0.0


@pytest.mark.parametrize(
    ("rule", "crosses"),
    [
        (tier_rule("apart", (0, 1), 1), [96.0, 96.0]),
        (tier_rule("apart", (0, 1), 0), [96.0, 96.0]),
        (tier_rule("together", (1,), 1), [0.0, 0.0]),
        (tier_rule("together", (0, 1), 2), [0.0, 0.0]),
    ],
)
def test_rules_hold_when_places_change(rule, crosses):
    """Jobs that keep apart do not meet; to one that must lie in a domain the other one comes."""
    flow = weights(STAGES, STAGES, total=96.0)
    found = placed(CLUSTER, [STAGES, STAGES], [[0, 4], [8, 12]], [flow], [rule])
    best = arranged(found, [flow], [rule])
    assert list(best.claims.flows[0].tier_bytes[:2]) == crosses
    assert check_fleet(best).ok


def test_pinned_jobs_stay_where_they_may_be():
    """The job that is pinned stays, and the other one comes to it."""
    flow = weights(STAGES, STAGES)
    rule = pin(1, CLUSTER, range(8, 16))
    found = placed(CLUSTER, [STAGES, STAGES], [[0, 4], [8, 12]], [flow], [rule])
    best = arranged(found, [flow], [rule])
    assert check_fleet(best).ok
    assert best.claims.flows_s == 0.0
    assert best.jobs[1].placement.gpu_of_rank.tolist() == [8, 12]


def test_seats_stay_where_they_can():
    """A rank goes to the same seat of another node, so that its rail stays."""
    flow = weights(STAGES, STAGES)
    found = placed(CLUSTER, [STAGES, STAGES], [[0, 4], [7, 3]], [flow])
    best = arranged(found, [flow])
    local = CLUSTER.gpu_local
    moved = [
        (before.placement.gpu_of_rank, after.placement.gpu_of_rank)
        for before, after in zip(found.jobs, best.jobs, strict=True)
    ]
    assert any(not np.array_equal(*each) for each in moved)
    assert all(np.array_equal(local[before], local[after]) for before, after in moved)


def test_two_jobs_move_together():
    """A third job, pinned to the other rack, draws two to it that alone would not leave each other."""
    third = grid_workload(dp=2)
    flows = [weights(STAGES, STAGES, total=480.0), Flow("samples", 0, 2, 1, 48.0)]
    rule = pin(2, CLUSTER, range(8, 16))
    found = placed(CLUSTER, [STAGES, STAGES, third], [[0, 4], [1, 5], [8, 12]], flows, [rule])
    best = arranged(found, flows, [rule])
    assert check_fleet(best).ok
    assert best.claims.flows_s == 0.0
    assert found.claims.flows_s > 0.0


def test_nothing_moves_without_time():
    """When time is over, or too much would have to be looked at, all stays."""
    flow = weights(STAGES, STAGES)
    found = placed(CLUSTER, [STAGES, STAGES], [[0, 4], [5, 1]], [flow])
    assert arranged(found, [flow], over=lambda: True) is found
    sides = Sides(ground_of(found, [flow]), [each.placement for each in found.jobs], frozenset({0}))
    for end in (lambda: True, None):
        relabelling = Relabelling(sides, end or (lambda: False))
        if end is None:
            relabelling.found = dict.fromkeys(((0, 9, at) for at in range(MOST_PAIRS)), (0.0, None))
        with pytest.raises(OutOfTimeError):
            _ = relabelling.saved_s


def test_without_flows_nobody_looks():
    """Jobs that neither share nor send anything are as they were."""
    found = placed(CLUSTER, [STAGES, STAGES], [[0, 1], [4, 5]])
    assert arranged(found) is found
    assert fleet(*ground_of(found).fleet.jobs).flows == ()


def test_assignments():
    """The least sum is found, infinite prices are never paid."""
    assert assigned(np.array([[1.0, 2.0], [1.0, 5.0]])).tolist() == [1, 0]
    assert assigned(np.array([[1.0, np.inf], [1.0, 5.0]])).tolist() == [0, 1]
    assert assigned(np.array([[1.0, np.inf], [1.0, np.inf]])) is None
    assert assigned(np.full((2, 2), np.inf)) is None
    assert assigned(np.array([[-3.0, -1.0], [-1.0, -3.0]])).tolist() == [0, 1]
