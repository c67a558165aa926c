"""Jobs of several roles: read, placed together, checked, written and read again."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from planner.fleet.check import check_fleet
from planner.fleet.contents import even_weights
from planner.fleet.file import fleet_files, read_fleet
from planner.fleet.flows import Flow, flow_bytes
from planner.fleet.folder import write_folder
from planner.fleet.load import load_fleet
from planner.fleet.plan import plan_fleet
from planner.placement.crossing import weighted_seconds
from planner.topology.load import load_topology
from tests.builders import claimed, grid_cluster, grid_workload
from tests.fleet.fleets import fleet, job

ROLES = """\
format_version: 1
name: roles
jobs:
  - name: rl
    priority: 2
    roles:
      - {name: trainer, workload: llama-8b-32, dp: 2}
      - name: rollout
        serving: {model: llama-3.1-8b, parallelism: {tp: 2}, precision: fp8, tokens: 4096, keep: {tp: node}}
        replicas: {min: 1, max: 3}
    flows:
      - {kind: weights, from: trainer, to: rollout, every: 4}
      - {kind: kv, from: rollout, to: trainer, tokens: 100}
      - {kind: samples, from: rollout, to: trainer, bytes: 1 MB}
  - {name: other, workload: llama-8b-32, dp: 1}
rules:
  - apart: {jobs: [rl, other], tier: node}
  - pin: {job: rl, to: [r1, r2/n1]}
