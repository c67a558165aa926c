"""The exact search through nested tiers."""

from __future__ import annotations

import numpy as np
import pytest

from planner.placement.crossing import measure
from planner.placement.placement import Objective
from planner.solve.exact.exact_widths import WidthModel, uncut_layout
from planner.solve.exact.nested import CoverModel, Nest, _Look, whole_weights
from planner.solve.reduction.reduction import reduce_costs
from planner.solve.reduction.vectors import TooManyError, Vectors
from planner.solve.seats.realize import join_replicas, seat_ranks
from planner.solve.setup.blocks import candidate_blocks
from planner.solve.setup.control import Control
from planner.solve.setup.problem import Problem
from tests.builders import grid_workload, ragged_cluster
from tests.solve.brute_force import optimum, tier_minima

RELATIVE = 1e-9
SHAPES = [
    [[2, 2], [2, 2]],
    [[1, 2], [3], [2]],
    [[[1, 1], [2]], [[2, 1], [1]]],
    [3, 3, 2],
    [[2, 1, 2], [2, 1]],
]
LARGER = [
    [[3, 4], [4], [2, 3]],
    [[[2, 2], [3]], [[3, 2], [2]]],
    [4, 5, 3, 4],
    [[3, 3], [3, 3], [3]],
]


def job_on(rng, nested, most_cells):
    """A grid with random payloads on a cluster of this shape with random uplinks and failures."""
    depth, inner = 0, nested
    while isinstance(inner, list):
        depth, inner = depth + 1, inner[0]
    uplinks = [float(rng.integers(1, 9)) for _ in range(depth)]
    gpus = ragged_cluster(nested).gpus
    down = rng.choice(gpus, int(rng.integers(0, 3)), replace=False)
    cluster = ragged_cluster(nested, uplinks=uplinks, down=down)
    cells = min(most_cells, int(cluster.gpu_in_service.sum()))
    stages = int(rng.integers(1, min(cells, 7) + 1))
    replicas = cells // stages
    families = [
        ("dp", "all_reduce", tuple(rng.integers(0, 9, stages).tolist())),
        ("pp", "path", tuple(rng.integers(0, 9, stages - 1).tolist())),
    ]
    families = [each for each in families if any(each[2])] or [("dp", "all_reduce", 1.0)]
    return cluster, grid_workload(dp=replicas, pp=stages, families=families)


def nest_of(cluster, workload):
    """The problem, its layout, its costs and its nest."""
    problem = Problem(cluster, workload, Objective.WEIGHTED, cluster.gpu_in_service)
    blocks = candidate_blocks(workload.mesh)[-1]
    layout, costs = uncut_layout(problem, blocks), reduce_costs(workload.families, blocks)
    return problem, layout, Nest(problem, layout, costs)


def in_order(layout, costs):
    """Width vectors that fill the domains one after the other, stage by stage."""
    stage = np.repeat(np.arange(costs.stages), costs.replicas)
    domain = np.repeat(np.arange(len(layout.room)), layout.room)[: len(stage)]
    return np.stack(
        [np.bincount(domain[stage == p], minlength=len(layout.room)) for p in range(costs.stages)], axis=1
    ).astype(np.int32)


def least(problem, layout, nest, floors=None):
    """Seconds of the best placement that the search finds, from a poor start on, and what it found."""
    floors = np.zeros(len(problem.cluster.tiers)) if floors is None else np.asarray([*floors, 0.0])
    start = in_order(layout, nest.costs)
    found = nest.solve(start, floors, Control(60.0, workers=1), 60.0)
    widths = start if found.widths is None else found.widths
    assert (widths.sum(axis=1) <= layout.room).all()
    assert (widths.sum(axis=0) == nest.costs.replicas).all()
    home = join_replicas(nest.tree, widths)
    return measure(problem.cluster, problem.workload, seat_ranks(problem, layout, home)).weighted_s, found


@pytest.mark.parametrize("floored", [False, True])
@pytest.mark.parametrize("seed", range(100))
def test_tiny_jobs_are_optimal(seed, floored):
    """On one to three tiers the search ends at the exhaustive optimum, with bounds on tiers and without."""
    rng = np.random.default_rng(seed)
    cluster, workload = job_on(rng, SHAPES[seed % len(SHAPES)], 7)
    problem, layout, nest = nest_of(cluster, workload)
    assert nest.fits
    best, _ = optimum(cluster, workload, "weighted", cluster.gpu_in_service)
    floors = tier_minima(cluster, workload, cluster.gpu_in_service) if floored else None
    value, found = least(problem, layout, nest, floors)
    assert found.proven
    assert value == pytest.approx(best, rel=RELATIVE, abs=1e-12)
    assert found.bound == pytest.approx(best, rel=RELATIVE, abs=1e-12)


