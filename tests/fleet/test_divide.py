"""Dividing a cluster among jobs, and the prices by which that is done."""

from __future__ import annotations

import numpy as np

from planner.fleet.divide import Divider, Partition
from planner.fleet.fleet import Fleet
from planner.fleet.flows import Flow
from planner.fleet.ground import Ground
from planner.fleet.prices import Prices, bytes_between_halves, estimate
from planner.fleet.sizing import size_jobs
from planner.solve.setup.control import Control
from tests.builders import grid_cluster, grid_workload, ragged_cluster
from tests.fleet.fleets import job

EXCHANGE = [("ep", "all_to_all", 5.0)]


def pools(cluster, flow_bytes):
    """Twice as many ranks that receive as send, in copies of two that have nothing to say to each other."""
    sends, takes = (grid_workload(dp=each, ep=2, families=EXCHANGE, keep={"ep": "node"}) for each in (16, 32))
    flow = Flow("kv", 0, 1, 1, flow_bytes)
    return Ground(cluster, Fleet("fleet", (job("prefill", sends), job("decode", takes)), (), (flow,)))


def divided(ground, known=None):
    """The partition of a fleet by prices from no crossing bytes at all."""
    control = Control(20.0)
    way, sizes = size_jobs(ground, control)
    workloads = {at: ground.fleet.jobs[at].sizes.workload(size) for at, size in sizes.items()}
    prices = estimate(ground, workloads, dict.fromkeys(workloads, np.zeros(4)), way.cuts)
    divider = Divider(ground, way, control, prices, known={} if known is None else known)
    found = divider.divide({at: each.mesh.world_size for at, each in workloads.items()})
    assert isinstance(found, Partition)
    return found, divider


def test_no_copy_is_halved():
    """Copies that have nothing to say to each other can be parted for nothing, an odd number of them too."""
    for copies in (2, 3, 5):
        assert bytes_between_halves(grid_workload(dp=2 * copies, ep=2, families=EXCHANGE)) == 0.0
    assert bytes_between_halves(grid_workload(dp=2, ep=2, families=EXCHANGE)) > 0.0
    assert bytes_between_halves(grid_workload(pp=2, families=[("pp", "path", 3.0)])) == 3.0
    assert bytes_between_halves(grid_workload()) == 0.0


def test_pools_meet_in_every_rack(monkeypatch):
    """Both ends of a flow have equal shares of racks, also where each rack is shared out on its own."""
    monkeypatch.setattr("planner.fleet.divide.MOST_COUNTS", 8)
    ground = pools(grid_cluster(4, 3, 4, uplinks=(10.0, 20.0)), 1e6)
    found, divider = divided(ground)
    node = ground.around(0, 1)
    for at, each in ((0, 4), (1, 8)):
        assert np.bincount(node, found.gpus[at]).tolist() == [each] * 4
    # The racks are alike, so that one answers for all.
    assert len(divider.known) == 1


def test_racks_that_differ_are_shared_out_one_by_one(monkeypatch):
    """A rack of other nodes, or with a GPU out of service, is not like the rest."""
    monkeypatch.setattr("planner.fleet.divide.MOST_COUNTS", 8)
    nested = [[4, 4, 4], [4, 4, 4], [6, 6], [4, 4, 5]]
    ground = pools(ragged_cluster(nested, uplinks=(10.0, 20.0)), 1e6)
    found, divider = divided(ground)
    assert len(divider.known) > 1
    room = np.bincount(ground.cluster.gpu_node)
    assert (sum(found.gpus.values()) <= room).all()
    assert [int(each.sum()) for each in found.gpus.values()] == [16, 32]


def test_shaken_prices_share_out_every_rack_anew(monkeypatch):
    """What is found for one rack is not taken for others when prices are made to differ."""
    monkeypatch.setattr("planner.fleet.divide.MOST_COUNTS", 8)
    ground = pools(grid_cluster(4, 3, 4, uplinks=(10.0, 20.0)), 1e6)
    way, _ = size_jobs(ground, Control(20.0))
    workloads = {at: each.sizes.base for at, each in enumerate(ground.fleet.jobs)}
    prices = estimate(ground, workloads, dict.fromkeys(workloads, np.zeros(4)), way.cuts)
    shaken: Prices = prices.shaken(np.random.default_rng(0))
    divider = Divider(ground, way, Control(20.0), shaken)
    assert isinstance(divider.divide({0: 16, 1: 32}), Partition)
    assert not divider.known
