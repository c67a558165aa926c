"""Bundles of domains that hold cells in parts: what they consist of, what they cost, what forbids them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from planner.placement.crossing import measure
from planner.placement.placement import Objective
from planner.solve.reduction.reduction import reduce_costs
from planner.solve.reduction.tree import Tree, above_each
from planner.solve.seats.realize import join_replicas, seat_ranks
from planner.solve.setup.blocks import candidate_blocks
from planner.solve.setup.bundles import bundle, first_cuts, next_cuts
from planner.solve.setup.cuts import Cut
from planner.solve.setup.problem import Problem, lay_out
from tests.builders import grid_cluster, grid_workload, ragged_cluster
from tests.solve.grids import widths_of, widths_upwards

FAMILIES = [("tp", "all_reduce", 3.0), ("dp", "all_reduce", 7.0), ("pp", "path", 5.0)]
UPLINKS = (2.0, 3.0, 4.0)


def largest_cells(cluster, **job):
    """A problem and the layout of its largest cells."""
    job = grid_workload(**{"families": FAMILIES, **job})
    problem = Problem(cluster, job, Objective.WEIGHTED, cluster.gpu_in_service)
    return problem, lay_out(problem, candidate_blocks(job.mesh)[0])


def ragged(seed):
    """Tensor groups of 8 on two or three tiers of ragged nodes of up to 7 GPUs, some of them down."""
    rng = np.random.default_rng(seed)

    def racks():
        return [[int(n) for n in rng.integers(3, 8, int(rng.integers(4, 10)))] for _ in range(4)]

    nested = racks() if seed % 2 else [racks(), racks()]
    gpus = int(sum(np.sum(each) for rack in nested for each in rack))
    down = sorted(rng.choice(gpus, gpus // 12, replace=False).tolist())
    cluster = ragged_cluster(nested, uplinks=UPLINKS, down=down)
    return largest_cells(cluster, tp=8, pp=int(rng.integers(1, 4)), dp=int(rng.integers(2, 4)))


def bundled(seed):
    """Every bundled layout that is tried first of a ragged problem, and those next to it."""
    problem, layout = ragged(seed)
    firsts = list(first_cuts(problem, layout))
    nexts = [cut for first in firsts for cut in next_cuts(problem, layout, first)]
    layouts = [bundle(problem, layout, cut) for cut in dict.fromkeys([*firsts, *nexts])]
    return problem, [each for each in layouts if each is not None]


def sizes_of(problem, layout):
    """Sizes of parts that are tried first, smallest first."""
    return [cut.sizes[0] for cut in first_cuts(problem, layout)][::-1]


@pytest.mark.parametrize("seed", range(12))
def test_domains_of_bundles_are_distinct_and_have_room(seed):
    """No domain is in two bundles, each holds a part of all cells of its own, inside the domain around it."""
    problem, layouts = bundled(seed)
    assert layouts
    for layout in layouts:
        bundles, size = layout.bundles, layout.blocks.cell_ranks
        members = bundles.domains[bundles.domains >= 0]
        assert len(set(members.tolist())) == len(members)
        assert ((bundles.domains >= 0).sum(axis=1) * bundles.part_ranks == size).all()
        fitting = problem.ranks_that_fit[bundles.cut.tier][bundles.domains]
        needed = (layout.room * bundles.part_ranks)[:, None]
        assert ((fitting >= needed) | (bundles.domains < 0)).all()
        assert layout.room.min() > 0
        assert layout.room.sum() >= layout.cells
        above = above_each(Tree.of(problem, layout), len(bundles.parents))
        domain = np.where(bundles.domains >= 0, bundles.domains, bundles.domains[:, :1])
        for tier in range(bundles.cut.tier, layout.cell_tier):
            spread = [len(set(row.tolist())) for row in domain]
            count = [size // ranks for ranks in bundles.part_ranks] if tier == bundles.cut.tier else None
            assert spread == (count or [bundles.cut.spread[tier - bundles.cut.tier - 1]] * len(spread))
            domain = problem.cluster.tiers[tier].parent[domain]
        assert (domain == above[:, None]).all()


@pytest.mark.parametrize("seed", range(12))
def test_seats_are_parts_of_cells_in_the_order_of_the_bundle(seed):
    """No GPU twice, none that is down, and part j of a cell in domain j of its bundle."""
    problem, layouts = bundled(seed)
    rng = np.random.default_rng(seed)
    for layout in layouts:
        widths = widths_of(rng, layout.room, layout.blocks.stages, layout.blocks.replicas)
        home = join_replicas(Tree.of(problem, layout), widths)
        gpus = seat_ranks(problem, layout, home)
        assert len(set(gpus.tolist())) == problem.workload.mesh.world_size
        assert problem.available[gpus].all()
        found = problem.cluster.domain_of_gpu[layout.bundles.cut.tier][gpus[layout.blocks.rank_table()]]
        part = np.arange(layout.blocks.cell_ranks) // layout.bundles.part_ranks[home][..., None]
        assert (found == layout.bundles.domains[home[..., None], part]).all()


@pytest.mark.parametrize("seed", range(12))
def test_bytes_between_cells_are_as_predicted_at_every_tier(seed):
    """Measured bytes of all but the tensor groups are what f says of the bundles' width vectors."""
    problem, layouts = bundled(seed)
    rng = np.random.default_rng(seed)
    for layout in layouts:
        costs = reduce_costs(problem.workload.families, layout.blocks)
        tree = Tree.of(problem, layout)
        widths = widths_of(rng, layout.room, layout.blocks.stages, layout.blocks.replicas)
        gpus = seat_ranks(problem, layout, join_replicas(tree, widths))
        counted = measure(problem.cluster, problem.workload, gpus).by_family
        for level, each in zip(tree.levels[:-1], widths_upwards(tree, widths), strict=False):
            between = counted["dp"][level.tier] + counted["pp"][level.tier]
            assert between == pytest.approx(costs.evaluate(each), abs=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_bytes_inside_cells_do_not_depend_on_where_they_are(seed):
    """Of parts of one size, whatever the width vectors, tensor groups cross every tier equally often."""
    problem, layouts = bundled(seed)
    rng = np.random.default_rng(seed)
    for layout in layouts:
        if len(set(layout.bundles.part_ranks.tolist())) > 1:
            continue
        seen = set()
        for _ in range(3):
            widths = widths_of(rng, layout.room, layout.blocks.stages, layout.blocks.replicas)
            gpus = seat_ranks(problem, layout, join_replicas(Tree.of(problem, layout), widths))
            seen.add(measure(problem.cluster, problem.workload, gpus).by_family["tp"])
        (crossing,) = seen
        cut, cells = layout.bundles.cut, layout.cells
        parts = [8 // cut.sizes[0], *cut.spread]
        expected = [2 * 3.0 * (count - 1) * cells for count in parts]
        assert list(crossing[cut.tier :]) == expected


def test_rooms_and_levels_of_a_regular_cluster():
    """Cells of 16 in parts of 2: eight nodes of 8 hold four; the levels are bundles, units, and the root."""
    problem, layout = largest_cells(grid_cluster(2, 16, 8, uplinks=UPLINKS), tp=16, pp=2, dp=8)
    found = bundle(problem, layout, Cut(0, (2, 4, 8), (1, 1)))
    tree = Tree.of(problem, found)
    assert [level.tier for level in tree.levels] == [0, 1, 2]
    assert [level.room.tolist() for level in tree.levels] == [[4] * 4, [8, 8], [16]]
    assert tree.levels[0].parent.tolist() == [0, 0, 1, 1]
    assert found.bundles.domains[1].tolist() == list(range(8, 16))


def test_bundles_over_several_outer_domains_are_bundled_there_too():
    """Parts of 1 need 16 nodes: racks of four nodes are joined by four, or by eight with two of each."""
    cluster = grid_cluster(8, 4, 8, uplinks=UPLINKS)
    problem, layout = largest_cells(cluster, tp=16, pp=2, dp=8)
    by_four = bundle(problem, layout, Cut(0, (1,), (4, 1)))
    assert [level.room.tolist() for level in Tree.of(problem, by_four).levels] == [[8, 8], [8, 8], [16]]
    by_eight = bundle(problem, layout, Cut(0, (1,), (8, 1)))
    assert [level.room.tolist() for level in Tree.of(problem, by_eight).levels] == [[8, 8], [16], [16]]
    assert set(cluster.tiers[0].parent[by_eight.bundles.domains[0]].tolist()) == set(range(8))
    assert bundle(problem, layout, Cut(0, (1,), (2, 1))) is None


def test_domains_left_over_hold_larger_parts():
    """Of 15 nodes eight hold parts of 2; of the seven left four hold parts of 4, and two a cell in halves."""
    problem, layout = largest_cells(ragged_cluster([[8] * 15], uplinks=UPLINKS), tp=16, pp=1, dp=7)
    found = bundle(problem, layout, Cut(0, (2, 4, 8), (1, 1)))
    assert found.bundles.part_ranks.tolist() == [2, 4, 8]
    assert found.room.tolist() == [4, 2, 1]
    assert found.bundles.domains[1].tolist() == [8, 9, 10, 11, -1, -1, -1, -1]


def test_cells_in_the_smaller_parts_are_spread_evenly():
    """Room for 16 cells in parts of 1 is a bundle in each of two units, though both would fit one."""
    problem, layout = largest_cells(grid_cluster(2, 32, 8, uplinks=UPLINKS), tp=16, pp=2, dp=12)
    found = bundle(problem, layout, Cut(0, (1, 2, 4, 8), (1, 1), 16))
    assert found.bundles.part_ranks.tolist() == [1, 2, 2, 1, 2, 2]
    assert found.bundles.parents[0].tolist() == [0, 0, 0, 1, 1, 1]


def test_parts_of_two_sizes_where_replicas_do_not_come_out_even():
    """12 replicas fill a domain of eight and leave four, which boxes of other shapes do not; 8 leave none."""
    cluster = grid_cluster(2, 32, 8, uplinks=UPLINKS)
    for replicas, cells in ((12, {2 * 8}), (8, set())):
        problem, layout = largest_cells(cluster, tp=16, pp=2, dp=replicas)
        *_, first = first_cuts(problem, layout)
        assert first.sizes == (1, 2, 4, 8)
        mixed = {cut.cells for cut in next_cuts(problem, layout, first) if cut.cells}
        assert mixed == cells


def test_cuts_beside_another_differ_by_a_step():
    """From parts of 2 over one unit of four: parts of 1 and 4, and two units; from two units one and four."""
    problem, layout = largest_cells(grid_cluster(4, 8, 8, uplinks=UPLINKS), tp=16, pp=2, dp=8)
    one = list(next_cuts(problem, layout, Cut(0, (2, 4, 8), (1, 1))))
    assert [(cut.sizes[0], cut.spread) for cut in one] == [(2, (2, 1)), (4, (1, 1)), (1, (1, 1))]
    two = list(next_cuts(problem, layout, Cut(0, (2, 4, 8), (2, 1))))
    assert [cut.spread for cut in two][:2] == [(4, 1), (1, 1)]


def test_spreads_of_several_outer_tiers_stay_nested():
    """A cell lies in no more pods than units, in numbers that divide each other."""
    problem, layout = largest_cells(grid_cluster(4, 4, 4, 8, uplinks=UPLINKS), tp=16, pp=2, dp=8)
    seen, waiting = set(), list(first_cuts(problem, layout))
    while waiting:
        cut = waiting.pop()
        if cut not in seen and bundle(problem, layout, cut) is not None:
            seen.add(cut)
            waiting += next_cuts(problem, layout, cut)
    assert {cut.spread for cut in seen} >= {(1, 1, 1), (4, 1, 1), (4, 2, 1), (4, 4, 1), (8, 4, 1)}
    for cut in seen:
        assert all(inner % outer == 0 for inner, outer in pairwise(cut.spread))


def test_nothing_is_bundled_where_a_cell_fits_or_bytes_are_free():
    """Neither nodes that hold whole cells make bundles, nor those inside whose uplinks cost nothing."""
    assert sizes_of(*largest_cells(grid_cluster(2, 4, 8, uplinks=UPLINKS), tp=8, dp=8)) == []
    inside = grid_cluster(2, 4, 8, uplinks=(None, 2.0), boundary=1)
    assert sizes_of(*largest_cells(inside, tp=16, dp=4)) == []
    # There are too few nodes for parts of 1, and one of 8 would be alone in its node.
    assert sizes_of(*largest_cells(grid_cluster(2, 4, 8, uplinks=UPLINKS), tp=16, dp=4)) == [2, 4]


def test_parts_hold_whole_tensor_groups_or_are_even_parts_of_one():
    """Cells of two tensor groups of 6 are cut into parts of 1, 2, 3 and 6 ranks, not of 4."""
    problem, layout = largest_cells(grid_cluster(2, 16, 8, uplinks=UPLINKS), tp=6, ep=2, dp=8)
    assert layout.blocks.cell_ranks == 12
    assert layout.cell_tier == 1
    assert sizes_of(problem, layout) == [1, 2, 3]
    assert {size for cut in first_cuts(problem, layout) for size in cut.sizes} == {1, 2, 3, 6}


@pytest.mark.parametrize(
    ("keep", "sizes", "spreads"),
    [
        ({}, [1, 2, 4], {1, 2, 4}),
        ({"tp": "node"}, [4], {1, 2, 4}),
        ({"tp": "rack"}, [1, 2, 4], {1, 2, 4}),
        ({"ep": "rack"}, [1, 2, 4], {1}),
        ({"tp": "node", "ep": "rack"}, [4], {1}),
    ],
    ids=str,
)
def test_rules_forbid_cuts(keep, sizes, spreads):
    """A rule on tp keeps parts of its groups together, one on ep the cell; what is left keeps both."""
    cluster = grid_cluster(4, 16, 8, uplinks=UPLINKS)
    problem, layout = largest_cells(cluster, tp=4, ep=4, dp=16, pp=2, keep=keep)
    assert layout.blocks.cell_ranks == 16
    assert sizes_of(problem, layout) == sizes
    wide = [bundle(problem, layout, Cut(0, (4, 8), (count, 1))) for count in (1, 2, 4)]
    assert {each.bundles.cut.spread[0] for each in wide if each is not None} == spreads


def test_a_rule_on_the_tensor_group_forbids_to_spread_it():
    """Groups of 16 that must stay in a rack are cut over its nodes, never over two racks."""
    cluster = grid_cluster(4, 16, 8, uplinks=UPLINKS)
    problem, layout = largest_cells(cluster, tp=16, dp=16, keep={"tp": "rack"})
    assert bundle(problem, layout, Cut(0, (2, 4, 8), (1, 1))) is not None
    assert bundle(problem, layout, Cut(0, (2, 4, 8), (2, 1))) is None
