"""From width vectors to GPUs: replicas joined at every tier, seats that keep groups and rails."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.placement.placement import Objective
from planner.placement.rails import rail_changes
from planner.solve.reduction.tree import Tree
from planner.solve.seats.realize import is_joined, join_replicas, seat_ranks
from planner.solve.setup.blocks import Blocks, candidate_blocks
from planner.solve.setup.problem import Problem, lay_out
from tests.builders import claimed, grid_cluster, grid_workload, ragged_cluster
from tests.solve.grids import nested_lists, whole_cells, widths_of, widths_upwards


def random_tree(seed, pp=None):
    """A problem on a random tree of one to four tiers, and width vectors of its nodes."""
    rng = np.random.default_rng(seed)
    stages, replicas = pp or int(rng.integers(1, 8)), int(rng.integers(1, 9))
    cluster = ragged_cluster(nested_lists(rng, 1 + seed % 4, 1, stages * replicas))
    job = grid_workload(dp=replicas, pp=stages)
    problem = Problem(cluster, job, Objective.WEIGHTED, cluster.gpu_in_service)
    layout = whole_cells(problem, candidate_blocks(job.mesh)[0])
    return problem, layout, Tree.of(problem, layout), widths_of(rng, layout.room, stages, replicas)


@pytest.mark.parametrize("first", range(0, 120, 40))
def test_most_neighbours_stay_together_at_every_tier(first):
    """At every tier a domain keeps min(w[p], w[p + 1]) replicas going, the most there can be."""
    for seed in range(first, first + 40):
        _, _, tree, widths = random_tree(seed)
        domain = join_replicas(tree, widths)
        for level, each in zip(tree.levels[:-1], widths_upwards(tree, widths)[:-1], strict=True):
            together = (domain[1:] == domain[:-1]).sum(axis=1)
            assert together.tolist() == np.minimum(each[:, 1:], each[:, :-1]).sum(axis=0).tolist()
            domain = level.parent[domain]


def test_joined_or_not():
    """What is joined is told from the same widths where each stage's cells are moved on to other replicas."""
    told_apart = 0
    for seed in range(40):
        _, _, tree, widths = random_tree(seed)
        home = join_replicas(tree, widths)
        assert is_joined(tree, home, widths)
        mixed = np.stack([np.roll(cells, stage) for stage, cells in enumerate(home)])
        kept = [(one[1:] == one[:-1]).sum() for one in (home, mixed)]
        if kept[1] < kept[0]:
            assert not is_joined(tree, mixed, widths)
            told_apart += 1
    assert told_apart > 10


@pytest.mark.parametrize("folded", [False, True], ids=["path", "folded"])
def test_every_replica_once_a_stage(folded):
    """Each stage of each replica has one cell, and the domains hold just the widths they were given."""
    for seed in range(60):
        _, layout, tree, widths = random_tree(seed)
        domain = join_replicas(tree, widths, folded)
        assert domain.shape == (widths.shape[1], int(widths[:, 0].sum()))
        for stage, homes in enumerate(domain):
            assert np.bincount(homes, minlength=len(layout.room)).tolist() == widths[:, stage].tolist()


def test_folded_pipelines_keep_mirrored_stages_together():
    """Mirrored stages of a replica land in one domain where the widths allow it."""
    for replicas in (1, 2, 5):
        cluster = ragged_cluster([2 * replicas] * 3)
        job = grid_workload(dp=replicas, pp=6)
        problem = Problem(cluster, job, Objective.WEIGHTED, cluster.gpu_in_service)
        layout = whole_cells(problem, candidate_blocks(job.mesh)[0])
        widths = np.zeros((3, 6), np.int32)
        for node in range(3):
            widths[node, [node, 5 - node]] = replicas
        domain = join_replicas(Tree.of(problem, layout), widths, folded=True)
        assert (domain == domain[::-1]).all()


@pytest.mark.parametrize("first", range(0, 60, 30))
@pytest.mark.parametrize("rails", [False, True])
def test_seats_are_distinct_available_and_in_the_right_domain(first, rails):
    """No GPU twice, none unavailable, and each cell in the domain it was given, on rails or not."""
    for seed in range(first, first + 30):
        problem, layout, tree, widths = random_tree(seed)
        if rails:
            on_rails = replace(problem.cluster, gpu_rail=problem.cluster.gpu_local)
            problem = replace(problem, cluster=on_rails)
        home = join_replicas(tree, widths)
        gpus = seat_ranks(problem, layout, home)
        assert len(set(gpus.tolist())) == problem.workload.mesh.world_size
        assert problem.available[gpus].all()
        cells = layout.blocks.rank_table()
        assert (problem.cluster.domain_of_gpu[layout.cell_tier][gpus[cells]] == home[..., None]).all()


