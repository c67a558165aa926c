"""The terms of f: predicted bytes equal counted bytes, or bound them from below."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from planner.placement.crossing import crossing_bytes, measure
from planner.placement.placement import Objective
from planner.solve.reduction.reduction import incidence, reduce_costs
from planner.solve.reduction.tree import Tree
from planner.solve.seats.realize import join_replicas, seat_ranks
from planner.solve.setup.blocks import Blocks, candidate_blocks
from planner.solve.setup.problem import Layout, Problem
from planner.workload.mesh import Mesh
from tests.builders import grid_family, grid_workload, ragged_cluster
from tests.solve.brute_force import crossing, every_assignment
from tests.solve.grids import nested_lists, whole_cells, widths_of, widths_upwards
from tests.solve.vectors import random_costs

SUPPORT = ["all_reduce", "all_gather", "reduce_scatter", "broadcast"]
ORDERED = ["ring", "path", "all_to_all"]


def random_families(rng, mesh, kinds):
    """Families inside cells, along the pipeline and over the cells of a stage, payloads a stage."""

    def payload(count):
        return tuple(rng.integers(0, 9, count).astype(float).tolist())

    families = [(("pp",), "path", payload(mesh.pp - 1))] if mesh.pp > 1 else []
    if mesh.tp > 1:
        families.append((("tp",), str(rng.choice(SUPPORT + ORDERED)), payload(mesh.pp)))
    for axes in (("dp",), ("cp", "dp")) if mesh.ep == 1 else (("ep",), ("edp",), ("cp", "dp")):
        families += [(axes, str(rng.choice(kinds)), payload(mesh.pp))]
    return families


def random_grid(seed, kinds, cp=1, ep=1):
    """A one- to three-tier cluster, a job on a grid of stages and replicas, and whole cells in nodes."""
    rng = np.random.default_rng(seed)
    tp, pp, dp = (int(rng.integers(1, top)) for top in (4, 7, 7))
    mesh = Mesh(tp, cp, ep, dp * ep, pp)
    nested = nested_lists(rng, int(rng.integers(1, 4)), tp * cp * ep, mesh.world_size)
    job = grid_workload(tp=tp, cp=cp, ep=ep, dp=dp * ep, pp=pp, families=random_families(rng, mesh, kinds))
    return rng, ragged_cluster(nested), job


def predicted_and_counted(rng, cluster, job):
    """Bytes at every tier, as f predicts them and as they are counted, of random width vectors."""
    problem = Problem(cluster, job, Objective.WEIGHTED, cluster.gpu_in_service)
    blocks = candidate_blocks(job.mesh)[0]
    layout = whole_cells(problem, blocks)
    tree = Tree.of(problem, layout)
    widths = widths_of(rng, layout.room, blocks.stages, blocks.replicas)
    costs = reduce_costs(job.families, blocks)
    gpus = seat_ranks(problem, layout, join_replicas(tree, widths))
    predicted = [costs.evaluate(each) for each in widths_upwards(tree, widths)]
    return costs, predicted, measure(cluster, job, gpus).tier_bytes


@pytest.mark.parametrize("first", range(0, 120, 20))
def test_predicted_bytes_are_counted_bytes(first):
    """Whole cells: f summed over the domains is what crosses, at every tier of random grids."""
    for seed in range(first, first + 20):
        costs, predicted, counted = predicted_and_counted(*random_grid(seed, SUPPORT))
        assert costs.exact, f"seed {seed}"
        assert predicted == pytest.approx(counted, abs=1e-9), f"seed {seed}"


@pytest.mark.parametrize("first", range(0, 80, 20))
def test_context_groups_inside_cells_are_exact(first):
    """The same with cells that hold a whole context group, and collectives over cp and dp together."""
    for seed in range(first, first + 20):
        rng, cluster, job = random_grid(seed, SUPPORT, cp=2)
        costs, predicted, counted = predicted_and_counted(rng, cluster, job)
        assert costs.exact, f"seed {seed}"
        assert predicted == pytest.approx(counted, abs=1e-9), f"seed {seed}"


@pytest.mark.parametrize("first", range(0, 80, 20))
def test_ordered_families_are_bounded_from_below(first):
    """Rings, paths and all-to-all over the cells of a stage: never less crosses than f says."""
    for seed in range(first, first + 20):
        _, predicted, counted = predicted_and_counted(*random_grid(seed, ORDERED))
        assert (np.asarray(predicted) <= np.asarray(counted) + 1e-9).all(), f"seed {seed}"


def whole_cell_placements(blocks, room):
    """Domain of every rank in every way to put whole cells into domains, shape (ways, ranks)."""
    homes = every_assignment(room, blocks.stages * blocks.replicas)
    ranks = blocks.rank_table().reshape(blocks.stages * blocks.replicas, -1)
    domain = np.empty((len(homes), ranks.size), np.int32)
    for position in range(ranks.shape[1]):
        domain[:, ranks[:, position]] = homes
    return homes, domain


PARTIAL = [
    {"dp": 4, "pp": 2, "ep": 2},
    {"cp": 2, "dp": 3, "pp": 1},
    {"dp": 6, "ep": 3},
    {"tp": 2, "dp": 4, "ep": 2},
    {"cp": 2, "dp": 2, "pp": 2, "order": ("tp", "dp", "cp", "pp", "ep")},
]


@pytest.mark.parametrize("degrees", PARTIAL, ids=[str(index) for index in range(len(PARTIAL))])
@pytest.mark.parametrize("kind", SUPPORT[:2] + ORDERED)
def test_every_placement_of_whole_cells_costs_at_least_f(degrees, kind):
    """Groups over some of a stage's cells: f is a lower bound over all ways to place single cells."""
    for axes in (("dp",), ("cp",), ("ep",), ("edp",), ("cp", "dp")):
        payload = tuple(float(3 + stage) for stage in range(degrees.get("pp", 1)))
        job = grid_workload(**degrees, families=[(axes, kind, payload)])
        blocks = Blocks(job.mesh, job.mesh.tp, 1)
        costs = reduce_costs(job.families, blocks)
        homes, domain = whole_cell_placements(blocks, [3, 3, 2])
        counted = crossing(job.mesh, job.families, domain)
        stage = np.repeat(np.arange(blocks.stages), blocks.replicas)
        widths = np.zeros((len(homes), 3, blocks.stages), np.int32)
        for cell, of_stage in enumerate(stage):
            np.add.at(widths, (np.arange(len(homes)), homes[:, cell], of_stage), 1)
        flat = costs.domain_bytes(widths.reshape(-1, blocks.stages)).reshape(len(homes), 3)
        predicted = costs.constant + flat.sum(axis=1)
        assert (predicted <= counted + 1e-9).all()
        assert np.isclose(predicted.min(), counted.min()) or not costs.exact


