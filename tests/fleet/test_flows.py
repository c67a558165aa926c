"""Flows between jobs: bytes, spreading, bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.fleet.contents import Content, common_weights, content_of, even_weights
from planner.fleet.flow_bounds import least_bytes, least_crossing, least_to_running, most_at_home
from planner.fleet.flows import Common, Flow, bundles, flow_bytes, overlaps, shards
from planner.fleet.ground import Ground
from planner.fleet.multicast import spread
from planner.fleet.recount_flows import homes, pieces, recount_flow
from planner.fleet.recount_spread import recount_spread
from planner.fleet.schema import ServingSection
from planner.fleet.serving import served_stages
from planner.workload.architecture import load_model
from planner.workload.load import load_workload
from planner.workload.mesh import Mesh
from tests.builders import claimed, grid_cluster, grid_workload
from tests.fleet.fleets import fleet, job

CLUSTER = grid_cluster(2, 2, 4, uplinks=(10.0, 20.0))


def weights(source, target, total=48.0):
    """A flow of weights that are spread evenly over stages."""
    return Flow("weights", 0, 1, 1, total, tuple(even_weights(source.mesh, target.mesh, total)))


def at(workload, *gpus, cluster=CLUSTER):
    """A placement on these GPUs."""
    return claimed(cluster, workload, gpus)


def recounted(flow, source, target):
    """The same bytes, counted the checker's way."""
    cluster = source.cluster
    domains = [
        [domain[each.gpu_of_rank].astype(np.int64) for domain in cluster.domain_of_gpu]
        for each in (source, target)
    ]
    meshes = source.workload.mesh, target.workload.mesh
    return recount_flow(flow, meshes, (domains[0], domains[1]), cluster.boundary)


def test_weights_come_once_into_each_domain_that_lacks_them():
    """Two copies of the receiver in a node get one stream; where a copy is already, none."""
    one = grid_workload(dp=1)
    copies = grid_workload(dp=4)
    flow = weights(one, copies)
    # The sender is in the first node, receivers in the first, twice in the second, and in the other rack.
    assert flow_bytes(flow, at(one, 0), at(copies, 1, 4, 5, 8)) == [96.0, 48.0, 0.0]
    assert flow_bytes(flow, at(one, 0), at(copies, 1, 2, 3, 4)) == [48.0, 0.0, 0.0]


def test_another_split_receives_from_parts():
    """Two stages become two tensor halves: each half needs half of each stage."""
    stages, halves = grid_workload(pp=2), grid_workload(tp=2)
    flow = weights(stages, halves)
    assert sorted(shard.size_bytes for shard in shards(flow, stages.mesh, halves.mesh)) == [12.0] * 4
    # Both halves are in the node of the first stage, so that only the second comes in.
    assert flow_bytes(flow, at(stages, 0, 4), at(halves, 1, 2))[0] == 24.0
    assert flow_bytes(flow, at(stages, 0, 4), at(halves, 1, 5))[0] == 24.0
    assert flow_bytes(flow, at(stages, 0, 4), at(halves, 8, 12))[:2] == [48.0, 48.0]


def test_experts_go_to_those_that_hold_them():
    """Two expert ranks become four: each needs half of what one of the two has."""
    two, four = grid_workload(dp=2, ep=2), grid_workload(dp=4, ep=4)
    flow = Flow("weights", 0, 1, 1, 48.0, (Common(0, 0, 0.0, 48.0),))
    assert [shard.size_bytes for shard in shards(flow, two.mesh, four.mesh)] == [12.0] * 4
    assert flow_bytes(flow, at(two, 0, 4), at(four, 1, 5, 6, 7))[0] == 12.0
    assert flow_bytes(flow, at(two, 0, 4), at(four, 8, 9, 12, 13))[:2] == [48.0, 48.0]


def test_what_goes_from_copy_to_copy_stays_at_home_where_it_can():
    """With half the senders and a quarter of the receivers in a node, a quarter stays in it."""
    pair, four = grid_workload(dp=2), grid_workload(dp=4)
    flow = Flow("samples", 0, 1, 1, 100.0)
    assert flow_bytes(flow, at(pair, 0, 8), at(four, 1, 9, 12, 13)) == pytest.approx([50.0, 25.0, 0.0])
    assert flow_bytes(flow, at(pair, 0, 4), at(four, 1, 2, 5, 6)) == [0.0, 0.0, 0.0]