@pytest.mark.parametrize("seed", range(16))
def test_agrees_with_the_model_of_widths(seed):
    """On larger grids both exact searches end at the same optimum."""
    rng = np.random.default_rng(1000 + seed)
    cluster, workload = job_on(rng, LARGER[seed % len(LARGER)], 12)
    problem, layout, nest = nest_of(cluster, workload)
    value, found = least(problem, layout, nest)
    model = WidthModel(problem, layout, nest.costs)
    outcome = model.solve(Control(60.0, workers=1), 60.0)
    assert found.proven
    assert outcome.proven
    assert found.bound == pytest.approx(value, rel=RELATIVE, abs=1e-12)
    assert nest.cost_of(model.answer) * nest.unit_s == pytest.approx(value, rel=RELATIVE, abs=1e-12)


@pytest.mark.parametrize("nested", [[[4, 4], [4, 3]], [4, 4, 4, 3]])
def test_rings_are_bounded_by_their_vectors(nested):
    """For a ring of stages the search ends at the least cost of any width vectors."""
    cluster = ragged_cluster(nested, uplinks=(3.0, 1.0))
    families = [("dp", "all_reduce", 2.0), ("pp", "ring", 3.0)]
    problem, layout, nest = nest_of(cluster, grid_workload(dp=3, pp=5, families=families))
    start = in_order(layout, nest.costs)
    found = nest.solve(start, np.zeros(len(cluster.tiers)), Control(60.0, workers=1), 60.0)
    model = WidthModel(problem, layout, nest.costs)
    assert found.proven
    assert model.solve(Control(60.0, workers=1), 60.0).proven
    assert found.bound == pytest.approx(nest.cost_of(model.answer) * nest.unit_s, rel=RELATIVE)


def small_nest():
    """Two tiers that a handful of vectors cover."""
    cluster = ragged_cluster([[2, 2], [2, 1]], uplinks=(3.0, 1.0))
    families = [("dp", "all_reduce", 1.0), ("pp", "path", 9.0)]
    return nest_of(cluster, grid_workload(dp=3, pp=2, families=families))


def test_a_start_at_the_optimum_stays():
    """The best placement as a start is proven and not replaced."""
    _, layout, nest = small_nest()
    first = nest.solve(in_order(layout, nest.costs), np.zeros(3), Control(60.0, workers=1), 60.0)
    again = nest.solve(first.widths, np.zeros(3), Control(60.0, workers=1), 60.0)
    assert again.widths is None
    assert again.proven
    assert again.bound == first.bound
    assert nest.cost_of(first.widths) < nest.cost_of(in_order(layout, nest.costs))


def test_no_time_leaves_a_valid_bound():
    """Out of time, nothing is proven and the bound is that of the tiers."""
    _, layout, nest = small_nest()
    found = nest.solve(in_order(layout, nest.costs), np.asarray([4.0, 1.0, 0.0]), Control(60.0), 0.0)
    assert not found.proven
    assert found.widths is None
    assert found.bound == pytest.approx(4.0 / 12.0 + 1.0 / 2.0)


class Stopping(Control):
    """Limits that are over at the n-th look at them."""

    looks = 0
    last = 0

    @property
    def over(self) -> bool:
        """Whether the looks are spent."""
        self.looks += 1
        return self.looks > self.last


def test_a_search_can_end_at_any_look():
    """Wherever the time ends, what is found and proven until then is valid; with enough all is proven."""
    _, layout, nest = small_nest()
    start, best = in_order(layout, nest.costs), None
    whole = nest.solve(start, np.zeros(3), Control(60.0, workers=1), 60.0)
    for last in range(60):
        control = Stopping(60.0, workers=1)
        control.last = last
        found = nest.solve(start, np.zeros(3), control, 60.0)
        assert found.bound <= whole.bound + 1e-12
        # Few looks follow the first that says so.
        assert control.looks <= last + 4
        best = found
        if found.proven:
            break
    assert last > 5
    assert best.bound == whole.bound


def test_targets_rise_from_a_known_bound():
    """A known bound is where targets begin: at the optimum itself nothing is left to do."""
    _, layout, nest = small_nest()
    first = nest.solve(in_order(layout, nest.costs), np.zeros(3), Control(60.0, workers=1), 60.0)
    found = nest.solve(first.widths, np.zeros(3), Control(60.0), 0.0, first.bound)
    assert found.proven
    assert found.bound == first.bound