CELLS = [{"tp": 2}, {"tp": 4}, {"tp": 2, "cp": 2}, {"tp": 2, "cp": 3}, {"cp": 3, "dp": 1}, {"dp": 4, "ep": 4}]
CELLS += [{"tp": 2, "dp": 2, "ep": 2}, {"tp": 3, "cp": 2}, {"cp": 2, "dp": 2, "ep": 4}, {"tp": 6}]


@pytest.mark.parametrize("degrees", CELLS, ids=[str(index) for index in range(len(CELLS))])
@pytest.mark.parametrize("kind", SUPPORT[:2] + ORDERED)
def test_parts_of_a_cell_pay_at_least_part_bytes(degrees, kind):
    """However one cell is cut over three domains, its families pay the sum of the parts' least bytes."""
    job = grid_workload(**degrees)
    axes = [(axis,) for axis in ("tp", "cp", "ep") if job.mesh.degree(axis) > 1]
    families = [grid_family(each, kind, (5.0 + index,)) for index, each in enumerate(axes)]
    blocks = candidate_blocks(job.mesh)[0]
    assert blocks.cell_ranks == job.mesh.world_size
    costs = reduce_costs(families, blocks)
    domain = every_assignment([blocks.cell_ranks] * 3, blocks.cell_ranks)
    counted = crossing(job.mesh, families, domain)
    held = np.stack([(domain == each).sum(axis=1) for each in range(3)], axis=1)
    assert (costs.part_bytes[0][held].sum(axis=1) <= counted + 1e-9).all()
    assert costs.part_bytes[0, [0, -1]].tolist() == [0.0, 0.0]


