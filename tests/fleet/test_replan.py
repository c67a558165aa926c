"""Fleets that go on when hardware fails and returns."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import numpy as np
import pytest

from planner.errors import InfeasibleError
from planner.fleet.check import check_fleet
from planner.fleet.claims import fleet_claims
from planner.fleet.file import fleet_files, read_fleet
from planner.fleet.fleet import Fleet
from planner.fleet.ground import Ground
from planner.fleet.load import load_fleet
from planner.fleet.placed import PlacedFleet, PlacedJob, SizeRange, table_digest
from planner.fleet.plan import plan_fleet
from planner.fleet.replan import least_that, replan_fleet
from planner.fleet.value import fleet_value
from planner.placement.placement import Objective
from planner.repair import Health, with_health
from planner.repair.task import Task
from planner.topology.load import load_topology
from tests.builders import claimed, grid_cluster, grid_workload, ragged_cluster
from tests.fleet.fleets import job, pin, tier_rule
from tests.repair.brute_force import moves_of, placements

CLUSTER = grid_cluster(3, 2, 4, uplinks=(10.0, 20.0))
TRAFFIC = [("tp", "all_reduce", 9.0), ("dp", "all_reduce", 1.0)]
PAIRS = grid_workload(tp=2, dp=4, keep={"tp": "node"}, families=TRAFFIC)


def placed(*jobs, rules=(), cluster=CLUSTER):
    """A fleet of (name, priority, workload, rank table, sizes), all that is claimed of it true."""
    made = tuple(
        PlacedJob(name, priority, claimed(cluster, workload, table), sizes=sizes)
        for name, priority, workload, table, sizes in jobs
    )
    jobs_ = tuple(job(each.name, each.placement.workload, each.priority) for each in made)
    fleet = Fleet("fleet", jobs_, tuple(rules))
    claims = fleet_claims(Ground(cluster, fleet), made, dict.fromkeys(range(len(made)), 0.0))
    return PlacedFleet("fleet", cluster, made, tuple(rules), claims)


def dp(least, most):
    """Sizes that a job may have."""
    return SizeRange("dp", least, most, 1)


def down(cluster, *gpus):
    """The cluster without some GPUs."""
    return replace(cluster, gpu_in_service=cluster.gpu_in_service & ~np.isin(np.arange(cluster.gpus), gpus))


def two(first=None, second=None, priorities=(2.0, 1.0)):
    """A job in the first two nodes, fixed if nothing is said, and an elastic one that fills all others."""
    rest = grid_workload(tp=2, dp=8, keep={"tp": "node"}, families=TRAFFIC)
    return placed(
        ("first", priorities[0], PAIRS, range(8), first or dp(4, 4)),
        ("second", priorities[1], rest, range(8, 24), second or dp(1, 8)),
    )


@pytest.fixture
def slow_machine(monkeypatch):
    """A machine on which an hour passes whenever the time is asked for."""
    hours = count()
    monkeypatch.setattr("time.monotonic", lambda: 3600.0 * next(hours))


def test_a_slow_machine_proves_as_much(request):
    """What is claimed of a fleet that goes on does not depend on how long it took."""
    cluster = ragged_cluster([[4, 4], [2, 4], [4, 3]], uplinks=(10.0, 20.0))
    ring = grid_workload(dp=5, pp=3, families=[("dp", "all_reduce", 3.0), ("pp", "path", 1.0)])
    fleet = placed(("ring", 1.0, ring, range(15), None), cluster=cluster)
    quick = replan_fleet(fleet, down(cluster, 7)).placed.claims
    request.getfixturevalue("slow_machine")
    assert replan_fleet(fleet, down(cluster, 7)).placed.claims == quick
    assert quick.lower_bound_s > 0


def test_whoever_was_not_hit_stays():
    """The job that was hit takes free GPUs; the other is where it was, and the check says so."""
    small = placed(("first", 1.0, PAIRS, range(8), dp(4, 4)), ("second", 1.0, PAIRS, range(8, 16), dp(4, 4)))
    found = replan_fleet(small, down(CLUSTER, 0))
    assert check_fleet(found.placed).ok
    first, second = found.jobs
    assert (first.moved, first.moved_lower_bound, first.failed_ranks, first.dp) == (2, 2, 1, 4)
    assert not second.touched
    assert found.placed.jobs[1].table_before == table_digest(small.jobs[1].placement)
    assert set(found.placed.jobs[0].placement.gpu_of_rank[:2].tolist()) <= set(range(16, 24))


def test_the_lower_priority_gives_way():
    """The cluster is full: the elastic job of the lower priority gives one replica, and does not move."""
    found = replan_fleet(two(), down(CLUSTER, 0))
    assert check_fleet(found.placed).ok
    first, second = found.jobs
    assert (first.dp, second.dp, second.gave_way_to) == (4, 7, "first")
    assert (first.moved, second.moved) == (2, 0)
    assert found.placed.jobs[1].size == "dp 7"


def test_the_higher_priority_gives_nothing():
    """When the job of the lower priority is hit it becomes smaller itself, whether it is elastic or not."""
    for first in (dp(1, 4), dp(4, 4)):
        found = replan_fleet(two(first, dp(1, 8), (1.0, 2.0)), down(CLUSTER, 0))
        assert check_fleet(found.placed).ok
        assert [each.dp for each in found.jobs] == [3, 8]
        assert found.jobs[0].gave_way_to is None
    with pytest.raises(InfeasibleError, match="first cannot go on with dp 4"):
        replan_fleet(two(dp(4, 4), dp(1, 8), (1.0, 2.0)), down(CLUSTER, 0), shrink=False)


def test_among_equals_the_job_that_was_hit_gives():
    """Of two elastic jobs of one priority the one that was hit becomes smaller."""
    found = replan_fleet(two(dp(1, 4), dp(1, 8), (1.0, 1.0)), down(CLUSTER, 0))
    assert [each.dp for each in found.jobs] == [3, 8]
    found = replan_fleet(two(dp(4, 4), dp(1, 8), (1.0, 1.0)), down(CLUSTER, 0))
    assert [each.dp for each in found.jobs] == [4, 7]


def test_who_cannot_give_enough_gives_nothing():
    """A job at its least size is left alone; if what all give is too little, it is left with them."""
    found = replan_fleet(two(dp(4, 4), dp(7, 8)), down(CLUSTER, 0, 2, 4))
    assert check_fleet(found.placed).ok
    assert [each.dp for each in found.jobs] == [2, 8]
    with pytest.raises(InfeasibleError, match="first cannot go on with dp 4"):
        replan_fleet(two(dp(4, 4), dp(7, 8)), down(CLUSTER, 0, 2, 4), shrink=False)


def test_elastic_jobs_do_not_go_below_their_least():
    """Where the least size has no room left the fleet cannot go on, and the job is named."""
    with pytest.raises(InfeasibleError, match="second cannot go on with dp 8") as caught:
        replan_fleet(two(dp(4, 4), SizeRange("dp", 8, 9, 1)), down(CLUSTER, 8))
    assert caught.value.problems[0].code == "S005"


def test_both_are_hit():
    """The job that gives way lost hardware itself; what it gives back is what failed of it."""
    found = replan_fleet(two(), down(CLUSTER, 0, 8))
    assert check_fleet(found.placed).ok
    assert [each.dp for each in found.jobs] == [4, 6]
    assert found.jobs[1].moved == 0


def test_returned_hardware_is_given_out_again():
    """What returns lets jobs grow, the one of the higher priority first, and nobody moves."""
    failed = replan_fleet(two(), down(CLUSTER, 0, 1, 2)).placed
    assert [each.placement.workload.mesh.dp for each in failed.jobs] == [4, 6]
    found = replan_fleet(failed, CLUSTER)
    assert check_fleet(found.placed).ok
    assert [(each.dp_before, each.dp, each.moved) for each in found.jobs] == [(4, 4, 0), (6, 8, 0)]
    assert found.placed.jobs[1].size == "dp 8"


def test_what_is_still_down_is_not_given_out():
    """A job grows as far as there is room."""
    failed = replan_fleet(two(), down(CLUSTER, 0, 2, 4)).placed
    found = replan_fleet(failed, down(CLUSTER, 0))
    assert [each.dp for each in found.jobs] == [4, 7]


def test_rules_hold_in_what_goes_on():
    """Jobs keep apart and on their hardware when they are repaired, or become smaller for it."""
    jobs = (("first", 1.0, PAIRS, range(8), dp(1, 4)), ("second", 1.0, PAIRS, range(8, 16), dp(4, 4)))
    third = grid_workload(tp=2, dp=1, keep={"tp": "node"})
    apart = tier_rule("apart", (0, 1), 1)
    found = replan_fleet(placed(*jobs, rules=[apart]), down(CLUSTER, 0))
    assert check_fleet(found.placed).ok
    assert found.placed.jobs[0].placement.gpu_of_rank.max() >= 16
    crowded = placed(
        *jobs, ("third", 1.0, third, [16, 17], dp(1, 1)), rules=[tier_rule("apart", (0, 2), 1), apart]
    )
    found = replan_fleet(crowded, down(CLUSTER, 0))
    assert check_fleet(found.placed).ok
    assert found.jobs[0].dp == 3
    for rule in (pin(0, CLUSTER, range(8)), tier_rule("together", (0,), 1)):
        found = replan_fleet(placed(*jobs, rules=[rule]), down(CLUSTER, 0))
        assert check_fleet(found.placed).ok
        assert found.jobs[0].dp == 3


def test_spares_are_put_to_use():
    """A GPU that was a spare and now holds a rank is none any more."""
    cluster = replace(CLUSTER, gpu_spare=np.arange(24) >= 16)
    small = placed(
        ("first", 1.0, PAIRS, range(8), dp(4, 4)),
        ("second", 1.0, PAIRS, range(8, 16), dp(4, 4)),
        cluster=cluster,
    )
    found = replan_fleet(small, down(cluster, 0))
    assert check_fleet(found.placed).ok
    assert found.placed.cluster.gpu_spare.sum() == 6


@pytest.mark.parametrize("seed", range(20))
def test_random_failures(seed):
    """After every change all holds, who was not hit is where he was, and moves are no fewer than proven."""
    rng = np.random.default_rng(seed)
    now, cluster = two(dp(2, 4), dp(2, 8), tuple(rng.integers(1, 3, 2).astype(float))), CLUSTER
    for _ in range(4):
        service = cluster.gpu_in_service.copy()
        service[rng.integers(24, size=3)] = rng.random() < 0.4
        cluster = replace(cluster, gpu_in_service=service)
        try:
            found = replan_fleet(now, cluster)
        except InfeasibleError:
            assert service.sum() < 24 - 4
            continue
        assert check_fleet(found.placed).ok
        for before, after, repair in zip(now.jobs, found.placed.jobs, found.jobs, strict=True):
            assert repair.moved >= repair.moved_lower_bound
            if not repair.touched:
                assert np.array_equal(before.placement.gpu_of_rank, after.placement.gpu_of_rank)
            old, new = before.placement.gpu_of_rank, after.placement.gpu_of_rank
            assert len(set(new.tolist()) - set(old.tolist())) <= repair.moved + max(0, len(new) - len(old))
        now = found.placed


@pytest.mark.parametrize("seed", range(12))
def test_fewest_moves_then_least_objective(seed):
    """A job that was hit moves as little as it must and then pays the least, or the fleet gains by more."""
    rng = np.random.default_rng(seed)
    uplinks = [rng.choice([1.0, 5.0, 30.0], n) for n in (6, 3)]
    cluster = ragged_cluster([[2, 2], [2, 2], [2, 2]], uplinks=[each.tolist() for each in uplinks])
    small = grid_workload(pp=2, dp=2, families=[("pp", "path", 3.0), ("dp", "all_reduce", 2.0)])
    order = rng.permutation(12)
    before = placed(
        ("hit", float(rng.integers(1, 3)), small, order[:4], dp(2, 2)),
        ("other", 1.0, grid_workload(dp=4, families=[("dp", "all_reduce", 5.0)]), order[4:8], dp(4, 4)),
        cluster=cluster,
    )
    left = down(cluster, *order[: rng.integers(1, 3)])
    found = replan_fleet(before, left)
    assert check_fleet(found.placed).ok
    hit, other = (each.placement for each in found.placed.jobs)
    free = left.gpu_in_service.copy()
    free[other.gpu_of_rank] = False
    task = Task(left, small, Objective.WEIGHTED, free, before.jobs[0].placement.gpu_of_rank)
    tables = placements(task)
    moves = moves_of(task, tables)
    assert found.jobs[0].moved == found.jobs[0].moved_lower_bound == moves.min()
    priorities = [each.priority for each in before.jobs]
    values = [
        fleet_value(left, [claimed(left, small, table), other], priorities)
        for table in tables[moves == moves.min()]
    ]
    least = min(each.weighted_s[0] for each in values)
    least_so = min(each.total_s for each in values if each.weighted_s[0] <= least * (1 + 1e-9))
    assert hit.claims.weighted_s <= least * (1 + 1e-9) or found.placed.claims.value_s < least_so


def test_uplinks_of_the_whole_cluster_count():
    """What a job pays for a byte does not depend on how many nodes others fill."""
    # With all twelve nodes in view a byte out of a rack costs more than one out of a node.
    cluster = grid_cluster(2, 6, 4, uplinks=(1.0, 4.0))
    silent = [("dp", "all_reduce", 0.0)]
    free = [4, 8, 24, 25]
    before = placed(
        ("hit", 1.0, grid_workload(dp=4, families=[("dp", "all_reduce", 1.0)]), range(4), dp(4, 4)),
        (
            "other",
            1.0,
            grid_workload(dp=40, families=silent),
            [gpu for gpu in range(4, 48) if gpu not in free],
            dp(40, 40),
        ),
        cluster=cluster,
    )
    found = replan_fleet(before, down(cluster, 0, 1))
    assert set(found.placed.jobs[0].placement.gpu_of_rank.tolist()) == {2, 3, 4, 8}


def test_out_of_the_others_way():
    """Of two places that cost a job the same it takes the one where it meets nobody on an uplink."""
    cluster = grid_cluster(6, 1, 4, uplinks=(None, 10.0))
    four = grid_workload(dp=4, families=[("dp", "all_reduce", 1.0)])
    before = placed(
        ("hit", 1.0, four, [0, 1, 4, 5], dp(4, 4)),
        ("beside", 1.0, four, [2, 3, 6, 7], dp(4, 4)),
        ("inside", 1.0, four, [8, 9, 10, 11], dp(4, 4)),
        ("across", 1.0, four, [12, 13, 16, 17], dp(4, 4)),
        cluster=cluster,
    )
    found = replan_fleet(before, down(cluster, 0, 1))
    assert check_fleet(found.placed).ok
    assert found.jobs[0].moved == 2
    assert set(found.placed.jobs[0].placement.gpu_of_rank.tolist()) == {20, 21, 4, 5}


def test_roles_go_on(tmp_path):
    """Copies of a served model go whole and keep their memory, and files hold the sizes."""
    cluster = load_topology("lab-4x8")
    fleet = plan_fleet(cluster, load_fleet("lab-rl", cluster), time_limit_s=10.0)
    found = replan_fleet(fleet, with_health(cluster, Health(down=["r1/n1/gpu[0-2]"])))
    assert check_fleet(found.placed).ok
    roles = {each.name: each for each in found.jobs}
    assert roles["rl.trainer"].dp == 2
    rollout = found.placed.jobs[1]
    assert rollout.placement.workload.memory_bytes == fleet.jobs[1].placement.workload.memory_bytes
    assert rollout.size == f"replicas {roles['rl.rollout'].dp}"
    for name, content in fleet_files(found.placed).items():
        (tmp_path / name).write_bytes(content)
    again = read_fleet(tmp_path)
    assert check_fleet(again).ok
    assert [each.sizes for each in again.jobs] == [each.sizes for each in fleet.jobs]


def test_least_that():
    """The least number for which something holds from there on."""
    for most in range(1, 12):
        for first in range(1, 14):
            expected = first if first <= most else None
            assert least_that(lambda n, first=first: n >= first, most) == expected
    assert least_that(lambda _: True, 0) is None
