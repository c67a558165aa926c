"""Cells in parts: at least as good as boxes made by hand, and no claim is made from them."""

from __future__ import annotations

import numpy as np
import pytest

from planner.placement.crossing import measure
from planner.placement.placement import Objective
from planner.solve import bundled, solve
from planner.solve.bundled import best_bundled, construct_bundled
from planner.solve.construct import Constructions
from planner.solve.seats.realize import seat_ranks
from planner.solve.setup.blocks import candidate_blocks
from planner.solve.setup.control import Control
from planner.solve.setup.feasible import rules_hold
from planner.solve.setup.problem import Problem, lay_out
from planner.solve.steps import Told
from tests.builders import grid_cluster, grid_workload, ragged_cluster

UPLINKS = (10.0, 20.0)


def job_of(tensor=10.0, *, keep=None, **mesh):
    """Tensor groups of 16 under heavy data-parallel traffic."""
    families = [("tp", "all_reduce", tensor), ("pp", "path", 1.0), ("dp", "all_reduce", 10.0)]
    return grid_workload(**{"tp": 16, "pp": 2, "dp": 8, **mesh}, families=families, keep=keep)


def constructions(cluster, job):
    """A problem, and constructions of its largest cells."""
    problem = Problem(cluster, job, Objective.WEIGHTED, cluster.gpu_in_service)
    layout = lay_out(problem, candidate_blocks(job.mesh)[0])
    return problem, Constructions(problem, layout, Control(60.0, workers=1, deterministic=True))


def offering(problem):
    """What takes placements, and the values of all that were taken."""
    values = []

    def offer(gpu_of_rank):
        if not rules_hold(problem, gpu_of_rank):
            return np.inf
        values.append(measure(problem.cluster, problem.workload, gpu_of_rank).weighted_s)
        return values[-1]

    return offer, values