def levels_searched(monkeypatch, searched):
    """Have the first level of every search listed."""
    search = Nest.search

    def watched(nest, *given):
        searched.append(nest.innermost)
        return search(nest, *given)

    monkeypatch.setattr(Nest, "search", watched)


def test_what_is_proven_of_outer_tiers_is_not_looked_for_again(monkeypatch):
    """A second search takes over what the first has proven of the outer tiers, and ends at the same bound."""
    problem, layout, nest = small_nest()
    start, searched = in_order(layout, nest.costs), []
    levels_searched(monkeypatch, searched)
    first = nest.solve(start, np.zeros(3), Control(60.0, workers=1), 60.0)
    again = Nest(problem, layout, nest.costs, outside=nest.outside)
    assert again.solve(start, np.zeros(3), Control(60.0, workers=1), 60.0).bound == first.bound
    assert searched == [0, 1, 0]


@pytest.mark.parametrize(("limit_s", "levels"), [(10.0, [0]), (60.0, [0, 1])])
def test_outer_tiers_are_looked_at_for_longer_or_not_at_all(limit_s, levels, monkeypatch):
    """After a look of some seconds that proved nothing a next one takes at least three times as long."""
    problem, layout, nest = small_nest()
    start, searched = in_order(layout, nest.costs), []
    levels_searched(monkeypatch, searched)
    work = Nest(problem, layout, nest.costs, outside={1: (5.0, [0, 0])})
    assert work.solve(start, np.zeros(3), Control(60.0, workers=1), limit_s).proven
    assert searched == levels


def test_a_target_that_is_not_decided_is_lowered(monkeypatch):
    """Where no cover is found or refuted for a far target, nearer ones are tried, and all is proven."""
    _, layout, nest = small_nest()
    start = in_order(layout, nest.costs)
    whole = nest.solve(start, np.zeros(3), Control(60.0, workers=1), 60.0)
    search, targets = _Look.search, []

    def undecided(look, control, limit_s):
        targets.append(look.target - look.bounds[0])
        return search(look, control, limit_s) if targets[-1] == 0 else (None, 0)

    monkeypatch.setattr(_Look, "search", undecided)
    found = nest.solve(start, np.zeros(3), Control(60.0, workers=1), 60.0)
    assert found.proven
    assert found.bound == whole.bound
    assert max(targets) > 0


def test_too_many_vectors_are_left_alone(monkeypatch):
    """Where lists get too long the search ends without a proof and without a wrong bound."""
    monkeypatch.setattr("planner.solve.reduction.vectors.MOST_PAIRS", 0)
    _, layout, nest = small_nest()
    found = nest.solve(in_order(layout, nest.costs), np.zeros(3), Control(60.0), 60.0)
    assert not found.proven
    monkeypatch.undo()
    assert found.bound <= nest.solve(in_order(layout, nest.costs), np.zeros(3), Control(60.0), 60.0).bound


def test_too_many_choices_are_left_alone(monkeypatch):
    """The covering model refuses lists that are longer than is worth while."""
    monkeypatch.setattr("planner.solve.exact.nested.MOST_CHOICES", 1)
    _, _, nest = small_nest()
    lists = {
        kind.kind: Vectors(np.arange(2, dtype=np.uint64), np.zeros(2), np.zeros(2)) for kind in nest.kinds[-1]
    }
    with pytest.raises(TooManyError):
        CoverModel(nest, lists, 10)


def test_free_tiers_and_odd_payloads_do_not_fit():
    """The search applies to tiers that cost something and to payloads of whole bytes."""
    families = [("dp", "all_reduce", 2.0), ("pp", "path", 3.0)]
    free = ragged_cluster([[2, 2], [2, 1]])
    assert not nest_of(free, grid_workload(dp=2, pp=3, families=families))[2].fits
    odd = [("dp", "all_reduce", 2.25), ("pp", "path", 3.0)]
    paid = ragged_cluster([[2, 2], [2, 1]], uplinks=(3.0, 1.0))
    assert not nest_of(paid, grid_workload(dp=2, pp=3, families=odd))[2].fits


@pytest.mark.parametrize(
    ("weights", "whole", "unit"),
    [
        ([0.5, 0.25], [2, 1], 0.25),
        ([1 / 12, 1 / 8, 0.0], [2, 3, 0], 1 / 24),
        ([3.0, 3.0], [1, 1], 3.0),
        ([0.0, 0.0], [], 0.0),
        ([1.0, 2**0.5], [], 0.0),
    ],
)
def test_whole_weights(weights, whole, unit):
    """Weights in proportion of small numbers become those numbers; others are refused."""
    found, one = whole_weights(weights)
    assert found == whole
    assert one == pytest.approx(unit)
