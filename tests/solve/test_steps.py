"""The order of steps: each ends the run where nothing is left to gain, and tells what it proves."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from planner.placement.crossing import measure
from planner.placement.placement import Objective
from planner.solve.construct import Constructions
from planner.solve.seats.stripes import lined_up
from planner.solve.setup.blocks import candidate_blocks
from planner.solve.setup.compiling import InnerLoops
from planner.solve.setup.control import Control
from planner.solve.setup.problem import Problem, lay_out
from planner.solve.steps import Told, placements
from tests.builders import grid_workload, ragged_cluster


@pytest.fixture(autouse=True)
def compiled_before(monkeypatch):
    """No inner loop is still to be compiled, and none was called, whichever tests went before."""
    monkeypatch.setattr(InnerLoops, "lacking", False)
    monkeypatch.setattr(InnerLoops, "called", False)


def constructions(limit_s=60.0):
    """Those of a job of two tiers, after the quick ones."""
    cluster = ragged_cluster([[4, 4], [3, 3], [4, 2]], uplinks=(6.0, 3.0))
    job = grid_workload(dp=4, pp=4, families=[("dp", "all_reduce", 1.0), ("pp", "path", 9.0)])
    problem = Problem(cluster, job, Objective.WEIGHTED, cluster.gpu_in_service)
    work = Constructions(
        problem, lay_out(problem, candidate_blocks(job.mesh)[0]), Control(limit_s, workers=1)
    )
    assert list(work.quick())
    return work


def ran(work, monkeypatch, ends_after):
    """Which steps were made where an attempt says from the given one on that all is done."""
    steps = []

    def step(name):
        return lambda *_: iter(steps.append(name) or ())

    for name in ("draft", "walks", "restarts"):
        monkeypatch.setattr(Constructions, name, step(name))
    for name in ("candidates", "outside_in"):
        monkeypatch.setattr(f"planner.solve.steps.{name}", step(name))
    asked = iter(range(1, 100))
    told = Told(
        learn=lambda *_: None,
        learn_all=lambda _: steps.append("bound"),
        near=lambda: False,
        offer=lambda _: None,
        attempt=lambda: next(asked) >= ends_after,
    )
    assert list(placements(work, np.zeros(3), told, 1.0)) == []
    return steps


@pytest.mark.parametrize(
    ("ends_after", "steps"),
    [
        (1, ["draft"]),
        (2, ["draft", "bound"]),
        (3, ["draft", "bound", "restarts"]),
        (4, ["draft", "bound", "restarts", "outside_in"]),
        (5, ["draft", "bound", "restarts", "outside_in", "candidates", "walks"]),
        (6, ["draft", "bound", "restarts", "outside_in", "candidates", "walks", "walks", "restarts"]),
    ],
)
def test_no_step_follows_a_proof(monkeypatch, ends_after, steps):
    """After each step an exact search is tried, and where that says so the steps end."""
    assert ran(constructions(), monkeypatch, ends_after) == steps


def test_tiers_are_covered_while_walks_are_compiled(monkeypatch):
    """Where walks have yet to be compiled a cover of all tiers comes first."""
    monkeypatch.setattr(InnerLoops, "lacking", True)
    assert ran(constructions(), monkeypatch, 2) == ["outside_in", "draft"]


@pytest.mark.parametrize("lacking", [False, True])
def test_a_tier_is_covered_while_pairs_are_compiled(monkeypatch, lacking):
    """Where pairs have yet to be compiled a cover comes first, and once more where it comes else."""
    job = grid_workload(dp=16, pp=10, families=[("dp", "all_reduce", 1.0), ("pp", "path", 9.0)])
    cluster = ragged_cluster([6] * 20 + [7] * 8)
    problem = Problem(cluster, job, Objective.WEIGHTED, cluster.gpu_in_service)
    work = Constructions(problem, lay_out(problem, candidate_blocks(job.mesh)[0]), Control(60.0, workers=1))
    assert list(work.quick())
    monkeypatch.setattr(InnerLoops, "lacking", lacking)
    monkeypatch.setattr(Constructions, "few", False)
    monkeypatch.setattr(Constructions, "paired", lambda *_: iter(()))
    assert ran(work, monkeypatch, 100) == ["candidates"] * (1 + lacking)


def test_a_tier_is_placed_by_pairs_before_it_is_covered(monkeypatch):
    """A cover yields once it is done; what pairs find in a moment is there before, and where it begins."""
    job = grid_workload(dp=48, pp=5, families=[("dp", "all_reduce", 1.0), ("pp", "path", 9.0)])
    cluster = ragged_cluster([4] * 40 + [5] * 20)
    problem = Problem(cluster, job, Objective.WEIGHTED, cluster.gpu_in_service)
    work = Constructions(problem, lay_out(problem, candidate_blocks(job.mesh)[0]), Control(60.0, workers=1))
    assert list(work.quick())
    before, begins = work.least, []
    monkeypatch.setattr("planner.solve.steps.candidates", lambda *told: begins.append(told[-1]) or iter(()))
    told = Told(
        learn=lambda *_: None,
        learn_all=lambda _: None,
        near=lambda: False,
        offer=lambda _: None,
        attempt=lambda: False,
    )
    assert list(placements(work, np.zeros(2), told, 1.0))
    assert begins[0].sum() == 240
    assert float(work.costs.domain_bytes(begins[0]).sum()) < before


@pytest.mark.parametrize("deterministic", [False, True])
def test_pairs_that_can_begin_at_once_come_before_bounds(monkeypatch, deterministic):
    """Of one tier; where runs repeat themselves it may not matter what the process did before."""
    monkeypatch.setattr(InnerLoops, "called", True)
    job = grid_workload(dp=48, pp=5, families=[("dp", "all_reduce", 1.0), ("pp", "path", 9.0)])
    cluster = ragged_cluster([4] * 40 + [5] * 20)
    problem = Problem(cluster, job, Objective.WEIGHTED, cluster.gpu_in_service)
    control = Control(60.0, workers=1, deterministic=deterministic)
    work = Constructions(problem, lay_out(problem, candidate_blocks(job.mesh)[0]), control)
    first, *better = work.quick()
    crossing = [measure(cluster, job, each).tier_bytes[0] for each in (first, *better)]
    assert bool(better) != deterministic
    assert all(after < before for before, after in pairwise(crossing))


@pytest.mark.parametrize("called", [False, True])
def test_a_rough_draft_by_pairs_takes_the_place_of_the_line(monkeypatch, called):
    """Where its loops were called before; walks beside bounds then leave theirs out."""
    monkeypatch.setattr(InnerLoops, "called", called)
    lines = []
    monkeypatch.setattr("planner.solve.construct.lined_up", lambda *job: lines.append(1) or lined_up(*job))
    work = constructions()
    assert bool(lines) != called
    assert work.beside.rough != called


def test_no_step_follows_the_end_of_the_time(monkeypatch):
    """Once the time is over the step that goes on is the last."""
    work = constructions()
    work.control.stop.set()
    assert ran(work, monkeypatch, 100) == ["draft"]


def test_tiers_that_are_near_are_not_bounded_together():
    """Where the tiers' own bounds are enough, the relaxation over all of them is left out."""
    work, learnt = constructions(), []
    told = Told(
        learn=lambda *each: learnt.append(each),
        learn_all=lambda _: pytest.fail("all tiers were bounded together"),
        near=lambda: True,
        offer=lambda _: None,
        attempt=lambda: bool(learnt),
    )
    list(placements(work, np.zeros(3), told, 1.0))
    assert {tier for tier, _ in learnt} == {0, 1}
