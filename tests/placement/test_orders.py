"""Default orders of other software, worked out by hand from their documented rules."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.placement.crossing import measure
from planner.placement.orders import (
    FRAMEWORKS,
    NotApplicableError,
    axis_orders,
    deepspeed,
    default_orders,
    jax_device_mesh,
    jax_hybrid_device_mesh,
    jax_hybrid_fsdp_mesh,
    keeps_rules,
    megatron,
    megatron_pp_before_dp,
    random_orders,
    slurm_block,
    slurm_cyclic,
    torchrun,
)
from planner.placement.pool import available_gpus
from planner.topology.names import natural
from tests.builders import grid_cluster, grid_workload, ragged_cluster
from tests.placement.instances import instances


def placed(rule, cluster, workload):
    """GPU of every rank under one rule, as a list."""
    available = available_gpus(cluster, workload.mesh.world_size)
    return rule(cluster, workload.mesh, available).tolist()


def test_megatron_follows_the_hosts():
    """Rank i sits on the i-th available GPU: those down and the spares are passed over."""
    cluster = ragged_cluster([4, 4], down=(1,), spare=(5,))
    assert placed(megatron, cluster, grid_workload(tp=2, dp=2)) == [0, 2, 3, 4]


def test_megatron_in_another_rank_order():
    """Ranks numbered pp first still run through the devices tp first: stages 0, 1 are far apart."""
    workload = grid_workload(tp=2, pp=2, order=("pp", "tp", "cp", "dp"))
    assert placed(megatron, grid_cluster(2, 2), workload) == [0, 2, 1, 3]


def test_megatron_with_pp_before_dp():
    """tp 2, dp 2, pp 2: place is tp + 2 pp + 4 dp, so ranks 2, 3 (dp 1, pp 0) go to 4 and 5."""
    workload = grid_workload(tp=2, dp=2, pp=2)
    assert placed(megatron_pp_before_dp, grid_cluster(2, 4), workload) == [0, 1, 4, 5, 2, 3, 6, 7]


def test_megatron_refuses_pp_before_dp_with_experts():
    """Expert data-parallel size 1 against 2: pp must be last, unless there is one stage."""
    with pytest.raises(NotApplicableError, match="pp last"):
        placed(megatron_pp_before_dp, grid_cluster(1, 4), grid_workload(dp=2, ep=2, pp=2))
    one_stage = grid_workload(dp=4, ep=2)
    assert placed(megatron_pp_before_dp, grid_cluster(1, 4), one_stage) == [0, 1, 2, 3]


def test_deepspeed_has_pipe_outermost():
    """Axes pipe, data, model, row-major: model fastest; there is no axis for context."""
    workload = grid_workload(tp=2, dp=2, pp=2)
    assert placed(deepspeed, grid_cluster(2, 4), workload) == list(range(8))
    with pytest.raises(NotApplicableError, match="no context axis"):
        placed(deepspeed, grid_cluster(1, 4), grid_workload(cp=2, dp=2))


def test_jax_reshapes_row_major():
    """MaxText's axes data, stage, context, tensor: the tensor axis is last, so it runs fastest."""
    workload = grid_workload(tp=2, cp=2, dp=2, pp=3)
    mesh = workload.mesh
    devices = np.arange(24).reshape(mesh.dp, mesh.pp, mesh.cp, mesh.tp)
    ranks = np.arange(24)
    expected = devices[tuple(mesh.coordinate(axis, ranks) for axis in ("dp", "pp", "cp", "tp"))]
    assert placed(jax_device_mesh, grid_cluster(3, 8), workload) == expected.tolist()


def test_jax_has_experts_innermost():
    """MaxText's expert axis is the last: the ranks of an expert group are neighbours."""
    workload = grid_workload(tp=2, dp=4, ep=4, pp=1)
    mesh = workload.mesh
    gpus = np.array(placed(jax_device_mesh, grid_cluster(2, 4), workload))
    ranks = mesh.rank({"tp": 1, "cp": 0, "dp": np.arange(4), "pp": 0})
    assert gpus[ranks].tolist() == [4, 5, 6, 7]


