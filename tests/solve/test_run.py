"""The whole run: objectives, rules, spares, limits, certificates and errors."""

from __future__ import annotations

import itertools
import threading
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from planner.errors import InfeasibleError, InputError, NoPlacementError
from planner.placement.check import check
from planner.placement.crossing import measure
from planner.placement.orders import axis_orders, default_orders
from planner.placement.placement import Objective, Status
from planner.solve import Progress, solve
from planner.solve.bound.tier_bounds import tier_bounds
from planner.solve.construct import Constructions
from planner.solve.hierarchy.hierarchy import candidates
from planner.solve.run import _Run
from planner.solve.setup.control import Control
from planner.solve.setup.problem import Problem
from planner.solve.walks import restarts
from tests.benchmarks.instances import instances
from tests.builders import grid_cluster, grid_workload, ragged_cluster
from tests.solve.grids import widths_upwards

FAMILIES = [("tp", "all_reduce", 40.0), ("dp", "all_reduce", 7.0), ("pp", "path", 3.0)]


def irregular(seed):
    """A ragged two-tier cluster with GPUs down, and a job that nearly fills it."""
    rng = np.random.default_rng(seed)
    nested = [
        [int(n) for n in rng.integers(3, 9, int(rng.integers(2, 5)))] for _ in range(int(rng.integers(2, 4)))
    ]
    gpus = sum(map(sum, nested))
    down = sorted(rng.choice(gpus, gpus // 12, replace=False).tolist())
    tp, pp = int(rng.choice([1, 2])), int(rng.choice([1, 2, 4]))
    cp, ep = ((1, 1), (2, 1), (1, 2))[int(rng.integers(3))]
    dp = max(1, (gpus - len(down)) * 9 // 10 // (tp * pp * cp) // ep) * ep
    families = [*FAMILIES, (("cp", "dp"), "all_gather", 2.0)]
    families += [("ep", "all_to_all", 2.0)] if ep > 1 else []
    families += [("cp", "ring", 5.0)] if cp > 1 else []
    uplinks = (float(rng.integers(5, 20)), [float(u) for u in rng.integers(10, 40, len(nested))])
    cluster = ragged_cluster(nested, uplinks=uplinks, down=down)
    return cluster, grid_workload(tp=tp, cp=cp, ep=ep, dp=dp, pp=pp, families=families)


def claims_are_true(result):
    """Whether the claims are what is counted, with every bound below its value."""
    placement = result.placement
    claims = placement.claims
    counted = measure(placement.cluster, placement.workload, placement.gpu_of_rank)
    assert len(set(placement.gpu_of_rank.tolist())) == placement.workload.mesh.world_size
    assert placement.cluster.gpu_in_service[placement.gpu_of_rank].all()
    assert [t.crossing_bytes for t in claims.tiers] == list(counted.tier_bytes)
    assert claims.value == counted.value(claims.objective)
    assert claims.weighted_s == counted.weighted_s
    assert claims.lower_bound <= claims.value
    assert all(0 <= t.lower_bound_bytes <= t.crossing_bytes for t in claims.tiers)
    assert (claims.status is Status.OPTIMAL) == (claims.lower_bound == claims.value)
    return counted


@pytest.mark.usefixtures("short_walks")
@pytest.mark.parametrize("seed", range(15))
def test_never_worse_than_any_default_order(seed):
    """On irregular clusters no framework's order is better, under any objective; claims are counted."""
    cluster, job = irregular(seed)
    objective = list(Objective)[seed % 3]
    result = solve(cluster, job, objective=objective, time_limit_s=0.7, workers=2)
    claims_are_true(result)
    for order in default_orders(cluster, job, cluster.gpu_in_service):
        if order.gpu_of_rank is not None:
            other = measure(cluster, job, order.gpu_of_rank).value(objective)
            assert result.objective <= other * (1 + 1e-12), order.name


def test_better_than_every_order_of_the_axes_where_boxes_tile():
    """On 16 nodes of 8 the 2 x 4 boxes of an 8 x 16 grid are found and proven; no order of axes has them."""
    cluster = grid_cluster(16, 8, uplinks=(1.0,))
    job = grid_workload(dp=16, pp=8, families=[("dp", "all_reduce", 1.0), ("pp", "path", 1.0)])
    result = solve(cluster, job, workers=2)
    assert result.status is Status.OPTIMAL
    assert claims_are_true(result).tier_bytes[0] == 2 * 8 * 3 + 16 * 3
    orders = [measure(cluster, job, o.gpu_of_rank) for o in axis_orders(cluster, job, cluster.gpu_in_service)]
    assert result.objective < min(order.weighted_s for order in orders)


def test_constructions_know_true_floors(monkeypatch):
    """The floors that constructions are pruned by lie below what every level of every one costs."""
    seen, stop = [], threading.Event()

    def watched(tree, costs, rules, floors, control, learn, _least, _start):
        for widths in candidates(tree, costs, rules, floors, control, learn):
            seen.append((tree, costs, floors, widths))
            yield widths
            stop.set()

    monkeypatch.setattr("planner.solve.steps.candidates", watched)
    # Such a small job would be proven before: by what it costs at all, or by its bounds.
    monkeypatch.setattr("planner.solve.run._Run.near", property(lambda _: False))
    monkeypatch.setattr("planner.solve.run._Run.attempt", lambda _: False)
    cluster = ragged_cluster([[5, 4, 3], [4, 3, 5], [5, 2, 4]], uplinks=(6.0, 5.0))
    job = grid_workload(dp=7, pp=5, families=[("dp", "all_reduce", 3.0), ("pp", "path", 5.0)])
    solve(cluster, job, time_limit_s=40.0, stop=stop)
    assert seen
    for tree, costs, floors, widths in seen:
        reached = [costs.domain_bytes(each).sum() for each in widths_upwards(tree, widths)]
        for level, floor, summed in zip(tree.levels[:-1], floors, reached, strict=False):
            assert floor <= level.weight * summed + 1e-9


def test_attempts_grow_longer_or_follow_a_better_placement(monkeypatch):
    """An exact search between steps is left out where the last took as long and nothing was found since."""
    cluster = ragged_cluster([[4, 4], [4, 3]], uplinks=(4.0, 2.0))
    problem = Problem(
        cluster, grid_workload(dp=3, pp=5, families=FAMILIES[1:]), Objective.WEIGHTED, cluster.gpu_in_service
    )
    run, limits = _Run(problem, Control(10.0), None), []
    run.sketch()
    run.built, run.begun = run.begun, None
    monkeypatch.setattr(run, "prove_widths", lambda _, limit_s, **__: limits.append(limit_s))
    run.attempt()
    run.attempt()
    assert limits == pytest.approx([0.3, 0.6])
    run.control.started -= 8.0
    run.attempt()
    assert len(limits) == 2
    run.best = replace(run.best)
    run.attempt()
    assert len(limits) == 3
    assert limits[2] < 0.5


@pytest.mark.usefixtures("short_walks")
@pytest.mark.parametrize(
    ("stages", "replicas", "nodes", "room", "most"), [(16, 64, 128, 8, 928), (36, 80, 320, 9, 2781)]
)
def test_published_instances(stages, replicas, nodes, room, most):
    """The reference instances with S = V = 1: the optimum, and no worse than a partitioner."""
    cluster = grid_cluster(nodes, room, uplinks=(1.0,))
    job = grid_workload(dp=replicas, pp=stages, families=[("dp", "all_reduce", 1.0), ("pp", "path", 1.0)])
    result = solve(cluster, job, workers=2)
    assert claims_are_true(result).tier_bytes[0] <= most
    assert result.placement.claims.tiers[0].lower_bound_bytes == {928: 928, 2781: 2728}[most]


@pytest.mark.usefixtures("short_walks")
def test_objectives_rank_differently():
    """Each objective's own placement is the best of the three by that objective."""
    cluster = ragged_cluster([[4, 4], [3, 3]], uplinks=([9.0, 2.0, 5.0, 1.0], [3.0, 20.0]))
    job = grid_workload(dp=3, pp=4, families=FAMILIES[1:])
    found = {o: solve(cluster, job, objective=o, workers=2).placement for o in Objective}
    for objective in Objective:
        values = {o: measure(cluster, job, p.gpu_of_rank).value(objective) for o, p in found.items()}
        assert values[objective] <= min(values.values()) * (1 + 1e-9)


def test_objectives_by_name():
    """Objectives may be given by name; other names are refused."""
    cluster, job = grid_cluster(2, 4, uplinks=(1.0,)), grid_workload(dp=8, families=FAMILIES[1:2])
    assert solve(cluster, job, objective="bottleneck").placement.claims.objective is Objective.BOTTLENECK
    with pytest.raises(ValueError, match="fastest"):
        solve(cluster, job, objective="fastest")


def test_spares_stay_free():
    """Spare GPUs hold no rank while the job fits without them, even where they would save bytes."""
    cluster = ragged_cluster([4, 2, 2], uplinks=(1.0,), spare=(0, 1, 2, 3))
    job = grid_workload(dp=4, families=[("dp", "all_reduce", 1.0)])
    result = solve(cluster, job)
    assert not cluster.gpu_spare[result.placement.gpu_of_rank].any()
    assert result.objective > 0
    assert result.status is Status.OPTIMAL


def test_spares_are_used_where_needed():
    """A job that does not fit otherwise uses spares: for want of GPUs, or of room for a rule."""
    cluster = ragged_cluster([4, 2, 2], uplinks=(1.0,), spare=(0, 1, 2, 3))
    families = [("dp", "all_reduce", 1.0)]
    large = solve(cluster, grid_workload(dp=6, families=families))
    assert cluster.gpu_spare[large.placement.gpu_of_rank].any()
    ruled = solve(cluster, grid_workload(dp=4, families=families, keep={"dp": "node"}))
    assert ruled.placement.gpu_of_rank.tolist() == [0, 1, 2, 3]


@pytest.mark.usefixtures("short_walks")
@pytest.mark.parametrize(
    ("keep", "job"),
    [
        ({"tp": "node"}, {"tp": 4, "dp": 6, "pp": 2}),
        ({"tp": "node", "dp": "rack"}, {"tp": 4, "dp": 4, "pp": 3}),
        ({"pp": "rack"}, {"tp": 2, "dp": 6, "pp": 4}),
        ({"tp": "node", "pp": "rack"}, {"tp": 4, "dp": 5, "pp": 2}),
        ({"cp": "node"}, {"tp": 2, "cp": 2, "dp": 4, "pp": 2}),
        ({"ep": "rack"}, {"tp": 2, "dp": 12, "ep": 4, "pp": 2}),
        ({"tp": "node", "cp": "rack"}, {"tp": 2, "cp": 4, "dp": 2, "pp": 2}),
    ],
    ids=str,
)
def test_rules_are_kept(keep, job):
    """Every group of a ruled axis sits in one domain of its tier, on a ragged cluster."""
    cluster = ragged_cluster([[8, 7, 8], [8, 8, 5], [8, 8, 8]], uplinks=(3.0, 5.0), down=(3, 60))
    families = [*FAMILIES, (("cp", "dp"), "all_gather", 2.0)]
    workload = grid_workload(**job, families=families, keep=keep)
    result = solve(cluster, workload, time_limit_s=1.0, workers=2)
    claims_are_true(result)
    mesh, ranks = workload.mesh, np.arange(workload.mesh.world_size)
    for axis, tier in keep.items():
        basis = ("tp", "ep", "edp", "pp") if axis == "ep" else ("tp", "cp", "dp", "pp")
        others = np.stack([mesh.coordinate(each, ranks) for each in basis if each != axis])
        _, group = np.unique(others, axis=1, return_inverse=True)
        domain = cluster.domain_of_gpu[cluster.tier_index(tier)][result.placement.gpu_of_rank]
        pairs = set(zip(group.reshape(-1).tolist(), domain.tolist(), strict=True))
        assert len(pairs) == group.max() + 1, axis


def test_rules_are_not_free():
    """A rule never lowers value or bound."""
    cluster = ragged_cluster([3, 3, 2], uplinks=(1.0,))
    free = grid_workload(tp=2, dp=3, families=FAMILIES[1:2])
    ruled = grid_workload(tp=2, dp=3, families=FAMILIES[1:2], keep={"tp": "node"})
    results = [solve(cluster, job) for job in (free, ruled)]
    assert results[0].objective < results[1].objective
    assert results[0].lower_bound < results[1].lower_bound


def test_the_trace_improves():
    """Time runs on; for each placement found the value falls, bounds rise, and progress tells the same."""
    cluster, job = irregular(3)
    told = []
    result = solve(cluster, job, objective="bottleneck", time_limit_s=1.0, workers=2, progress=told.append)
    assert tuple(told) == result.trace
    assert all(isinstance(each, Progress) for each in told)
    pairs = list(itertools.pairwise(told))
    assert all(after.elapsed_s >= before.elapsed_s for before, after in pairs)
    assert all(after.value <= before.value for before, after in pairs)
    assert all(after.lower_bound >= before.lower_bound for before, after in pairs)
    assert all(each.lower_bound <= each.value and each.gap >= 0 for each in told)
    assert told[-1].value == result.objective


def test_a_stop_returns_the_incumbent():
    """The event set at the first placement ends the run with a checked placement, marked interrupted."""
    cluster, job = irregular(2)
    stop, told = threading.Event(), []

    def watch(progress):
        told.append(progress)
        if np.isfinite(progress.value):
            stop.set()

    result = solve(cluster, job, stop=stop, progress=watch, time_limit_s=600.0, workers=2)
    assert result.interrupted
    claims_are_true(result)


def test_a_stop_before_the_start_still_places():
    """With the event set beforehand there is still a placement, and its bound holds."""
    cluster, job = irregular(1)
    stop = threading.Event()
    stop.set()
    result = solve(cluster, job, stop=stop, workers=2)
    assert result.interrupted
    claims_are_true(result)


def test_without_time_there_is_a_placement():
    """A limit of almost nothing still gives a placement whose claims are true."""
    cluster, job = irregular(4)
    result = solve(cluster, job, time_limit_s=1e-6, workers=2)
    assert not result.interrupted
    claims_are_true(result)


@pytest.mark.usefixtures("walks")
@pytest.mark.parametrize("seed", [1, 4, pytest.param(5, marks=pytest.mark.slow)])
def test_deterministic_runs_agree(seed, monkeypatch):
    """Two deterministic runs have the same bytes of ranks, the same values and bounds in their traces."""
    monkeypatch.setattr("planner.solve.run.EXACT_WORK_S", 0.1)
    cluster, job = irregular(seed)
    runs = [solve(cluster, job, deterministic=True, seed=7) for _ in range(2)]
    assert runs[0].placement.gpu_of_rank.tobytes() == runs[1].placement.gpu_of_rank.tobytes()
    first, second = ([(p.value, p.lower_bound, p.phase) for p in run.trace] for run in runs)
    assert first == second


@pytest.mark.usefixtures("short_walks")
def test_tiers_together_prove_what_they_do_not_alone(monkeypatch):
    """Tiers that pull against each other are proven optimal by their joint bound, without an exact search."""
    monkeypatch.setattr("planner.solve.run.uncut_layout", lambda *_: None)
    monkeypatch.setattr("planner.solve.run.fits_exact_model", lambda _: False)
    instance = next(each for each in instances() if each.name == "two tiers 1")
    result = solve(instance.cluster, instance.workload, time_limit_s=20.0)
    assert result.status is Status.OPTIMAL
    alone = sum(
        claim.lower_bound_bytes / uplink
        for claim, uplink in zip(
            result.placement.claims.tiers, instance.cluster.tier_uplink_bytes_per_s, strict=True
        )
        if uplink
    )
    assert alone < result.objective * 0.98


@pytest.mark.usefixtures("short_walks")
def test_walks_of_large_jobs_go_on_from_one_bound_to_the_next(monkeypatch):
    """Bounds of single tiers do not cut off the draft: all together are bounded in the same block."""
    monkeypatch.setattr("planner.solve.walks.restarts.PAIRED_CELLS", 1)
    monkeypatch.setattr("planner.solve.run.uncut_layout", lambda *_: None)
    told, walking, bound, stop = [], Constructions.walking, Constructions.bound, threading.Event()

    @contextmanager
    def block(work, offer):
        told.append("begins")
        with walking(work, offer):
            yield
        told.append("ends")
        stop.set()

    monkeypatch.setattr(Constructions, "walking", block)
    monkeypatch.setattr(Constructions, "bound", lambda *asked: told.append("bounds") or bound(*asked))
    instance = next(each for each in instances() if each.name == "three tiers 2")
    solve(instance.cluster, instance.workload, time_limit_s=60.0, workers=2, stop=stop)
    assert told == ["begins", "bounds", "ends"]


@pytest.mark.usefixtures("short_walks")
@pytest.mark.parametrize("lacking", [False, True])
def test_all_tiers_are_bounded_together_once(lacking, monkeypatch):
    """Also in jobs that end once they are near enough, and where loops are compiled after other bounds."""
    monkeypatch.setattr("planner.solve.walks.restarts.PAIRED_CELLS", 1)
    monkeypatch.setattr("planner.solve.run.uncut_layout", lambda *_: None)
    told, bound, stop = [], Constructions.bound, threading.Event()

    def bounded(work, floors):
        told.append("bounds")
        stop.set()
        return bound(work, floors)

    monkeypatch.setattr(Constructions, "bound", bounded)
    if lacking:
        answers = iter([False])
        paired = restarts.is_paired
        monkeypatch.setattr(
            "planner.solve.construct.is_paired",
            lambda *job: next(answers, None) is not False and paired(*job),
        )
    else:
        monkeypatch.setattr("planner.solve.run.LARGE_RANKS", 1)
    instance = next(each for each in instances() if each.name == "three tiers 2")
    solve(instance.cluster, instance.workload, time_limit_s=60.0 if lacking else None, workers=2, stop=stop)
    assert told == ["bounds"]


def test_too_few_gpus_are_infeasible():
    """The message says how many GPUs are missing."""
    with pytest.raises(InfeasibleError, match="2 more than the 6 GPUs"):
        solve(grid_cluster(2, 4, down=(0, 7)), grid_workload(dp=8))


def test_rules_that_fail_are_named_with_their_shortfall():
    """The message names the rule and how many groups are too many."""
    with pytest.raises(InfeasibleError, match=r"keep: \{tp: node\} fails: 4 groups .* 1 too few"):
        solve(ragged_cluster([3, 3, 2]), grid_workload(tp=2, dp=4, keep={"tp": "node"}))


def test_stages_that_need_more_memory_than_there_is():
    """A stage over a GPU's memory is refused before any search."""
    job = grid_workload(dp=2, pp=2, memory=(90e9, 70e9))
    with pytest.raises(InfeasibleError, match="stage 0"):
        solve(grid_cluster(2, 4), job)


def test_no_placement_found_is_not_called_infeasible(monkeypatch):
    """Where constructions fail, orders break a rule and the exact model is off, nothing is proven."""
    monkeypatch.setattr("planner.solve.run.fits_exact_model", lambda _: False)
    job = grid_workload(dp=2, pp=2, keep={"dp": "node", "pp": "node"})
    with pytest.raises(NoPlacementError) as caught:
        solve(ragged_cluster([2, 2]), job)
    assert caught.value.problems[0].code == "S004"
    assert caught.value.exit_code == 5


def test_rules_of_tiers_that_do_not_exist():
    """A rule that names a tier the cluster lacks is a mistake of the input."""
    with pytest.raises(InputError, match="pod"):
        solve(grid_cluster(2, 4), grid_workload(dp=8, keep={"dp": "pod"}))


def test_one_rank_and_one_gpu():
    """The smallest job is placed, crosses nothing and is optimal with no gap."""
    result = solve(grid_cluster(1), grid_workload())
    assert (result.objective, result.lower_bound, result.gap) == (0.0, 0.0, 0.0)
    assert result.status is Status.OPTIMAL
    assert result.placement.gpu_of_rank.tolist() == [0]


def test_spares_where_rules_need_them():
    """Spares are used where the job has GPUs enough without them, but not in the domains its rules want."""
    cluster = ragged_cluster([2, 2, 4], spare=(4, 5, 6, 7), uplinks=(1,))
    job = grid_workload(
        dp=2, pp=2, keep={"dp": "node", "pp": "node"}, families=[("dp", "all_reduce", 1), ("pp", "path", 1)]
    )
    result = solve(cluster, job)
    assert sorted(result.placement.gpu_of_rank.tolist()) == [4, 5, 6, 7]
    assert check(result.placement).ok


def test_a_job_keeps_to_the_gpus_it_is_allowed():
    """No rank outside them; spares among them stay free, and a bound on fewer GPUs is no lower."""
    cluster = grid_cluster(2, 3, 4, uplinks=(5.0, 20.0), spare=[4])
    job = grid_workload(dp=4, pp=2, families=[("dp", "all_reduce", 7.0), ("pp", "path", 3.0)])
    allowed = np.zeros(cluster.gpus, np.bool_)
    allowed[[0, 1, 4, 5, 6, 9, 10, 13, 14]] = True
    result = solve(cluster, job, allowed=allowed)
    assert set(result.placement.gpu_of_rank.tolist()) == {0, 1, 5, 6, 9, 10, 13, 14}
    free = tier_bounds(Problem(cluster, job, Objective.WEIGHTED, cluster.gpu_in_service), Control(5.0))
    assert free.tolist() <= [claim.lower_bound_bytes for claim in result.placement.claims.tiers]
    assert solve(cluster, job).objective < result.objective