"""


@pytest.fixture
def authored(tmp_path):
    """A fleet file with a job of two roles."""
    path = tmp_path / "roles.yaml"
    path.write_text(ROLES)
    return path


@pytest.fixture(scope="module")
def placed():
    """The shipped example of the lab, planned once."""
    cluster = load_topology("lab-4x8")
    return plan_fleet(cluster, load_fleet("lab-rl", cluster), time_limit_s=90.0)


def test_what_a_file_says_of_roles(authored):
    """Each role is a job of the fleet; rules on the job are on all of them; flows know their bytes."""
    found = load_fleet(authored, load_topology("lab-4x8"))
    assert [(each.name, each.group, each.priority) for each in found.jobs] == [
        ("rl.trainer", "rl", 2.0),
        ("rl.rollout", "rl", 2.0),
        ("other", "other", 1.0),
    ]
    assert [rule.jobs for rule in found.tier_rules] == [(0, 2), (1, 2)]
    assert [rule.job for rule in found.pins] == [0, 1]
    weights, kv, samples = found.flows
    assert (weights.source, weights.target, weights.every) == (0, 1, 4)
    # A byte for each of the model's 8 billion parameters, which are kept in fp8.
    assert weights.total_bytes == pytest.approx(8.03e9, rel=1e-3)
    assert kv.total_bytes == 100 * 32 * 2 * 8 * 128 * 2
    assert samples.total_bytes == 1e6
    # What a copy needs of memory is known at every size.
    sizes = found.jobs[1].sizes
    assert sizes.workload(3).memory_bytes == sizes.base.memory_bytes == (weights.total_bytes / 2,)


def test_roles_are_placed_together(placed):
    """Everything fits, passes the check, is proven best, and weights spread in no less than their bound."""
    assert check_fleet(placed).ok
    assert placed.claims.status == "optimal"
    assert [job.name for job in placed.jobs] == ["rl.trainer", "rl.rollout", "rl.reward"]
    weights = placed.claims.flows[0]
    assert weights.spread.least_s <= weights.spread.seconds
    parts = sum(each.priority * each.placement.claims.weighted_s for each in placed.jobs)
    assert placed.claims.value_s == pytest.approx(parts + placed.claims.flows_s + placed.claims.shared_s)


def test_flows_are_written_and_read(placed, tmp_path):
    """All that is claimed of them comes back, and is checked."""
    write_folder(tmp_path / "out", fleet_files(placed))
    found = read_fleet(tmp_path / "out")
    assert found.claims == placed.claims
    assert check_fleet(found).ok


def test_false_claims_of_flows(placed):
    """Bytes, seconds and the objective are recounted."""
    claims = placed.claims
    first = claims.flows[0]
    for changed in (
        replace(first, tier_bytes=tuple(2 * each for each in first.tier_bytes)),
        replace(first, tier_bytes=first.tier_bytes[:-1]),
    ):
        wrong = replace(placed, claims=replace(claims, flows=(changed, *claims.flows[1:])))
        assert {each.code for each in check_fleet(wrong).findings} == {"J027"}
    often = replace(first, flow=replace(first.flow, every=1))
    wrong = replace(placed, claims=replace(claims, flows=(often, *claims.flows[1:])))
    assert {each.code for each in check_fleet(wrong).findings} == {"J025"}


@pytest.mark.parametrize("seed", range(8))
def test_tiny_jobs_with_a_flow(seed):
    """What is found is the best there is, and proven to be."""
    rng = np.random.default_rng(seed)
    cluster = grid_cluster(2, 2, 2, uplinks=(float(rng.integers(1, 9)), float(rng.integers(1, 9))))
    trainer = grid_workload(dp=2, families=[("dp", "all_reduce", float(rng.integers(1, 9)))])
    rollout = grid_workload(dp=int(rng.integers(1, 4)), families=[])
    size = float(rng.integers(1, 30))
    flow = Flow("weights", 0, 1, 2, size, tuple(even_weights(trainer.mesh, rollout.mesh, size)))
    planned = replace(fleet(job("t", trainer), job("r", rollout)), flows=(flow,))
    found = plan_fleet(cluster, planned, time_limit_s=10.0)
    assert check_fleet(found).ok
    best = min(_value(cluster, trainer, rollout, flow, gpus) for gpus in _ways(cluster, 2, rollout.mesh.dp))
    assert found.claims.lower_bound_s <= best * (1 + 1e-9)
    assert found.claims.value_s == pytest.approx(best, rel=1e-9)
    assert found.claims.status == "optimal"


def _ways(cluster, first, second):
    """Ways to put two jobs of interchangeable ranks on GPUs."""
    for gpus in permutations(range(cluster.gpus), first + second):
        if list(gpus[:first]) == sorted(gpus[:first]) and list(gpus[first:]) == sorted(gpus[first:]):
            yield gpus


def _value(cluster, trainer, rollout, flow, gpus):
    source = claimed(cluster, trainer, gpus[: trainer.mesh.world_size])
    target = claimed(cluster, rollout, gpus[trainer.mesh.world_size :])
    return source.claims.weighted_s + weighted_seconds(cluster, flow_bytes(flow, source, target)) / flow.every


def test_pools_that_exchange_much_lie_side_by_side():
    """Prefill and decode share nodes where keys and values are worth it, though each could have its own."""
    cluster = grid_cluster(4, 2, 4, uplinks=(10.0, 10.0))
    pool = grid_workload(tp=2, dp=4, families=[("tp", "all_reduce", 1.0)], keep={"tp": "node"})
    flow = Flow("kv", 0, 1, 1, 100.0)
    near = plan_fleet(
        cluster, replace(fleet(job("p", pool), job("d", pool)), flows=(flow,)), time_limit_s=5.0
    )
    assert near.claims.flows[0].tier_bytes == (0.0, 0.0, 0.0)
    assert near.claims.status == "optimal"


def test_shipped_pools_keep_their_traffic_in_racks():
    """Half of each pool lies in each rack, and half of what goes from one to the other stays in its node."""
    cluster = load_topology("lab-4x8")
    found = plan_fleet(cluster, load_fleet("lab-serve", cluster), time_limit_s=30.0)
    assert check_fleet(found).ok
    assert found.claims.status == "optimal"
    flow = found.claims.flows[0]
    assert flow.tier_bytes == pytest.approx((flow.flow.total_bytes / 2, 0.0, 0.0))


def test_new_rollouts_beside_a_trainer_that_runs():
    """They go where a copy of the weights is: no rank of the trainer moves, and nothing comes in."""
    cluster = grid_cluster(4, 4, uplinks=(10.0,))
    trainer, rollout = grid_workload(dp=2), grid_workload(dp=4)
    running = claimed(cluster, trainer, [4, 12])
    flow = Flow("weights", 0, 1, 1, 10.0, tuple(even_weights(trainer.mesh, rollout.mesh, 10.0)))
    planned = replace(fleet(job("t", trainer, running=running), job("r", rollout)), flows=(flow,))
    found = plan_fleet(cluster, planned, time_limit_s=5.0)
    assert found.claims.flows[0].tier_bytes == (0.0, 0.0)
    assert set(cluster.gpu_node[found.jobs[1].placement.gpu_of_rank].tolist()) == {1, 3}


def test_false_claims_of_spreading(placed):
    """Seconds, least seconds and hops are recounted."""
    claims = placed.claims
    weights = claims.flows[0]
    outer = weights.spread.tiers[-1]
    for wrong in (
        replace(weights.spread, hops=weights.spread.hops + 1),
        replace(weights.spread, tiers=weights.spread.tiers[:-1]),
        replace(
            weights.spread, tiers=(*weights.spread.tiers[:-1], replace(outer, seconds=outer.seconds / 2))
        ),
        replace(weights.spread, tiers=(*weights.spread.tiers[:-1], replace(outer, least_s=None))),
    ):
        flows = (replace(weights, spread=wrong), *claims.flows[1:])
        told = replace(placed, claims=replace(claims, flows=flows))
        assert {each.code for each in check_fleet(told).findings} == {"J028"}