def test_jax_hybrid_blocks():
    """Granules of 8 for tp 2, pp 3, dp 4: inner shape tp 2 x dp 4, outer shape pp 3, as np.block."""
    workload = grid_workload(tp=2, dp=4, pp=3)
    mesh = workload.mesh
    granules = [np.arange(8 * i, 8 * i + 8).reshape(4, 1, 2) for i in range(3)]
    devices = np.block([[[granules[0]], [granules[1]], [granules[2]]]])
    assert devices.shape == (4, 3, 2)
    ranks = np.arange(24)
    expected = devices[tuple(mesh.coordinate(axis, ranks) for axis in ("dp", "pp", "tp"))]
    assert placed(jax_hybrid_device_mesh, grid_cluster(3, 8), workload) == expected.tolist()


def test_jax_fsdp_axis_runs_inside_stages():
    """Hosts of four hold two fsdp ranks of two tensor ranks each: Megatron's order where all divides."""
    workload = grid_workload(tp=2, dp=4, pp=2)
    cluster = grid_cluster(4, 4)
    order = placed(jax_hybrid_fsdp_mesh, cluster, workload)
    assert order == placed(megatron, cluster, workload)
    assert order != placed(jax_hybrid_device_mesh, cluster, workload)


@pytest.mark.parametrize(
    ("cluster", "workload", "reason"),
    [
        (ragged_cluster([4, 3, 4]), grid_workload(dp=8), "hosts of 3 and of 4"),
        (grid_cluster(3, 4), grid_workload(dp=6), "no whole number of hosts"),
        (grid_cluster(6, 4), grid_workload(tp=3, pp=4, dp=1), None),
        (grid_cluster(3, 6), grid_workload(tp=2, pp=9), None),
        (grid_cluster(9, 4), grid_workload(tp=3, pp=2, dp=6), None),
    ],
)
def test_jax_hybrid_wants_equal_granules(cluster, workload, reason):
    """Granules that do not fit the shape are an error there, so the order is not applicable."""
    available = available_gpus(cluster, workload.mesh.world_size)
    orders = {each.name: each for each in default_orders(cluster, workload, available)}
    order = orders["jax-hybrid"]
    if reason is None:
        assert sorted(order.gpu_of_rank.tolist()) == list(range(workload.mesh.world_size))
    else:
        assert order.gpu_of_rank is None
        assert reason in order.reason


def test_torchrun_sorts_names_as_text():
    """Hosts node7, node66, node8, node70 come as node66, node7, node70, node8."""
    cluster = replace(grid_cluster(4, 2), host_names=["node7", "node66", "node8", "node70"])
    assert placed(torchrun, cluster, grid_workload(dp=8)) == [2, 3, 0, 1, 6, 7, 4, 5]


def test_slurm_block_fills_node_by_node():
    """Consecutive tasks share a node."""
    assert placed(slurm_block, ragged_cluster([2, 1, 2]), grid_workload(dp=5)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("order", "expected"),
    [(slurm_block, [4, 5, 2, 3, 0, 1, 6, 7]), (slurm_cyclic, [4, 2, 0, 6, 5, 3, 1, 7])],
)
def test_slurm_sorts_names_by_their_numbers(order, expected):
    """Hosts n9, n2, n1 and n10 come as n1, n2, n9 and n10, as in every step of a real Slurm."""
    cluster = replace(grid_cluster(4, 2), host_names=["n9", "n2", "n1", "n10"])
    assert placed(order, cluster, grid_workload(dp=8)) == expected


@given(st.lists(st.from_regex(r"[a-c0-2-]{1,4}", fullmatch=True), min_size=1, unique=True))
def test_slurm_sorts_any_names_by_their_numbers(names):
    """Names padded alike, which are sorted as text, come in the same order as all others."""
    cluster = replace(ragged_cluster([1] * len(names)), host_names=names)
    expected = sorted(range(len(names)), key=lambda node: natural(names[node]))
    assert placed(slurm_block, cluster, grid_workload(dp=len(names))) == expected


