"""Jobs that are placed for the weights they receive as well."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.fleet.check import check_fleet
from planner.fleet.contents import even_weights
from planner.fleet.fleet import Fleet
from planner.fleet.flows import Flow, flow_bytes
from planner.fleet.plan import plan_fleet
from planner.fleet.receiving import with_received
from planner.placement.crossing import measure
from tests.builders import claimed, grid_cluster, grid_workload
from tests.fleet.fleets import job

CLUSTER = grid_cluster(3, 2, 4, uplinks=(10.0, 20.0))


def fleet_with_flow(source, target, every=1, total=48.0, priority=1.0):
    """A sender and a receiver of weights."""
    flow = Flow("weights", 0, 1, every, total, tuple(even_weights(source.mesh, target.mesh, total)))
    return Fleet("fleet", (job("trainer", source, priority), job("rollout", target)), (), (flow,))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    shape=st.sampled_from(
        [{"pp": 2, "dp": 4}, {"tp": 2, "dp": 3}, {"dp": 6, "ep": 2}, {"tp": 2, "pp": 2, "dp": 2}]
    ),
    priority=st.sampled_from([0.5, 3.0]),
    every=st.integers(1, 3),
)
def test_families_cost_what_the_flow_costs(seed, shape, priority, every):
    """Away from the sender J with what is received is J and K, but for what is the same everywhere."""
    rng = np.random.default_rng(seed)
    source = grid_workload(pp=2, tp=2)
    target = grid_workload(**shape, families=[("dp", "all_reduce", 2.0)] if "ep" not in shape else [])
    fleet = fleet_with_flow(source, target, every, priority=priority)
    wanted = with_received(fleet, 1, target)
    sender = claimed(CLUSTER, source, range(4))
    found = []
    for _ in range(2):
        table = (8 + rng.permutation(16)[: target.mesh.world_size]).astype(np.int32)
        crossing = flow_bytes(fleet.flows[0], sender, claimed(CLUSTER, target, table))
        own = measure(CLUSTER, target, table).tier_bytes
        received = measure(CLUSTER, wanted, table).tier_bytes
        found.append(
            [
                one + priority / every * flow - both
                for one, flow, both in zip(own, crossing, received, strict=True)
            ]
        )
    # The sender's own rack takes in nothing, so what is constant is the weights once at every other tier.
    assert found[0][:2] == pytest.approx(found[1][:2])


def test_jobs_that_receive_nothing_stay_as_they_are():
    """The sender, and a receiver of which there is one copy, have no further families."""
    one, copies = grid_workload(pp=2), grid_workload(pp=2, dp=2)
    assert with_received(fleet_with_flow(copies, one), 0, copies) is None
    assert with_received(fleet_with_flow(copies, one), 1, one) is None


def test_copies_are_placed_stage_by_stage_where_weights_are_many():
    """With little between stages and much to receive, a node holds one stage; the families stay behind."""
    trainer = grid_workload(dp=2, families=[("dp", "all_reduce", 1.0)])
    rollout = grid_workload(pp=2, dp=8, families=[("pp", "path", 0.1)])
    cluster = grid_cluster(5, 1, 4, uplinks=(10.0, 20.0))
    for total, stages in ((480.0, 1), (0.01, 2)):
        placed = plan_fleet(cluster, fleet_with_flow(trainer, rollout, total=total), time_limit_s=3.0)
        assert check_fleet(placed).ok
        assert placed.jobs[1].placement.workload == rollout
        table = placed.jobs[1].placement.gpu_of_rank
        stage = rollout.mesh.coordinate("pp", np.arange(16))
        held = [set(stage[table // 4 == node].tolist()) for node in set((table // 4).tolist())]
        assert max(map(len, held)) == stages