def test_parts_of_a_tensor_group_pay_their_share():
    """A domain with m of n ranks of an all-reduce of S pays 2 S (1 - m / n)."""
    job = grid_workload(tp=4, families=[("tp", "all_reduce", 6.0)])
    costs = reduce_costs(job.families, candidate_blocks(job.mesh)[0])
    assert costs.part_bytes.tolist() == [[0.0, 9.0, 6.0, 3.0, 0.0]]


def test_parts_of_a_ring_pay_for_its_cut_whatever_their_size():
    """A domain with some but not all ranks of a ring has two cut edges, each shared with another domain."""
    job = grid_workload(tp=8, families=[("tp", "ring", 480.0)])
    costs = reduce_costs(job.families, candidate_blocks(job.mesh)[0])
    assert costs.part_bytes.tolist() == [[0.0, *[480.0] * 7, 0.0]]


def test_a_ring_of_stages_is_a_bound():
    """Virtual stages close the pipeline to a ring: over all ways to place cells f never exceeds it."""
    for stages, replicas in ((3, 2), (4, 2), (3, 3)):
        payload = tuple(float(1 + stage) for stage in range(stages))
        job = grid_workload(dp=replicas, pp=stages, vp=2, families=[("pp", "ring", payload)])
        blocks = candidate_blocks(job.mesh)[0]
        costs = reduce_costs(job.families, blocks)
        homes = every_assignment([4, 3, 3], stages * replicas)
        table = blocks.rank_table().reshape(-1)
        domain = np.empty_like(homes)
        domain[:, table] = homes
        counted = crossing(job.mesh, job.families, domain)
        stage = np.repeat(np.arange(stages), replicas)
        for row, total in list(zip(homes, counted, strict=True))[::7]:
            widths = np.zeros((3, stages), np.int32)
            np.add.at(widths, (row, stage), 1)
            assert costs.evaluate(widths) <= total + 1e-9


def test_two_stages_joined_twice_are_one_edge():
    """A ring of two stages has two edges between the same cells."""
    job = grid_workload(dp=2, pp=2, vp=2, families=[("pp", "ring", (3.0, 4.0))])
    costs = reduce_costs(job.families, candidate_blocks(job.mesh)[0])
    assert costs.v.tolist() == [7.0]
    assert costs.v_wrap == 0.0
    assert costs.exact
    assert costs.constant == 14.0


@pytest.mark.parametrize(
    ("ends", "v", "wrap", "rungs"),
    [
        ((1, 2), [0.0, 8.0, 0.0], 0.0, [0.0, 0.0]),
        ((0, 3), [0.0, 0.0, 0.0], 8.0, [0.0, 0.0]),
    ],
)
def test_a_collective_of_two_stages_is_an_edge(ends, v, wrap, rungs):
    """A tied embedding of S bytes all-reduced by two stages costs 2 S where they are apart."""
    tied = grid_family("pp", "all_reduce", (4.0,), stages=ends)
    job = grid_workload(dp=2, pp=4, families=[tied])
    costs = reduce_costs(job.families, candidate_blocks(job.mesh)[0])
    assert (costs.v.tolist(), costs.v_wrap, costs.rungs.tolist()) == (v, wrap, rungs)
    assert costs.constant == 16.0