def seated(cluster, job):
    """The job in order of its stages, node by node."""
    problem = Problem(cluster, job, Objective.WEIGHTED, cluster.gpu_in_service)
    layout = lay_out(problem, candidate_blocks(job.mesh)[0])
    widths = np.zeros((len(layout.room), layout.blocks.stages), np.int32)
    places = np.repeat(np.arange(len(layout.room)), layout.room)[: layout.cells]
    np.add.at(widths, (places, np.repeat(np.arange(layout.blocks.stages), layout.blocks.replicas)), 1)
    return problem, layout, seat_ranks(problem, layout, join_replicas(Tree.of(problem, layout), widths))


@pytest.mark.parametrize("down", [(), (1,), (0, 9, 10), (7, 8, 17, 22)], ids=str)
def test_tensor_groups_stay_inside_nodes_where_they_fit(down):
    """With GPUs down in odd places every tensor group still sits in one node."""
    cluster = grid_cluster(2, 3, 8, down=down)
    job = grid_workload(tp=4, dp=3, pp=2 if len(down) > 1 else 3)
    _, layout, gpus = seated(cluster, job)
    groups = gpus.reshape(-1, 4)
    assert layout.inner_tier == 0
    assert (cluster.gpu_node[groups] == cluster.gpu_node[groups[:, :1]]).all()
    assert cluster.gpu_in_service[gpus].all()


def test_groups_larger_than_a_node_take_the_tier_that_holds_them():
    """A tensor group of 8 on nodes of 4 sits in one rack, in whole nodes."""
    cluster = grid_cluster(3, 2, 4)
    _, layout, gpus = seated(cluster, grid_workload(tp=8, dp=3))
    groups = gpus.reshape(-1, 8)
    assert layout.inner_tier == 1
    rack = cluster.domain_of_gpu[1][groups]
    assert (rack == rack[:, :1]).all()


def test_complete_nodes_are_seated_first():
    """A rack with more room than cells leaves the GPUs of its broken node free."""
    cluster = ragged_cluster([[4, 4, 4]], down=(5,))
    problem = Problem(cluster, grid_workload(tp=2, dp=4), Objective.WEIGHTED, cluster.gpu_in_service)
    layout = lay_out(problem, Blocks(problem.workload.mesh, 2, 1))
    home = np.asarray([[0, 0, 2, 2]])
    gpus = seat_ranks(problem, layout, home)
    assert sorted(gpus.tolist()) == [0, 1, 2, 3, 8, 9, 10, 11]


@pytest.mark.parametrize(("tp", "dp", "pp"), [(8, 8, 4), (4, 16, 4), (1, 64, 4), (2, 8, 16), (8, 4, 8)])
def test_rails_are_kept_on_a_regular_cluster(tp, dp, pp):
    """On equal nodes with a NIC for each GPU no byte of neighbours or peers changes rail."""
    families = [("dp", "all_reduce", 5.0), ("pp", "path", 2.0), ("tp", "all_reduce", 9.0)]
    cluster = grid_cluster(4, 8, 8, nics=8)
    job = grid_workload(tp=tp, dp=dp, pp=pp, families=families)
    _, _, gpus = seated(cluster, job)
    changes = rail_changes(claimed(cluster, job, gpus))
    assert changes.crossing_bytes > 0
    assert [change.changed_bytes for change in changes.families if change.family != "tp"] == [0.0, 0.0]


def test_a_moved_replica_keeps_its_berth():
    """A cell whose replica comes from another node sits at the same index there."""
    cluster = grid_cluster(2, 4, nics=4)
    problem = Problem(cluster, grid_workload(dp=4, pp=2), Objective.WEIGHTED, cluster.gpu_in_service)
    layout = lay_out(problem, candidate_blocks(problem.workload.mesh)[0])
    gpus = seat_ranks(problem, layout, np.asarray([[0, 0, 0, 0], [1, 1, 1, 1]]))
    assert cluster.gpu_local[gpus[:4]].tolist() == cluster.gpu_local[gpus[4:]].tolist()
