"""A cluster in outline, against where groups really lie."""

from __future__ import annotations

import numpy as np
import pytest

from planner.cost.network import Network
from planner.strategy.outline import Outline
from planner.workload.mesh import Mesh
from tests.builders import grid_cluster, grid_family

CLUSTER = grid_cluster(4, 4, 8, uplinks=(400.0, 800.0), scale_up=450.0)
MESHES = [
    Mesh(tp=8, dp=16),
    Mesh(tp=4, dp=8, pp=4),
    Mesh(tp=2, cp=2, dp=8, pp=4),
    Mesh(tp=4, dp=8, pp=4, rank_order=("tp", "cp", "ep", "pp", "dp")),
    Mesh(tp=1, ep=8, dp=32, pp=4),
]
FAMILIES = [
    ("tp", "all_gather"),
    ("dp", "all_reduce"),
    ("cp", "reduce_scatter"),
    ("ep", "all_to_all"),
    ("edp", "all_reduce"),
    (("cp", "dp"), "reduce_scatter"),
]


def test_typical_domains():
    """Medians of what is in service; spares and the whole cluster left out."""
    found = Outline.of(grid_cluster(4, 4, 8, uplinks=(400.0, 800.0), down=[0], spare=[8]))
    assert found.gpus == 126
    assert [(level.tier, level.gpus) for level in found.levels] == [("node", 8), ("rack", 32)]


@pytest.mark.parametrize("mesh", MESHES, ids=str)
@pytest.mark.parametrize(("axes", "kind"), FAMILIES, ids=str)
def test_seconds_are_those_of_ranks_in_order(mesh, axes, kind):
    """On a regular cluster the outline gives what a placement of ranks in their order gives, link by link."""
    family = grid_family(axes, kind, 1000, mesh=mesh)
    real = Network(CLUSTER, mesh, np.arange(mesh.world_size, dtype=np.int32)).time(family)
    found = Outline.of(CLUSTER).time(family, mesh)
    assert found.domains == real.domains
    for link in {*real.by_link, *found.by_link}:
        zeros = np.zeros(mesh.pp)
        assert found.by_link.get(link, zeros) == pytest.approx(real.by_link.get(link, zeros)), link


@pytest.mark.parametrize("mesh", MESHES[1:], ids=str)
def test_pipelines_take_no_less_than_in_order(mesh):
    """The ends of a pipeline send once only, which the outline does not look at."""
    family = grid_family("pp", "path", 1000, mesh=mesh)
    real = Network(CLUSTER, mesh, np.arange(mesh.world_size, dtype=np.int32)).time(family)
    found = Outline.of(CLUSTER).time(family, mesh)
    for link, seconds in real.by_link.items():
        assert (found.by_link[link] >= seconds - 1e-9).all()
