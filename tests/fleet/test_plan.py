"""Planning fleets: against trying everything, and what must hold whatever the fleet."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st

from planner.errors import InfeasibleError
from planner.fleet.check import check_fleet
from planner.fleet.plan import plan_fleet
from tests.builders import grid_cluster, grid_workload, ragged_cluster
from tests.fleet.brute_force import best_value
from tests.fleet.fleets import described, elastic, fleet, fleet_of, job, pin, random_instance, tier_rule

LIMIT_S = 10.0
EXACT = 1 + 1e-9
# Of each kind of cluster and rule there is one among them; the slow ones try many more.
SEEDS = range(10)
RELAXED = settings(
    max_examples=5, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


@pytest.mark.parametrize("seed", SEEDS)
def test_tiny_fleets_are_planned_best(seed):
    """Two jobs, rules among some: the value is the least there is, the bound no larger, nothing missed."""
    cluster, made, rules = random_instance(seed)
    best = best_value(cluster, made, rules)
    if np.isinf(best):
        with pytest.raises(InfeasibleError):
            plan_fleet(cluster, fleet_of(made, rules), time_limit_s=LIMIT_S)
        return
    placed = plan_fleet(cluster, fleet_of(made, rules), time_limit_s=LIMIT_S)
    assert check_fleet(placed).ok
    assert placed.claims.value_s == pytest.approx(best, rel=1e-9)
    assert placed.claims.lower_bound_s <= best * EXACT


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 250))
def test_more_tiny_fleets(seed):
    """As above, many more."""
    test_tiny_fleets_are_planned_best(seed)


@given(seed=st.integers(0, 10_000), more=st.integers(0, 10_000))
@RELAXED
def test_a_new_job_moves_nobody(seed, more):
    """A job added to a fleet that runs leaves every rank where it was, and takes only what is free."""
    cluster, made, _ = random_instance(seed)
    try:
        before = plan_fleet(cluster, fleet_of(made[:1], ()), time_limit_s=LIMIT_S)
        (added, priority), *_ = random_instance(more)[1]
        running = job("runs", made[0][0], running=before.jobs[0].placement)
        after = plan_fleet(cluster, fleet(running, job("new", added, priority)), time_limit_s=LIMIT_S)
    except InfeasibleError:
        reject()
    old, new = (each.placement.gpu_of_rank.tolist() for each in after.jobs)
    assert old == before.jobs[0].placement.gpu_of_rank.tolist()
    assert not {*old} & {*new}
    assert check_fleet(after).ok


@pytest.mark.parametrize("seed", range(6))
def test_beside_a_running_job_the_new_one_is_placed_best(seed):
    """With one job where it is, no other place of the second has a smaller value."""
    cluster, made, _ = random_instance(seed)
    first = plan_fleet(cluster, fleet_of(made[:1], ()), time_limit_s=LIMIT_S).jobs[0].placement
    free = cluster.gpu_in_service.copy()
    free[first.gpu_of_rank] = False
    fixed = (*made[0], cluster.gpu_node[first.gpu_of_rank])
    best = best_value(cluster, [fixed, made[1]], free=free)
    jobs = [job("runs", *made[0], running=first), job("new", *made[1])]
    if np.isinf(best):
        with pytest.raises(InfeasibleError):
            plan_fleet(cluster, fleet(*jobs), time_limit_s=LIMIT_S)
        return
    placed = plan_fleet(cluster, fleet(*jobs), time_limit_s=LIMIT_S)
    assert placed.claims.value_s == pytest.approx(best, rel=1e-9)


@pytest.mark.slow
@given(seed=st.integers(0, 10_000), turn=st.integers(1, 3))
@RELAXED
def test_names_of_racks_do_not_matter(seed, turn):
    """The same racks in another order, and the jobs too, give the same value and bound."""
    rng = np.random.default_rng(seed)
    racks = [[int(n) for n in rng.integers(1, 4, 2)] for _ in range(3)]
    cluster = ragged_cluster(racks, uplinks=(3.0, 5.0))
    turned = ragged_cluster(racks[turn % 3 :] + racks[: turn % 3], uplinks=(3.0, 5.0))
    made = random_instance(seed)[1]
    assume(sum(workload.mesh.world_size for workload, _ in made) <= cluster.gpus)
    try:
        one = plan_fleet(cluster, fleet_of(made, ()), time_limit_s=LIMIT_S).claims
    except InfeasibleError:
        with pytest.raises(InfeasibleError):
            plan_fleet(turned, fleet_of(made[::-1], ()), time_limit_s=LIMIT_S)
        return
    other = plan_fleet(turned, fleet_of(made[::-1], ()), time_limit_s=LIMIT_S).claims
    assert other.value_s == pytest.approx(one.value_s, rel=1e-9)
    assert other.lower_bound_s == pytest.approx(one.lower_bound_s, rel=1e-9)


def test_jobs_share_no_uplink_that_they_need_not():
    """Two jobs of a rack and a half each, on four racks: only where they must lie in one do they."""
    cluster = grid_cluster(4, 2, 4, uplinks=(10.0, 10.0))
    wide = grid_workload(dp=12, families=[("dp", "all_reduce", 5.0)])
    placed = plan_fleet(cluster, fleet(job("a", wide), job("b", wide)), time_limit_s=LIMIT_S)
    assert [each.domains for each in placed.claims.shared] == [0, 0, 0]
    full = grid_cluster(3, 2, 4, uplinks=(10.0, 10.0))
    placed = plan_fleet(full, fleet(job("a", wide), job("b", wide)), time_limit_s=LIMIT_S)
    assert [each.domains for each in placed.claims.shared] == [0, 1, 0]
    assert placed.claims.shared_s > 0


def test_a_job_alone_is_planned_as_without_a_fleet():
    """Its bound is the solver's own, and what it pays its priority's multiple."""
    cluster = grid_cluster(2, 2, 4, uplinks=(10.0, 10.0))
    work = grid_workload(tp=2, dp=4, families=[("dp", "all_reduce", 5.0), ("tp", "all_reduce", 50.0)])
    placed = plan_fleet(cluster, fleet(job("only", work, 3.0)), time_limit_s=LIMIT_S)
    assert placed.claims.value_s == 3.0 * placed.jobs[0].placement.claims.value
    assert placed.claims.status == "optimal"


def test_elastic_jobs_share_what_is_left_by_priority():
    """Of twelve GPUs beyond the least, the job of priority 2 gets twice as many."""
    cluster = grid_cluster(4, 4, uplinks=(10.0,))
    jobs = [elastic("low", described(1), range(1, 17)), elastic("high", described(1), range(1, 17), 2.0)]
    placed = plan_fleet(cluster, fleet(job("fixed", described(2)), *jobs), time_limit_s=LIMIT_S)
    assert [each.placement.workload.mesh.dp for each in placed.jobs] == [2, 5, 9]
    assert [each.size for each in placed.jobs] == [None, "dp 5", "dp 9"]


def test_an_elastic_job_stops_where_a_rule_stops_it():
    """Kept in one rack it takes the rack, and the other job the rest."""
    cluster = grid_cluster(2, 4, 2, uplinks=(10.0, 10.0))
    jobs = [elastic("kept", described(1), range(1, 17)), elastic("other", described(1), range(1, 17))]
    rules = [tier_rule("together", [0], 1)]
    placed = plan_fleet(cluster, fleet(*jobs, rules=rules), time_limit_s=LIMIT_S)
    assert [each.placement.workload.mesh.dp for each in placed.jobs] == [8, 8]
    assert check_fleet(placed).ok


def test_a_pinned_job_lies_where_it_is_pinned():
    """And another goes elsewhere, though it would have been at home there."""
    cluster = grid_cluster(2, 2, 4, uplinks=(10.0, 10.0))
    work = grid_workload(dp=4, families=[("dp", "all_reduce", 5.0)])
    pins = [pin(1, cluster, range(4, 8)), pin(0, cluster, range(8))]
    placed = plan_fleet(cluster, fleet(job("a", work), job("b", work), rules=pins), time_limit_s=LIMIT_S)
    assert [sorted(each.placement.gpu_of_rank.tolist()) for each in placed.jobs] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
    ]


def test_spares_stay_free():
    """No job of a fleet lies on a spare."""
    cluster = grid_cluster(2, 2, 4, uplinks=(10.0, 10.0), spare=[0, 5, 10, 15])
    work = grid_workload(dp=6, families=[("dp", "all_reduce", 5.0)])
    placed = plan_fleet(cluster, fleet(job("a", work), job("b", work)), time_limit_s=LIMIT_S)
    held = np.concatenate([each.placement.gpu_of_rank for each in placed.jobs])
    assert not cluster.gpu_spare[held].any()
    assert check_fleet(placed).ok


def test_deterministic_runs_repeat_themselves():
    """The same fleet and seed give the same tables."""
    cluster, made, rules = random_instance(7)
    tables = [
        [
            each.placement.gpu_of_rank.tolist()
            for each in plan_fleet(cluster, fleet_of(made, rules), seed=5, deterministic=True).jobs
        ]
        for _ in range(2)
    ]
    assert tables[0] == tables[1]


def test_an_interrupted_run_places_every_job():
    """Stopped from the start, there is still a placement of each, and it passes the check."""
    stop = threading.Event()
    stop.set()
    cluster = grid_cluster(2, 2, 4, uplinks=(10.0, 10.0))
    work = grid_workload(dp=4, pp=2, families=[("dp", "all_reduce", 5.0), ("pp", "path", 2.0)])
    placed = plan_fleet(cluster, fleet(job("a", work), job("b", work)), stop=stop)
    assert check_fleet(placed).ok


def test_progress_says_whose_it_is():
    """Every improvement comes with the name of its job."""
    told = []
    cluster, made, _ = random_instance(7)
    plan_fleet(cluster, fleet_of(made, ()), progress=lambda name, each: told.append((name, each.value)))
    assert {name for name, _ in told} == {"j0", "j1"}


def test_a_job_that_runs_counts_as_it_is_on_the_cluster_of_now():
    """Its uplink time is recounted where uplinks have changed, and it stays where it was."""
    cluster = grid_cluster(2, 2, 4, uplinks=(10.0, 10.0))
    work = grid_workload(dp=8, families=[("dp", "all_reduce", 5.0)])
    before = plan_fleet(cluster, fleet(job("a", work)), time_limit_s=LIMIT_S).jobs[0].placement
    slower = grid_cluster(2, 2, 4, uplinks=(5.0, 10.0))
    after = plan_fleet(slower, fleet(job("a", work, running=replace(before))), time_limit_s=LIMIT_S)
    assert after.jobs[0].placement.claims.weighted_s == 2 * before.claims.weighted_s
    assert check_fleet(after).ok


def test_racks_that_only_look_alike_are_told_apart():
    """Two jobs pinned to two GPUs of each node: to the same in the first, to different ones in the second."""
    cluster = grid_cluster(2, 4, uplinks=(10.0,))
    pins = [pin(0, cluster, [0, 1, 4, 5]), pin(1, cluster, [0, 1, 6, 7])]
    work = grid_workload(dp=3, families=[("dp", "all_reduce", 5.0)])
    small = grid_workload(dp=1, families=[])
    for jobs in ([job("a", work), job("b", work)], [job("a", small), job("b", work)]):
        placed = plan_fleet(cluster, fleet(*jobs, rules=pins), time_limit_s=LIMIT_S)
        assert check_fleet(placed).ok