def boxes(cluster, job, node=8):
    """Seconds of nodes that hold m ranks of each of a x b cells: of `a` stages and `b` replicas."""
    mesh, found = job.mesh, {}
    ranks = np.arange(mesh.world_size)
    position, stage, replica = (mesh.coordinate(axis, ranks) for axis in ("tp", "pp", "dp"))
    for part in (1, 2, 4, 8):
        for stages in (n for n in (1, 2, 4, 8) if mesh.pp % n == 0 and node // part % n == 0):
            replicas = node // part // stages
            if mesh.dp % replicas:
                continue
            inside = position % part, replica % replicas, stage % stages
            line = np.lexsort((*inside, position // part, replica // replicas, stage // stages))
            gpus = np.empty_like(line)
            gpus[line] = ranks
            found[part, stages, replicas] = measure(cluster, job, gpus.astype(np.int32)).weighted_s
    return found


@pytest.mark.parametrize("tensor", [1.0, 3.0, 10.0, 40.0])
@pytest.mark.parametrize(
    ("counts", "mesh"), [((4, 8, 8), {}), ((2, 16, 8), {"pp": 4, "dp": 4}), ((8, 4, 8), {})], ids=str
)
def test_bundles_are_at_least_as_good_as_boxes(counts, mesh, tensor):
    """What is found at once costs no more than the best box of ranks, stages and replicas."""
    cluster, job = grid_cluster(*counts, uplinks=UPLINKS), job_of(tensor, **mesh)
    problem, work = constructions(cluster, job)
    offer, values = offering(problem)
    built, least = best_bundled(work, offer)
    assert least == min(values)
    assert built.layout.bundles is not None
    # Parts of whole nodes are what the cells' own layout gives.
    cut = {box: value for box, value in boxes(cluster, job).items() if box[0] < 8}
    assert least <= min(cut.values()) * (1 + 1e-12)


def test_solve_places_cells_in_parts_where_that_is_best(monkeypatch):
    """Under heavy data-parallel traffic the run ends at the best boxes; without bundles it does not."""
    cluster, job = grid_cluster(2, 16, 8, uplinks=UPLINKS), job_of()
    result = solve(cluster, job, workers=1, deterministic=True)
    found = boxes(cluster, job)
    assert result.objective <= min(found.values()) * (1 + 1e-12)
    assert result.objective < 0.8 * found[8, 1, 1]
    assert result.lower_bound <= result.objective
    monkeypatch.setattr(bundled, "first_cuts", lambda *_: [])
    assert solve(cluster, job, workers=1, deterministic=True).objective > result.objective


def test_irregular_nodes_are_bundled_by_what_they_have_room_for():
    """With GPUs down and nodes of 6 among those of 8 every placement is whole, and cut cells pay."""
    nested = [[8] * 12, [8] * 9 + [6] * 4, [7] * 13]
    cluster = ragged_cluster(nested, uplinks=(10.0, 500.0), down=(3, 70, 71))
    problem, work = constructions(cluster, job_of(dp=6))
    seats = []

    def offer(gpu_of_rank):
        seats.append(gpu_of_rank)
        return measure(cluster, problem.workload, gpu_of_rank).weighted_s

    (plain,) = [offer(each) for each in work.quick()][:1]
    _, least = best_bundled(work, offer)
    assert least < 0.8 * plain
    for each in seats:
        assert len(set(each.tolist())) == problem.workload.mesh.world_size
        assert problem.available[each].all()


def test_parts_of_two_sizes_are_found():
    """12 replicas in parts of 1 fill domains of eight and leave four, which are better in parts of 2."""
    cluster = grid_cluster(2, 32, 8, uplinks=UPLINKS)
    problem, work = constructions(cluster, job_of(1.0, dp=12))
    built, _ = best_bundled(work, offering(problem)[0])
    assert built.layout.bundles.cut.sizes[:2] == (1, 2)
    assert built.layout.bundles.cut.cells == 16


def test_cells_spread_over_units_where_tensor_traffic_is_light():
    """Where only data-parallel bytes count, each unit holds a share of all cells."""
    cluster = grid_cluster(4, 8, 8, uplinks=(10.0, 1.0))
    problem, work = constructions(cluster, job_of(0.001))
    built, _ = best_bundled(work, offering(problem)[0])
    assert built.layout.bundles.cut.spread[0] == 4


def test_a_rule_that_forbids_to_cut_leaves_nothing_to_try():
    """Tensor groups that fill half a node and must stay in it: expert groups are cut, tensor groups never."""
    cluster = grid_cluster(2, 16, 8, uplinks=UPLINKS)
    families = [("tp", "all_reduce", 1.0), ("ep", "all_to_all", 0.1), ("dp", "all_reduce", 10.0)]
    job = grid_workload(tp=8, ep=2, dp=16, pp=2, families=families, keep={"tp": "node"})
    problem, work = constructions(cluster, job)
    offer, values = offering(problem)
    assert best_bundled(work, offer) == (None, np.inf)
    assert values == []


@pytest.mark.parametrize("keep", [{"dp": "rack"}, {"pp": "rack"}, {"dp": "rack", "tp": "rack"}], ids=str)
def test_cut_cells_keep_rules_on_replicas_and_stages(keep):
    """Where whole stages or replicas must stay in a rack, cells are cut and all of them stay in it."""
    cluster, job = grid_cluster(4, 16, 8, uplinks=UPLINKS), job_of(keep=keep, pp=4)
    problem, work = constructions(cluster, job)
    offer, values = offering(problem)
    built, least = best_bundled(work, offer)
    assert built is not None
    assert least == min(values)
    result = solve(cluster, job, workers=1, deterministic=True)
    assert rules_hold(problem, result.placement.gpu_of_rank)
    assert result.objective <= least * (1 + 1e-12)
    if "dp" in keep:
        plain = seat_ranks(problem, work.layout, np.repeat(np.arange(4), 8).reshape(4, 8))
        assert least < 0.8 * measure(cluster, job, plain).weighted_s


def told(near=lambda: False):
    """Whom nothing may be taught."""

    def learn(*_):
        pytest.fail("a bundled placement proves nothing of others")

    return Told(learn, learn, near, lambda _: None, lambda: pytest.fail("nothing is attempted"))


def test_no_bound_comes_of_bundles(short_walks):
    """Neither where cells lie as they like nor where a rule keeps them whole in the tiers around bundles."""
    cluster = grid_cluster(4, 8, 8, uplinks=UPLINKS)
    for keep in (None, {"tp": "rack"}):
        problem, work = constructions(cluster, job_of(keep=keep))
        assert work.every_placement_is_of(0) == (keep is not None)
        offer, values = offering(problem)
        built = construct_bundled(work, told(), offer, np.inf)
        assert not any(map(built.every_placement_is_of, range(len(built.tree.levels) - 1)))
        assert values


def test_bundles_that_do_not_lead_are_left(monkeypatch):
    """Nothing goes on from the best cut where something better is known."""
    problem, work = constructions(grid_cluster(4, 8, 8, uplinks=UPLINKS), job_of())
    monkeypatch.setattr(bundled, "placements", lambda *_: pytest.fail("better is known"))
    assert construct_bundled(work, told(), offering(problem)[0], 1e-9) is None


def test_nothing_is_cut_where_cells_fit(monkeypatch):
    """Where nodes hold whole cells no cut is looked at."""
    monkeypatch.setattr(bundled, "bundle", lambda *_: pytest.fail("cells fit"))
    job = job_of(tp=8)
    problem, work = constructions(grid_cluster(2, 8, 8, uplinks=UPLINKS), job)
    assert best_bundled(work, offering(problem)[0]) == (None, np.inf)
    assert solve(problem.cluster, job, time_limit_s=1.0, workers=1).placement is not None


def test_a_deterministic_run_finds_the_same_again(short_walks):
    """Bundles, walks over them and all that follows give the same seats twice."""
    cluster, job = grid_cluster(2, 16, 8, uplinks=UPLINKS), job_of()
    one, other = (solve(cluster, job, deterministic=True, workers=1).placement for _ in range(2))
    assert one.gpu_of_rank.tolist() == other.gpu_of_rank.tolist()
