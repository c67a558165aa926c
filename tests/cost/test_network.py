"""Seconds of communication."""

from __future__ import annotations

import numpy as np
import pytest

from planner.cost.network import SCALE_UP, Network, rank_bytes
from planner.workload.family import Kind
from planner.workload.mesh import Mesh
from tests.builders import grid_cluster, grid_family


def network(mesh, *, uplinks=(10.0, None), scale_up=100.0):
    """Two racks of two nodes of four GPUs; uplinks in bytes a second."""
    cluster = grid_cluster(2, 2, 4, uplinks=uplinks, scale_up=scale_up)
    return Network(cluster, mesh, np.arange(mesh.world_size, dtype=np.int32))


def test_inside_a_node():
    """An all-reduce of S over four ranks sends 3/2 S from each, over NVLink alone."""
    mesh = Mesh(tp=4, dp=4)
    found = network(mesh).time(grid_family("tp", "all_reduce", 8, mesh=mesh))
    assert found.by_link == {SCALE_UP: pytest.approx([12 / 100])}
    assert found.domains == 1


def test_across_nodes():
    """Over four nodes: 2 S 3/4 leave each for every of the four groups, over one uplink."""
    mesh = Mesh(tp=4, dp=4)
    found = network(mesh).time(grid_family("dp", "all_reduce", 8, mesh=mesh))
    assert found.by_link["node"] == pytest.approx([4 * 12 / 10])
    assert found.domains == 4


def test_outer_tier():
    """With an uplink of racks too, both tiers are there and the slower one counts."""
    mesh = Mesh(tp=4, dp=4)
    one = network(mesh, uplinks=(10.0, 1.0))
    found = one.time(grid_family("dp", "all_gather", 8, mesh=mesh))
    assert found.by_link["node"] == pytest.approx([4 * 6 / 10])
    assert found.by_link["rack"] == pytest.approx([4 * 4 / 1])


def test_stages_differ():
    """Each stage has its own payload, and its own nodes."""
    mesh = Mesh(tp=4, dp=2, pp=2)
    found = network(mesh).time(grid_family("dp", "all_reduce", (8, 16), mesh=mesh))
    assert found.by_link["node"] == pytest.approx([4 * 8 / 10, 4 * 16 / 10])


def test_stages_that_move_nothing_do_not_wait():
    """Though their groups lie in nodes whose uplinks others use."""
    mesh = Mesh(tp=2, dp=4, pp=2)
    cluster = grid_cluster(2, 2, 4, uplinks=(10.0,), scale_up=100.0)
    mixed = np.arange(16, dtype=np.int32).reshape(2, 4, 2).transpose(1, 0, 2).ravel()
    found = Network(cluster, mesh, np.argsort(mixed).astype(np.int32)).time(
        grid_family("dp", "all_reduce", (8, 0), mesh=mesh)
    )
    assert found.by_link["node"][0] > 0
    assert found.by_link["node"][1] == 0


def test_pipeline_within_a_node_uses_nvlink():
    """Half of the payload goes each way."""
    mesh = Mesh(tp=2, pp=2, dp=4, rank_order=("tp", "pp", "cp", "ep", "dp"))
    found = network(mesh).time(grid_family("pp", "path", 8, mesh=mesh))
    assert found.by_link == {SCALE_UP: pytest.approx([0.04, 0.04])}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(Kind.ALL_REDUCE, 12), (Kind.ALL_GATHER, 6), (Kind.ALL_TO_ALL, 24), (Kind.PATH, 4)],
)
def test_bytes_of_a_rank(kind, expected):
    """Of a payload of eight over four ranks."""
    assert rank_bytes(kind, 8, 4) == expected