def test_mirrored_stages_are_rungs():
    """Stages p and P - 1 - p that share parameters are joined by a rung, first and last by the seam."""
    shared = [grid_family("pp", "all_reduce", (1.0,), stages=(p, 5 - p), name=f"s{p}") for p in range(2)]
    job = grid_workload(dp=2, pp=6, families=shared)
    costs = reduce_costs(job.families, candidate_blocks(job.mesh)[0])
    assert costs.v_wrap == 2.0
    assert costs.rungs.tolist() == [0.0, 2.0, 0.0]
    apart = np.asarray([[2, 2, 2, 0, 0, 0], [0, 0, 0, 2, 2, 2]])
    beside = np.asarray([[2, 2, 0, 0, 2, 2], [0, 0, 2, 2, 0, 0]])
    assert costs.evaluate(apart) == 8.0
    assert costs.evaluate(beside) == 0.0


def test_incidence_of_groups_over_cells():
    """Ranks of a group in each cell it lies in, and the cells it lies in."""
    mesh = Mesh(tp=2, cp=2, ep=1, dp=3, pp=2)
    cells = Blocks(mesh, 2, 2)
    for axes, expected in {
        ("tp",): (2, 2, 1), ("cp",): (2, 2, 1), ("dp",): (3, 1, 3), ("cp", "dp"): (6, 2, 3),
    }.items():  # fmt: skip
        lies = incidence(grid_family(axes, "all_reduce", (1.0, 1.0)), cells)
        assert (lies.group_ranks, lies.ranks_per_cell, lies.cells_per_group) == expected


@pytest.mark.parametrize(
    ("payloads", "granule"), [((6.0, 4.0), 4), ((6.0, 4.5), 3), ((6.0, 4.1), 0), ((0.0, 3.0), 6)]
)
def test_granule_of_whole_payloads(payloads, granule):
    """Bytes of an all-reduce come in multiples of the common divisor of 2 S, where that is whole."""
    job = grid_workload(dp=2, pp=2, families=[("dp", "all_reduce", payloads)])
    costs = reduce_costs(job.families, candidate_blocks(job.mesh)[0])
    assert costs.granule_bytes == granule


def test_random_widths_hold_every_kind_of_term():
    """Terms of one form and group size add up: two collectives over the same cells cost their sum."""
    both = [("dp", "all_reduce", 2.0), ("dp", "all_gather", 3.0)]
    jobs = [grid_workload(dp=4, pp=2, families=families) for families in (both, both[:1], both[1:])]
    costs = [reduce_costs(job.families, candidate_blocks(job.mesh)[0]) for job in jobs]
    widths = np.asarray(list(product(range(5), repeat=2)))
    total, first, second = (each.domain_bytes(widths) for each in costs)
    assert np.allclose(total, first + second)
    assert len(costs[0].terms) == 1


def test_layouts_of_the_random_grids_hold_their_cells():
    """The widths drawn for a grid fill no domain beyond its room and place every cell."""
    rng, cluster, job = random_grid(3, SUPPORT)
    problem = Problem(cluster, job, Objective.WEIGHTED, cluster.gpu_in_service)
    blocks = candidate_blocks(job.mesh)[0]
    layout = whole_cells(problem, blocks)
    assert isinstance(layout, Layout)
    widths = widths_of(rng, layout.room, blocks.stages, blocks.replicas)
    assert (widths.sum(axis=1) <= layout.room).all()
    assert (widths.sum(axis=0) == blocks.replicas).all()
    gpus = seat_ranks(problem, layout, join_replicas(Tree.of(problem, layout), widths))
    counted = crossing_bytes(job.mesh, job.families, cluster.gpu_node[gpus])
    assert counted == measure(cluster, job, gpus).tier_bytes[0]


@pytest.mark.parametrize("ring", [False, True], ids=["path", "ring"])
def test_terms_of_a_run_of_stages(ring):
    """A run's f is that of the whole where other stages hold nothing: over the ring's seam as well."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        costs = random_costs(rng, 7, 6, ring=ring)
        count = int(rng.integers(1, 6))
        first = int(rng.integers(0, 7 if ring else 8 - count))
        narrow = rng.integers(0, 7, (10, count)).astype(np.int32)
        wide = np.zeros((10, 7), np.int32)
        wide[:, (first + np.arange(count)) % 7] = narrow
        assert costs.of_run(first, count).domain_bytes(narrow) == pytest.approx(costs.domain_bytes(wide))
