"""The solver against the exhaustive optimum, with the exact model and without it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from planner.errors import InfeasibleError, NoPlacementError
from planner.placement.crossing import measure
from planner.placement.placement import Objective, Status
from planner.solve import solve
from planner.solve.exact.exact import fits_exact_model, solve_exactly
from planner.solve.setup.control import Control
from planner.solve.setup.feasible import rules_hold
from planner.solve.setup.problem import Problem
from tests.builders import grid_cluster, grid_workload, ragged_cluster
from tests.solve.brute_force import optimum, tier_minima
from tests.solve.instances import random_instance

CHUNK = 20
ALL = 320
QUICK = 80


def chunk(first):
    """Some seeds as a parameter, slow unless they are among the first."""
    marks = () if first < QUICK else pytest.mark.slow
    return pytest.param(range(first, first + CHUNK), id=f"seeds {first}-{first + CHUNK - 1}", marks=marks)


CHUNKS = [chunk(first) for first in range(0, ALL, CHUNK)]
RELATIVE = 1e-9


def at_most(value, limit):
    """Whether a value is no more than a limit, but for rounding."""
    return value <= limit * (1 + RELATIVE)


def equal(value, other):
    """Whether two values are the same, but for rounding."""
    return at_most(value, other) and at_most(other, value)


def solved(cluster, workload, objective):
    """The result of one worker, None where the job cannot be placed."""
    try:
        return solve(cluster, workload, objective=objective, workers=1)
    except InfeasibleError:
        return None


@cache
def exhaustive(seed):
    """The exhaustive optimum of a random instance."""
    cluster, workload, objective = random_instance(seed)
    return optimum(cluster, workload, objective, cluster.gpu_in_service)


def no_exact_model(monkeypatch):
    """Leave the solver to its constructions and bounds."""
    monkeypatch.setattr("planner.solve.run.fits_exact_model", lambda _: False)


@pytest.mark.usefixtures("walks")
@pytest.mark.parametrize("seeds", CHUNKS)
def test_small_jobs_are_optimal(seeds):
    """Value, bound and tie-break equal the exhaustive optimum; infeasible exactly where no way exists."""
    for seed in seeds:
        cluster, workload, objective = random_instance(seed)
        best = exhaustive(seed)
        result = solved(cluster, workload, objective)
        assert (result is None) == (best is None), f"seed {seed}"
        if best is None:
            continue
        value, tie = best
        assert equal(result.objective, value), f"seed {seed}"
        assert equal(result.lower_bound, value), f"seed {seed}"
        assert equal(result.placement.claims.weighted_s, tie), f"seed {seed}"
        assert result.status is Status.OPTIMAL, f"seed {seed}"


@pytest.mark.usefixtures("walks")
@pytest.mark.parametrize("seeds", CHUNKS)
def test_bounds_and_placements_without_the_exact_model(seeds, monkeypatch):
    """Constructions never beat the optimum, bounds never exceed it, for the objective and each tier."""
    no_exact_model(monkeypatch)
    for seed in seeds:
        cluster, workload, objective = random_instance(seed)
        best = exhaustive(seed)
        try:
            result = solved(cluster, workload, objective)
        except NoPlacementError:
            assert workload.keep, f"seed {seed}"
            continue
        if best is None or result is None:
            assert best is None, f"seed {seed}"
            assert result is None, f"seed {seed}"
            continue
        assert at_most(best[0], result.objective), f"seed {seed}"
        assert at_most(result.lower_bound, best[0]), f"seed {seed}"
        minima = tier_minima(cluster, workload, cluster.gpu_in_service)
        for claim, least in zip(result.placement.claims.tiers, minima, strict=False):
            assert at_most(claim.lower_bound_bytes, least), f"seed {seed}, {claim.tier}"
            assert at_most(claim.lower_bound_bytes, claim.crossing_bytes), f"seed {seed}, {claim.tier}"


@pytest.mark.parametrize("seed", [1344, 2477])
def test_hard_instances(seed):
    """Instances that once went wrong: a bound from rounding alone, and a model called infeasible."""
    cluster, workload, objective = random_instance(seed)
    value, tie = exhaustive(seed)
    result = solved(cluster, workload, objective)
    assert equal(result.objective, value)
    assert equal(result.lower_bound, value)
    assert equal(result.placement.claims.weighted_s, tie)


def test_every_objective_and_outcome_is_drawn():
    """The random instances hold all objectives, rules, GPUs down and jobs that cannot be placed."""
    drawn = [random_instance(seed) for seed in range(ALL)]
    assert {objective for _, _, objective in drawn} == set(Objective)
    assert sum(bool(workload.keep) for _, workload, _ in drawn) > 20
    assert sum(not cluster.gpu_in_service.all() for cluster, _, _ in drawn) > 100
    assert all(cluster.gpus <= 8 for cluster, _, _ in drawn)
    ruled = [seed for seed, (_, workload, _) in enumerate(drawn) if workload.keep]
    assert sum(exhaustive(seed) is None for seed in ruled) > 3


def small_problem(objective=Objective.WEIGHTED, keep=None):
    """Six ranks on ragged nodes, where the exact model has something to decide."""
    cluster = ragged_cluster([[2, 1], [3, 2]], uplinks=(5.0, 7.0), down=(4,))
    families = [("dp", "all_reduce", 4.0), ("pp", "path", 3.0)]
    workload = grid_workload(dp=2, pp=3, families=families, keep=keep)
    return Problem(cluster, workload, objective, cluster.gpu_in_service)


@pytest.mark.parametrize("objective", list(Objective))
def test_the_model_alone_finds_the_optimum(objective):
    """The exact model needs neither a start nor the reduction, and its answer is a placement."""
    problem = small_problem(objective)
    exact = solve_exactly(problem, Control(10.0, workers=1), 10.0)
    found = measure(problem.cluster, problem.workload, exact.gpu_of_rank)
    value, tie = optimum(problem.cluster, problem.workload, objective, problem.available)
    assert exact.proven
    assert found.value(objective) == pytest.approx(value, rel=RELATIVE)
    assert found.weighted_s == pytest.approx(tie, rel=RELATIVE)
    assert exact.bound == pytest.approx(value, rel=1e-6)
    assert at_most(exact.bound, value)
    assert len(set(exact.gpu_of_rank.tolist())) == problem.workload.mesh.world_size
    assert problem.available[exact.gpu_of_rank].all()


@pytest.mark.parametrize("keep", [{"pp": "rack"}, {"dp": "node"}, {"dp": "rack", "pp": "rack"}])
def test_the_model_keeps_rules(keep):
    """Rules hold in the model's answer, which is the best of those that obey them."""
    problem = small_problem(keep=keep)
    exact = solve_exactly(problem, Control(10.0, workers=1), 10.0)
    best = optimum(problem.cluster, problem.workload, problem.objective, problem.available)
    assert (exact.gpu_of_rank is None) == (best is None)
    if best is not None:
        assert rules_hold(problem, exact.gpu_of_rank)
        found = measure(problem.cluster, problem.workload, exact.gpu_of_rank)
        assert found.weighted_s == pytest.approx(best[0], rel=RELATIVE)


