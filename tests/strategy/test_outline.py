"""A cluster in outline, against where groups really lie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.cost.network import Network
from planner.strategy.measure import step_of
from planner.strategy.outline import Outline
from planner.strategy.space import ORDERS, Strategy
from planner.workload.job import DataParallel, Recompute, Schedule
from planner.workload.mesh import Mesh
from tests.builders import grid_cluster, grid_family
from tests.strategy.questions import QUESTION, with_models

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


UNEVEN = [
    (grid_cluster(3, 2, 6, uplinks=(400.0, 800.0), scale_up=450.0), Mesh(tp=4, dp=9)),
    (grid_cluster(3, 2, 6, uplinks=(400.0, 800.0), scale_up=450.0), Mesh(tp=2, ep=4, dp=8, pp=2)),
    (grid_cluster(4, 3, 8, uplinks=(400.0, 800.0), scale_up=450.0), Mesh(tp=2, cp=2, ep=10, dp=5, pp=4)),
    (grid_cluster(4, 3, 8, uplinks=(400.0, 800.0), scale_up=450.0), Mesh(tp=1, ep=12, dp=12, pp=8)),
    (grid_cluster(2, 4, 9, uplinks=(400.0, 800.0), scale_up=450.0), Mesh(tp=2, ep=8, dp=16, pp=2)),
]


@pytest.mark.parametrize(("cluster", "mesh"), UNEVEN, ids=str)
@pytest.mark.parametrize(("axes", "kind"), FAMILIES, ids=str)
def test_seconds_are_about_those_of_ranks_in_order(cluster, mesh, axes, kind):
    """Also where groups do not fill domains evenly: the slowest link is not much slower or faster."""
    family = grid_family(axes, kind, 1000, mesh=mesh)
    real = Network(cluster, mesh, np.arange(mesh.world_size, dtype=np.int32)).time(family)
    found = Outline.of(cluster).time(family, mesh)
    slowest, expected = (max(map(np.max, each.by_link.values())) for each in (found, real))
    assert 0.6 * expected <= slowest <= 2.3 * expected


def test_slower_models_do_not_count_where_there_are_enough_others():
    """A strategy that needs the fast part only is predicted as on a cluster of that alone."""
    mixed = with_models(grid_cluster(3, 8, uplinks=(400e9,), scale_up=450e9), "a100", "h100", "h100")
    alone = with_models(grid_cluster(2, 8, uplinks=(400e9,), scale_up=450e9), "h100", "h100")
    row = Strategy(8, 1, 1, 2, 1, 1, 1, Schedule.ONE_F_ONE_B, Recompute.NONE)
    asked = replace(QUESTION, global_batch=6)
    fits, does_not = (
        asked.job(row._replace(dp=dp), ORDERS[0], DataParallel.DISTRIBUTED_OPTIMIZER) for dp in (2, 3)
    )
    assert step_of(fits, Outline.of(mixed)).gpu.name == "h100"
    assert step_of(fits, Outline.of(mixed)).time().step_s == step_of(fits, Outline.of(alone)).time().step_s
    assert step_of(does_not, Outline.of(mixed)).gpu.name == "a100"


def test_slower_links_count_where_all_gpus_are_needed():
    """The slowest uplink is that of strategies on the whole cluster only."""
    cluster = grid_cluster(4, 8, uplinks=((400e9, 400e9, 100e9, 400e9),), scale_up=450e9)
    family = grid_family("dp", "all_reduce", 1e9, mesh=Mesh(tp=8, dp=2))
    seconds = [
        Outline.of(cluster).ground(gpus).time(family, Mesh(tp=8, dp=2)).by_link["node"][0]
        for gpus in (24, 32)
    ]
    assert seconds == pytest.approx([8e9 / 400e9, 8e9 / 100e9])