@given(one=st.integers(1, 12), other=st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_parts_that_two_splits_have_in_common(one, other):
    """They add up to the whole, and to each part of either split."""
    found = list(overlaps(one, other))
    assert sum(share for _, _, share in found) == pytest.approx(1.0)
    for i in range(one):
        assert sum(share for a, _, share in found if a == i) == pytest.approx(1 / one)
    for k in range(other):
        assert sum(share for _, b, share in found if b == k) == pytest.approx(1 / other)


def random_flow(seed):
    """A flow between two random jobs at random places of a random cluster."""
    rng = np.random.default_rng(seed)
    uplinks = tuple(float(each) for each in rng.integers(1, 30, 3))
    cluster = grid_cluster(2, 3, 2, 4, uplinks=uplinks, boundary=int(rng.integers(2)))
    ends = []
    for _ in range(2):
        tp, pp, ep = (int(rng.choice([1, 2, 3])) for _ in range(3))
        ends.append(grid_workload(tp=tp, pp=pp, ep=ep, dp=ep * int(rng.integers(1, 3))))
    if sum(each.mesh.world_size for each in ends) > cluster.gpus:
        return random_flow(seed + 1_000_003)
    gpus = rng.permutation(cluster.gpus)
    first = ends[0].mesh.world_size
    source = at(ends[0], *gpus[:first], cluster=cluster)
    target = at(ends[1], *gpus[first : first + ends[1].mesh.world_size], cluster=cluster)
    common = tuple(
        Common(p, q, 10 * share, 30 * share) for p, q, share in overlaps(ends[0].mesh.pp, ends[1].mesh.pp)
    )
    kind = str(rng.choice(["weights", "weights", "samples", "kv"]))
    return Flow(kind, 0, 1, 1, 40.0, common if kind == "weights" else ()), source, target


@given(seed=st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_both_ways_of_counting_agree(seed):
    """What is planned with is what the check counts."""
    flow, source, target = random_flow(seed)
    assert flow_bytes(flow, source, target) == pytest.approx(recounted(flow, source, target), abs=1e-9)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_spreading_takes_no_less_than_its_bound(seed):
    """At every tier; and as many bytes come in as are counted."""
    flow, source, target = random_flow(seed)
    if flow.kind != "weights":
        return
    found = spread(flow, source, target)
    boundary = source.cluster.boundary
    counted = flow_bytes(flow, source, target)[boundary:-1]
    assert [each.crossing_bytes for each in found.tiers] == pytest.approx(counted, abs=1e-9)
    for each in found.tiers:
        assert each.least_s <= each.seconds * (1 + 1e-9)
    assert found.least_s <= found.seconds
    lacking = any(each.takers[~each.holders].any() for each in bundles(flow, source, target, boundary))
    assert (found.hops > 0) == lacking


@given(seed=st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_both_ways_of_timing_agree(seed):
    """Spreading takes as long as the check recomputes, with as many hops."""
    flow, source, target = random_flow(seed)
    if flow.kind != "weights":
        return
    cluster, found = source.cluster, spread(flow, source, target)
    held = [
        homes(each.workload.mesh, cluster.domain_of_gpu[cluster.boundary][each.gpu_of_rank].astype(np.int64))
        for each in (source, target)
    ]
    meshes = source.workload.mesh, target.workload.mesh
    again = recount_spread(cluster, pieces(flow, meshes, (held[0], held[1])))
    assert again.hops == found.hops
    for one, other in zip(again.tiers, found.tiers, strict=True):
        assert tuple(one) == pytest.approx((other.crossing_bytes, other.seconds, other.least_s), abs=1e-9)


def test_a_tree_sends_no_stream_twice_out_of_a_domain():
    """One sender, three nodes that lack 48 bytes: each passes them on, so that no uplink carries more."""
    one, copies = grid_workload(dp=1), grid_workload(dp=3)
    found = spread(weights(one, copies), at(one, 0), at(copies, 4, 8, 12))
    node, rack = found.tiers
    assert (node.crossing_bytes, node.seconds, node.least_s) == (144.0, 4.8, 4.8)
    assert (rack.crossing_bytes, rack.seconds, rack.least_s) == (48.0, 2.4, 2.4)
    assert (found.seconds, found.least_s, found.hops) == (4.8, 4.8, 3)


def test_what_two_domains_have_leaves_each_of_them_in_part():
    """The sender's copies take turns: two nodes with a copy send half each to a third."""
    copies, one = grid_workload(dp=2), grid_workload(dp=1)
    cluster = grid_cluster(3, 4, uplinks=([10.0, 10.0, 40.0],))
    found = spread(weights(copies, one), at(copies, 0, 4, cluster=cluster), at(one, 8, cluster=cluster))
    assert found.tiers[0].seconds == pytest.approx(2.4)
    assert found.tiers[0].least_s == pytest.approx(1.2)


def test_nothing_to_spread():
    """Where every receiver has a copy beside it."""
    one = grid_workload(dp=1)
    found = spread(weights(one, one), at(one, 0), at(one, 1))
    assert (found.seconds, found.least_s, found.hops) == (0.0, 0.0, 0)


@pytest.mark.parametrize("seed", range(12))
def test_no_placement_costs_less_than_the_bound(seed):
    """Whole cells of two, anywhere: what crosses is never less than what must."""
    rng = np.random.default_rng(seed)
    trainer = grid_workload(pp=int(rng.choice([1, 2])), dp=int(rng.integers(1, 4)))
    rollout = grid_workload(tp=2, dp=int(rng.integers(1, 5)), keep={"tp": "node"})
    flow = weights(trainer, rollout)
    ground = Ground(CLUSTER, fleet(job("t", trainer), job("r", rollout)))
    bounds = [least_bytes(ground, flow, tier, rollout.mesh.world_size) for tier in (0, 1)]
    for _ in range(40):
        pairs = rng.permutation(8)
        taken = pairs[: rollout.mesh.dp]
        gpus = np.stack([2 * taken, 2 * taken + 1], axis=1).ravel()
        free = np.setdiff1d(np.arange(16), gpus)
        source = at(trainer, *rng.permutation(free)[: trainer.mesh.world_size])
        crossing = flow_bytes(flow, source, at(rollout, *gpus))
        assert all(least <= found * (1 + 1e-9) for least, found in zip(bounds, crossing, strict=False))


def test_a_receiver_that_fills_its_domains_must_take_all_in():
    """Cells as large as a node leave no GPU in it for a sender: the bound is what crosses."""
    trainer, rollout = grid_workload(dp=4), grid_workload(tp=4, dp=2, keep={"tp": "node"})
    flow = weights(trainer, rollout)
    ground = Ground(CLUSTER, fleet(job("t", trainer), job("r", rollout)))
    assert least_bytes(ground, flow, 0, 8) == 2 * 48.0
    assert flow_bytes(flow, at(trainer, 0, 1, 2, 3), at(rollout, *range(4, 12)))[0] == 96.0


@pytest.mark.parametrize("seed", range(12))
def test_what_a_receiver_that_runs_must_take_in(seed):
    """Wherever the sender is put on what is free, as much comes in as the bound says."""
    rng = np.random.default_rng(seed)
    trainer = grid_workload(pp=int(rng.choice([1, 2, 4])), dp=int(rng.integers(1, 3)))
    rollout = grid_workload(tp=2, dp=int(rng.integers(1, 4)))
    flow, gpus = weights(trainer, rollout), rng.permutation(16)
    target = at(rollout, *gpus[: rollout.mesh.world_size])
    ground = Ground(CLUSTER, fleet(job("t", trainer), job("r", rollout, running=target)))
    bounds = [least_to_running(ground, flow, tier) for tier in (0, 1)]
    for _ in range(40):
        free = rng.permutation(gpus[rollout.mesh.world_size :])
        crossing = flow_bytes(flow, at(trainer, *free[: trainer.mesh.world_size]), target)
        assert all(least <= found * (1 + 1e-9) for least, found in zip(bounds, crossing, strict=False))
    assert least_crossing(ground, flow, 0, [0, 0]) == bounds[0]


def test_a_receiver_that_runs_on_whole_nodes_takes_all_in():
    """Two nodes without a free GPU take in all weights, each of its own."""
    trainer, rollout = grid_workload(dp=4), grid_workload(tp=4, dp=2)
    flow, target = weights(trainer, rollout), at(rollout, *range(8))
    ground = Ground(CLUSTER, fleet(job("t", trainer), job("r", rollout, running=target)))
    assert least_to_running(ground, flow, 0) == pytest.approx(96.0)
    assert flow_bytes(flow, at(trainer, 8, 9, 10, 11), target)[0] == 96.0
    assert least_to_running(ground, flow, 1) == pytest.approx(48.0)


def test_only_whole_cells_receive():
    """A node of six holds one cell of four, so that two copies need two, and two GPUs of each may send."""
    trainer, rollout = grid_workload(pp=8), grid_workload(tp=4, dp=2, keep={"tp": "node"})
    cluster = grid_cluster(2, 2, 6, uplinks=(10.0, 20.0))
    flow = weights(trainer, rollout)
    ground = Ground(cluster, fleet(job("t", trainer), job("r", rollout)))
    source = at(trainer, 4, 5, 10, 11, 12, 13, 14, 15, cluster=cluster)
    assert least_bytes(ground, flow, 0, 8) == 2 * (48.0 - 12.0)
    assert flow_bytes(flow, source, at(rollout, 0, 1, 2, 3, 6, 7, 8, 9, cluster=cluster))[0] == 72.0


def test_ranks_that_hold_the_same_experts_need_them_once():
    """A rule on replicas of an expert rank, as many as there are expert ranks, brings no others together."""
    trainer = grid_workload(dp=1)
    rollout = grid_workload(dp=4, ep=2, keep={"edp": "node"})
    cluster = grid_cluster(2, 2, 2, uplinks=(10.0, 20.0))
    flow = Flow("weights", 0, 1, 1, 10.0, (Common(0, 0, 0.0, 10.0),))
    ground = Ground(cluster, fleet(job("t", trainer), job("r", rollout)))
    target = at(rollout, *np.argsort(rollout.mesh.coordinate("ep", np.arange(4))), cluster=cluster)
    assert least_bytes(ground, flow, 0, 4) == 10.0
    assert flow_bytes(flow, at(trainer, 7, cluster=cluster), target)[0] == 10.0


def test_weights_of_a_real_model_add_up():
    """Stages of a trainer and of a served copy have in common what the model has, at the latter's width."""
    trainer = load_workload("deepseek-v3-2048")
    model = load_model("deepseek-v3")
    split = {"pp": 4, "ep": 64, "dp": 64}
    section = ServingSection.model_validate(
        {"model": "deepseek-v3", "parallelism": split, "precision": "fp8", "tokens": 64}
    )
    source, target = content_of(trainer), Content(model, served_stages(section, model))
    common = list(common_weights(source, target))
    total = sum(each.dense_bytes + each.expert_bytes for each in common)
    # All but the final norm, which is as good as nothing.
    assert total == pytest.approx(model.parameters, rel=1e-6)
    assert {each.target_stage for each in common} == {0, 1, 2, 3}
    # DualPipe has two copies of each layer; only one of them sends.
    assert {each.source_stage for each in common} == set(range(8))


def test_a_mesh_of_expert_ranks_that_are_not_the_fastest():
    """Expert indices follow the rank order, as the mesh says."""
    mesh = Mesh(tp=2, ep=2, dp=4, pp=2, rank_order=("pp", "dp", "tp", "cp", "ep"))
    flow = Flow("weights", 0, 1, 1, 1.0, (Common(1, 0, 0.0, 1.0),))
    for shard in shards(flow, mesh, Mesh(ep=2, dp=2)):
        assert len(shard.holders) == 2
        assert set(mesh.coordinate("pp", shard.holders).tolist()) == {1}
        assert len(set(mesh.coordinate("ep", shard.holders).tolist())) == 1


@pytest.mark.parametrize("seed", range(8))
def test_no_more_stays_at_home_than_the_bound(seed):
    """Cells of two and of four in any nodes: what crosses is never less than the bound."""
    rng = np.random.default_rng(seed)
    prefill = grid_workload(tp=4, dp=int(rng.integers(1, 3)), keep={"tp": "node"})
    decode = grid_workload(tp=2, dp=int(rng.integers(1, 4)), keep={"tp": "node"})
    cluster = grid_cluster(2, 2, 6, uplinks=(10.0, 20.0))
    ground = Ground(cluster, fleet(job("p", prefill), job("d", decode)))
    flow = Flow("kv", 0, 1, 1, 100.0)
    ranks = prefill.mesh.world_size, decode.mesh.world_size
    bounds = [100.0 * (1 - most_at_home(ground, flow, tier, *ranks)) for tier in (0, 1)]
    best = [np.inf, np.inf]
    for _ in range(60):
        first = rng.permutation(4)[: prefill.mesh.dp]
        blocks = [6 * node + at for node in first for at in range(4)]
        pairs = [6 * node + at for node in range(4) for at in (4, 0, 2) if 6 * node + at not in blocks]
        chosen = rng.permutation(pairs)[: decode.mesh.dp]
        target = at(decode, *(gpu + i for gpu in chosen for i in (0, 1)), cluster=cluster)
        crossing = flow_bytes(flow, at(prefill, *blocks, cluster=cluster), target)
        best = [min(pair) for pair in zip(best, crossing, strict=False)]
    assert all(least <= found * (1 + 1e-9) + 1e-9 for least, found in zip(bounds, best, strict=True))


def test_pools_that_no_node_holds_whole():
    """Two cells of four and eight of two in nodes of eight: half can stay in them, all in racks."""
    prefill = grid_workload(tp=4, dp=2, keep={"tp": "node"})
    decode = grid_workload(tp=2, dp=8, keep={"tp": "node"})
    ground = Ground(grid_cluster(2, 2, 8, uplinks=(1.0, 1.0)), fleet(job("p", prefill), job("d", decode)))
    flow = Flow("kv", 0, 1, 1, 100.0)
    assert most_at_home(ground, flow, 0, 8, 16) == pytest.approx(0.5)
    assert most_at_home(ground, flow, 1, 8, 16) == pytest.approx(1.0)
