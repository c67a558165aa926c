"""The joint model of small fleets: its bound, against trying everything."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from planner.fleet.contents import even_weights
from planner.fleet.flows import Flow, flow_bytes
from planner.fleet.ground import Ground
from planner.fleet.joint import JointModel, is_countable, shape_of, ways
from planner.fleet.plan import plan_fleet
from planner.placement.crossing import weighted_seconds
from planner.solve.setup.control import Control
from tests.builders import claimed, grid_cluster, grid_workload
from tests.fleet.fleets import fleet, job


def random_fleet(seed):
    """Two jobs of interchangeable ranks and both kinds of flows between them."""
    rng = np.random.default_rng(seed)
    cluster = grid_cluster(2, 2, 2, uplinks=(float(rng.integers(1, 9)), float(rng.integers(1, 9))))
    one, other = (
        grid_workload(dp=int(rng.integers(2, 5)), families=[("dp", "all_reduce", float(rng.integers(0, 9)))])
        for _ in range(2)
    )
    size, sent = float(rng.integers(1, 30)), float(rng.integers(1, 30))
    flows = (
        Flow("weights", 0, 1, 2, size, tuple(even_weights(one.mesh, other.mesh, size))),
        Flow("samples", 1, 0, 1, sent),
    )
    return cluster, replace(fleet(job("one", one, 2.0), job("other", other)), flows=flows)


def least_value(cluster, planned):
    """The least F without what is shared, and the least F, of all ways to choose the GPUs of both jobs."""
    one, other = (each.sizes.base for each in planned.jobs)
    best = [np.inf, np.inf]
    for gpus in combinations(range(cluster.gpus), one.mesh.world_size):
        rest = [gpu for gpu in range(cluster.gpus) if gpu not in gpus]
        for more in combinations(rest, other.mesh.world_size):
            ends = claimed(cluster, one, gpus), claimed(cluster, other, more)
            own = 2.0 * ends[0].claims.weighted_s + ends[1].claims.weighted_s
            for flow in planned.flows:
                sent = flow_bytes(flow, ends[flow.source], ends[flow.target])
                own += planned.jobs[flow.source].priority * weighted_seconds(cluster, sent) / flow.every
            best = [min(best[0], own), min(best[1], own + _shared(cluster, ends))]
    return best


def _shared(cluster, ends):
    from planner.fleet.value import fleet_value

    return fleet_value(cluster, ends, (0.0, 0.0)).shared_s


@pytest.mark.parametrize("seed", range(6))
def test_the_bound_is_the_least_but_for_what_is_shared(seed):
    """The bound is exact where counts say all, and what is found is the best there is."""
    cluster, planned = random_fleet(seed)
    unshared, best = least_value(cluster, planned)
    found = plan_fleet(cluster, planned, time_limit_s=60.0)
    assert found.claims.value_s == pytest.approx(best, rel=1e-9)
    assert found.claims.lower_bound_s <= best * (1 + 1e-9)
    assert found.claims.lower_bound_s >= unshared * (1 - 1e-9)


def test_counts_of_the_same_shape():
    """The order of domains side by side does not count; which lie in one does."""
    ground = Ground(grid_cluster(2, 2, 4, uplinks=(1.0, 1.0)), fleet(job("a", grid_workload(dp=6))))
    shape = shape_of(ground, (4, 2, 0, 0))
    assert shape == shape_of(ground, (0, 0, 2, 4))
    assert shape != shape_of(ground, (4, 0, 2, 0))
    assert len(set(ways(ground, 0, 6))) == len(list(ways(ground, 0, 6))) == 68


def test_large_fleets_are_not_counted_out():
    """Too many ranks, or too many ways, make no model."""
    work = grid_workload(dp=8)
    small = Ground(grid_cluster(4, 4, uplinks=(1.0,)), fleet(job("a", work)))
    assert is_countable(small, {0: 8})
    many = Ground(grid_cluster(32, 4, uplinks=(1.0,)), fleet(job("a", work)))
    assert not is_countable(many, {0: 8})


def test_what_is_told_raises_the_bound():
    """Counts that cost more than was known are named no more where others cost less."""
    ground = Ground(grid_cluster(2, 4, uplinks=(1.0,)), fleet(job("a", grid_workload(dp=4))))
    model = JointModel(ground, {0: 4}, Control(10.0), {0: 1.0}, 1.0)
    for shape, seconds in (((4, 0), 2.0), ((3, 1), 3.0), ((2, 2), 1.5)):
        assert model.raise_to(0, shape, seconds)
        assert not model.raise_to(0, shape[::-1], seconds)
    assert model.least() == {0: (2, 2)}
    assert model.bound_s == pytest.approx(1.5)