def test_the_model_proves_rules_impossible():
    """Two rules that could each hold alone but not together are proven infeasible, with both named."""
    cluster = ragged_cluster([2, 2])
    workload = grid_workload(dp=2, pp=2, keep={"dp": "node", "pp": "node"})
    problem = Problem(cluster, workload, Objective.WEIGHTED, cluster.gpu_in_service)
    exact = solve_exactly(problem, Control(10.0, workers=1), 10.0)
    assert exact.proven
    assert exact.gpu_of_rank is None
    with pytest.raises(InfeasibleError) as caught:
        solve(cluster, workload, workers=1)
    assert caught.value.problems[0].code == "S003"
    assert caught.value.problems[0].expected == "dp inside one node, pp inside one node"


def test_a_start_is_kept_when_there_is_no_time():
    """A search without time hands back the start it was given, unproven."""
    problem = small_problem()
    start = np.flatnonzero(problem.available)[:6].astype(np.int32)
    control = Control(10.0, workers=1)
    control.stop.set()
    exact = solve_exactly(problem, control, 10.0, start)
    worse = measure(problem.cluster, problem.workload, start).weighted_s
    assert measure(problem.cluster, problem.workload, exact.gpu_of_rank).weighted_s <= worse


def test_large_jobs_are_left_to_the_reduction():
    """The exact model takes a job of two nodes and declines one of 4,096 ranks."""
    families = [("dp", "all_reduce", 1.0)]
    for racks, ranks in ((2, 8), (512, 4096)):
        cluster = grid_cluster(racks, 8)
        workload = grid_workload(dp=ranks, families=families)
        problem = Problem(cluster, workload, Objective.WEIGHTED, cluster.gpu_in_service)
        assert fits_exact_model(problem) == (ranks == 8)
