"""Cuts of a mesh into cells."""

from __future__ import annotations

import numpy as np
import pytest

from planner.solve.setup.blocks import Blocks, candidate_blocks
from planner.workload.mesh import Mesh

ORDERS = [("tp", "cp", "ep", "dp", "pp"), ("tp", "dp", "cp", "pp", "ep"), ("pp", "cp", "dp", "tp", "ep")]


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_tables_hold_every_rank_once_at_its_stage(order):
    """Each rank is in one cell, of its own stage, whatever the rank order."""
    mesh = Mesh(tp=2, cp=2, ep=4, dp=4, pp=3, rank_order=order)
    for blocks in candidate_blocks(mesh):
        table = blocks.rank_table()
        assert table.shape == (3, blocks.replicas, blocks.cell_ranks)
        assert sorted(table.reshape(-1).tolist()) == list(range(mesh.world_size))
        for stage in range(3):
            assert (mesh.coordinate("pp", table[stage]) == stage).all()


@pytest.mark.parametrize("order", ORDERS[:2], ids="-".join)
def test_cells_hold_whole_groups(order):
    """The largest cells hold whole tensor and expert groups, and context groups that run inside them."""
    mesh = Mesh(tp=2, cp=2, ep=4, dp=4, pp=2, rank_order=order)
    cells = candidate_blocks(mesh)[0].rank_table()
    axes = ("tp", "ep", "cp") if order[1] == "cp" else ("tp", "ep")
    for axis in axes:
        present = np.sort(mesh.coordinate(axis, cells), axis=2)
        expected = np.repeat(np.arange(mesh.degree(axis)), cells.shape[2] // mesh.degree(axis))
        assert (present == expected).all()


def test_replicas_of_a_cell_are_the_same_replica_at_every_stage():
    """A cell's ranks differ from those of the same cell at another stage by the stage alone."""
    mesh = Mesh(tp=2, cp=3, ep=1, dp=2, pp=4)
    for blocks in candidate_blocks(mesh):
        table = blocks.rank_table()
        for axis in ("tp", "cp", "dp"):
            at = mesh.coordinate(axis, table)
            assert (at == at[:1]).all()


@pytest.mark.parametrize(
    ("mesh", "cuts"),
    [
        (Mesh(dp=8, pp=2), [(1, 1)]),
        (Mesh(tp=4, dp=8), [(4, 1), (1, 1)]),
        (Mesh(tp=2, cp=4, dp=2), [(2, 4), (2, 1), (1, 1)]),
        (Mesh(tp=2, cp=2, ep=4, dp=4), [(2, 4), (2, 2), (2, 1), (1, 1)]),
        (Mesh(cp=2, ep=3, dp=3), [(1, 6), (1, 1)]),
    ],
)
def test_cuts_largest_first(mesh, cuts):
    """Cells of whole context and expert groups first, single ranks last, and no cut that lies unevenly."""
    assert [(blocks.inner, blocks.run) for blocks in candidate_blocks(mesh)] == cuts


def test_sizes():
    """Cells, replicas and stages multiply to the world."""
    blocks = Blocks(Mesh(tp=2, cp=2, dp=6, pp=3), 2, 4)
    assert (blocks.cell_ranks, blocks.replicas, blocks.stages) == (8, 3, 3)
    assert blocks.cell_ranks * blocks.replicas * blocks.stages == blocks.mesh.world_size