def test_slurm_cyclic_goes_round():
    """Nodes of 2, 1 and 2: one task each in turn, the full node passed over."""
    assert placed(slurm_cyclic, ragged_cluster([2, 1, 2]), grid_workload(dp=5)) == [0, 2, 3, 1, 4]


@settings(max_examples=80)
@given(instances())
def test_every_order_is_a_placement(instance):
    """Whatever the job, an order gives every rank an available GPU of its own, or a reason."""
    cluster, workload, _ = instance
    world = workload.mesh.world_size
    available = available_gpus(cluster, world)
    orders = [
        *default_orders(cluster, workload, available),
        *axis_orders(cluster, workload, available),
        *random_orders(cluster, workload, available, seed=1, count=2),
    ]
    assert [each.name for each in orders[: len(FRAMEWORKS)]] == list(FRAMEWORKS)
    for order in orders:
        if order.gpu_of_rank is None:
            assert order.reason
        else:
            assert len(np.unique(order.gpu_of_rank)) == world
            assert available[order.gpu_of_rank].all()


def test_axis_orders_leave_out_axes_of_one():
    """Two axes of more than one rank have two orders; with experts also those of the folded axes."""
    cluster = grid_cluster(2, 4)
    available = np.ones(8, np.bool_)
    names = [each.name for each in axis_orders(cluster, grid_workload(tp=2, dp=4), available)]
    assert names == ["tp-dp", "dp-tp"]
    folded = [each.name for each in axis_orders(cluster, grid_workload(tp=2, dp=4, ep=4), available)]
    assert folded == ["tp-dp", "dp-tp", "tp-ep", "ep-tp"]


def test_random_orders_follow_the_seed():
    """The same seed draws the same orders, another one others."""
    cluster, workload = grid_cluster(4, 4), grid_workload(dp=16)
    available = np.ones(16, np.bool_)

    def draw(seed):
        orders = random_orders(cluster, workload, available, seed=seed, count=2)
        return [each.gpu_of_rank.tolist() for each in orders]

    assert draw(3) == draw(3)
    assert draw(3) != draw(4)
    assert draw(3)[0] != draw(3)[1]


def test_keep_rules_are_told():
    """tp groups of two on hosts of three: the second group is split."""
    workload = grid_workload(tp=2, dp=3, keep={"tp": "node"})
    assert not keeps_rules(ragged_cluster([3, 3]), workload, np.arange(6))
    assert keeps_rules(ragged_cluster([4, 2]), workload, np.arange(6))


@pytest.mark.parametrize(
    ("shape", "weights", "counts", "by_jax", "by_megatron"),
    [
        ((8, 9, 16), (480, 19, 2), (16, 72), (22_128,), (2_160,)),
        ((8, 36, 16), (480, 19, 2), (4, 16, 72), (88_512,), (18_368,)),
        ((8, 288, 16), (480, 19, 2), (8, 64, 72), (708_096,), (146_944,)),
        ((8, 1728, 16), (480, 19, 2), (48, 64, 72), (4_248_576, 116_736), (881_664, 422_016)),
        ((8, 432, 64), (480, 5, 8), (48, 64, 72), (1_299_456,), (1_864_704,)),
    ],
)
def test_weights_that_cross_racks_and_pods(shape, weights, counts, by_jax, by_megatron):
    """Rings of tp and dp, a path of pp, racks of 72 in pods: the figures that others counted."""
    tp, dp, pp = shape
    axes = (("tp", "ring"), ("dp", "ring"), ("pp", "path"))
    families = [(*each, weight) for each, weight in zip(axes, weights, strict=True)]
    workload = grid_workload(tp=tp, dp=dp, pp=pp, families=families)
    cluster = grid_cluster(*counts)
    available = np.ones(cluster.gpus, np.bool_)
    for rule, expected in ((jax_device_mesh, by_jax), (megatron, by_megatron)):
        traffic = measure(cluster, workload, rule(cluster, workload.mesh, available))
        assert traffic.tier_bytes[: len(expected)] == expected
