"""Crossing bytes worked out by hand, and against counting pair by pair."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.placement.crossing import (
    crossing_bytes,
    crossing_of_family,
    domain_egress,
    measure,
    objective_bound,
    tier_domains,
    weighted_seconds,
)
from planner.placement.groups import group_index
from planner.placement.placement import Objective
from planner.workload.family import Kind
from tests.builders import grid_cluster, grid_family, grid_workload, ragged_cluster
from tests.placement.instances import instances


def bytes_of(cluster, workload, gpus):
    """Crossing bytes of every tier."""
    return measure(cluster, workload, np.asarray(gpus, np.int32)).tier_bytes


def in_order(workload):
    """Rank i on GPU i."""
    return np.arange(workload.mesh.world_size)


def test_all_reduce_over_two_nodes():
    """Eight ranks over two nodes: k = 2, so 2 S (2 - 1) = 2 * 10 = 20."""
    workload = grid_workload(dp=8, families=[("dp", "all_reduce", 10)])
    assert bytes_of(grid_cluster(2, 4), workload, in_order(workload)) == (20.0, 0.0)


def test_all_gather_is_half_an_all_reduce():
    """Six ranks over three nodes of two: k = 3, so S (3 - 1) = 7 * 2 = 14; reduce_scatter alike."""
    for kind in ("all_gather", "reduce_scatter", "broadcast"):
        workload = grid_workload(dp=6, families=[("dp", kind, 7)])
        assert bytes_of(grid_cluster(3, 2), workload, in_order(workload)) == (14.0, 0.0)


def test_families_over_the_same_ranks():
    """Each keeps its own kind and payload: k = 2 of six ranks, as halves of three."""
    given_families = [
        ("dp", "all_reduce", 10),
        ("pp", "path", (1,)),
        ("dp", "all_to_all", 2),
        ("dp", "broadcast", (3, 4)),
    ]
    workload = grid_workload(dp=6, pp=2, families=given_families)
    found = measure(grid_cluster(4, 3), workload, in_order(workload))
    expected = [2 * 20.0, 6.0, 2 * 2 * 18.0, 7.0]
    assert [each[0] for each in found.by_family.values()] == expected
    assert list(found.by_family) == [family.name for family in workload.families]


def test_path_counts_neighbours_apart():
    """Stages 0 1 | 2 3 on nodes of two: pairs 1-2 is apart, so B_1 = 5 of (3, 5, 7)."""
    workload = grid_workload(pp=4, families=[("pp", "path", (3, 5, 7))])
    assert bytes_of(grid_cluster(2, 2), workload, in_order(workload)) == (5.0, 0.0)


def test_path_with_stages_interleaved():
    """Stages 0 2 | 1 3 on nodes of two: every pair of neighbours is apart, 3 + 5 + 7 = 15."""
    workload = grid_workload(pp=4, families=[("pp", "path", (3, 5, 7))])
    assert bytes_of(grid_cluster(2, 2), workload, [0, 2, 1, 3]) == (15.0, 0.0)


def test_ring_joins_last_and_first():
    """Stages 0 1 | 2 3: pairs 1-2 and 3-0 are apart, 5 + 11 = 16 of (3, 5, 7, 11)."""
    workload = grid_workload(pp=4, vp=2, families=[("pp", "ring", (3, 5, 7, 11))])
    assert bytes_of(grid_cluster(2, 2), workload, in_order(workload)) == (16.0, 0.0)


def test_ring_of_two_has_two_edges():
    """Two stages on two nodes: entry 0 joins 0 and 1, entry 1 joins 1 and 0, 3 + 5 = 8."""
    workload = grid_workload(pp=2, families=[("pp", "ring", (3, 5))])
    assert bytes_of(grid_cluster(2, 1), workload, [0, 1]) == (8.0, 0.0)


def test_ring_of_one_has_no_edge():
    """A single stage has no neighbour, whatever the payload says."""
    workload = grid_workload(dp=2, families=[("pp", "ring", (3,)), ("cp", "ring", (4,))])
    assert bytes_of(grid_cluster(2, 1), workload, [0, 1]) == (0.0, 0.0)


def test_all_to_all_counts_ordered_pairs():
    """Four ranks as 3 | 1: ordered pairs apart are 3 * 1 + 1 * 3 = 6, of 2 bytes: 12."""
    workload = grid_workload(dp=4, families=[("dp", "all_to_all", 2)])
    assert bytes_of(ragged_cluster([3, 1]), workload, in_order(workload)) == (12.0, 0.0)


def test_three_tiers_at_once():
    """Eight ranks on 2 racks of 2 nodes of 2: k = 4 nodes, 2 racks: 2 * 3 * 5 = 30, 2 * 1 * 5 = 10."""
    workload = grid_workload(dp=8, families=[("dp", "all_reduce", 5)])
    assert bytes_of(grid_cluster(2, 2, 2), workload, in_order(workload)) == (30.0, 10.0, 0.0)


def test_stages_have_their_own_payloads():
    """tp 2, pp 2 in order tp-pp, GPUs 0 2 | 1 3: both stages split, 2 * 10 + 2 * 1 = 22 bytes."""
    workload = grid_workload(tp=2, pp=2, families=[("tp", "all_reduce", (10, 1))])
    assert bytes_of(grid_cluster(2, 2), workload, [0, 2, 1, 3]) == (22.0, 0.0)


def test_tied_embedding_joins_first_and_last_stage():
    """Four stages on nodes of one: only stages 0 and 3 take part, 2 * 9 * (2 - 1) = 18."""
    tied = grid_family("pp", "all_reduce", (9,), stages=(0, 3))
    workload = grid_workload(pp=4, families=[tied])
    assert bytes_of(grid_cluster(4, 1), workload, in_order(workload)) == (18.0, 0.0)
    assert bytes_of(ragged_cluster([2, 2]), workload, [0, 2, 3, 1]) == (0.0, 0.0)


def test_folded_expert_groups():
    """cp 2, dp 2, ep 2: q = cp + 2 dp, experts of q = 0, 1 and q = 2, 3 pair up.

    Nodes hold q = 0, 2 and q = 1, 3: each ep pair is split, 2 groups * 1 * 2 ordered pairs * 3
    bytes = 12; the edp pairs (0, 2) and (1, 3) stay inside.
    """
    families = [("ep", "all_to_all", 3), ("edp", "all_reduce", 100)]
    workload = grid_workload(cp=2, dp=2, ep=2, families=families)
    assert bytes_of(grid_cluster(2, 2), workload, [0, 2, 1, 3]) == (12.0, 0.0)


def test_dense_gradients_over_cp_and_dp():
    """cp 2, dp 2 over four nodes: one group of four, 2 * 6 * 3 = 36."""
    workload = grid_workload(cp=2, dp=2, families=[(("cp", "dp"), "all_reduce", 6)])
    assert bytes_of(grid_cluster(4, 1), workload, in_order(workload)) == (36.0, 0.0)


def test_mixed_families_add_up():
    """tp 2, pp 2, dp 2 on nodes of two: dp 4 groups of k = 2: 4 * 2 * 10; pp 4 pairs * 3; tp 0."""
    families = [("tp", "all_reduce", 1000), ("dp", "all_reduce", 10), ("pp", "path", 3)]
    workload = grid_workload(tp=2, pp=2, dp=2, families=families)
    found = measure(grid_cluster(4, 2), workload, np.arange(8))
    assert found.by_family == {"tp": (0.0, 0.0), "dp": (80.0, 0.0), "pp": (12.0, 0.0)}
    assert found.tier_bytes == (92.0, 0.0)


def test_weighted_objective():
    """T = (30, 10) on uplinks of 4 * 3 and 2 * 5: J = 30 / 12 + 10 / 10 = 3.5 seconds."""
    workload = grid_workload(dp=8, families=[("dp", "all_reduce", 5)])
    found = measure(grid_cluster(2, 2, 2, uplinks=(3, 5)), workload, np.arange(8))
    assert found.value(Objective.WEIGHTED) == 3.5
    assert found.value(Objective.CROSS_NODE) == 30.0


def test_uplinks_of_dead_domains_do_not_count():
    """The last of three nodes is dead: U = 2 * 4 = 8, and T = 2 * 1 * 4 = 8, so one second."""
    workload = grid_workload(dp=4, families=[("dp", "all_reduce", 4)])
    cluster = grid_cluster(3, 2, uplinks=(4,), down=(4, 5))
    assert measure(cluster, workload, np.arange(4)).weighted_s == 1.0


def test_bottleneck_takes_the_slowest_domain():
    """All-reduce of 6 over 3 nodes: egress 2 * 6 * 2 / 3 = 8 each; uplinks 4, 2, 8: worst 4 s."""
    workload = grid_workload(dp=3, families=[("dp", "all_reduce", 6)])
    found = measure(grid_cluster(3, 1, uplinks=([4, 2, 8],)), workload, np.arange(3))
    assert found.hotspot == (0, 1, 4.0)
    assert found.value(Objective.BOTTLENECK) == 4.0


def test_bottleneck_of_pairs_and_exchanges():
    """Path 0 | 1 | 2 of 10: egress 5, 10, 5; all-to-all of 1 over 2 | 1: egress 2 and 2."""
    path = grid_workload(pp=3, families=[("pp", "path", 10)])
    domains = np.array([0, 1, 2], np.int32)
    assert domain_egress(path.mesh, path.families, domains, 3).tolist() == [5.0, 10.0, 5.0]
    exchange = grid_workload(dp=3, families=[("dp", "all_to_all", 1)])
    split = np.array([0, 0, 1], np.int32)
    assert domain_egress(exchange.mesh, exchange.families, split, 2).tolist() == [2.0, 2.0]


def test_no_uplink_is_no_constraint():
    """Without uplinks the bytes are still counted, but cost nothing."""
    workload = grid_workload(dp=2, families=[("dp", "all_reduce", 4)])
    found = measure(grid_cluster(2, 1), workload, np.arange(2))
    assert (found.tier_bytes, found.weighted_s, found.bottleneck_s) == ((8.0, 0.0), 0.0, 0.0)
    assert found.hotspot.tier == -1


def test_dead_uplink_costs_infinitely_much():
    """Bytes over an uplink of nothing take for ever; no bytes take no time."""
    cluster = grid_cluster(2, 2, uplinks=(0,))
    assert weighted_seconds(cluster, (1.0, 0.0)) == float("inf")
    assert weighted_seconds(cluster, (0.0, 0.0)) == 0.0
    workload = grid_workload(dp=4, families=[("dp", "all_reduce", 4)])
    assert measure(cluster, workload, np.arange(4)).bottleneck_s == float("inf")


def test_group_members_follow_axis_order():
    """Members of a pipeline group run through the stages in order, whatever the rank order is."""
    workload = grid_workload(tp=2, dp=3, pp=4, order=("pp", "dp", "cp", "tp"), families=[("pp", "path", 1)])
    members = group_index(workload.mesh, workload.families[0]).members
    assert members.shape == (6, 4)
    assert (workload.mesh.coordinate("pp", members) == np.arange(4)).all()


def brute(workload, family, domain):
    """Crossing bytes of one family counted rank by rank from the definition."""
    mesh = workload.mesh
    groups = {}
    basis = ("tp", "ep", "edp", "pp") if {"ep", "edp"} & set(family.axes) else ("tp", "cp", "dp", "pp")
    for rank in range(mesh.world_size):
        at = {axis: int(mesh.coordinate(axis, rank)) for axis in basis}
        if family.stages is not None and at["pp"] not in family.stages:
            continue
        key = tuple(at[axis] for axis in basis if axis not in family.axes)
        groups.setdefault(key, []).append((tuple(at[axis] for axis in reversed(family.axes)), at["pp"], rank))
    total = 0.0
    for members in groups.values():
        ordered = sorted(members)
        total += brute_group(family, [domain[rank] for _, _, rank in ordered], ordered[0][1])
    return total


def brute_group(family, held, stage):
    """Crossing bytes of one group whose members sit in the domains `held`."""
    payload = family.payload_bytes
    n, k = len(held), len(set(held))
    if family.kind in (Kind.PATH, Kind.RING):
        pairs = list(pairwise(held)) + ([(held[-1], held[0])] if family.kind is Kind.RING and n > 1 else [])
        return sum(
            payload[i] if "pp" in family.axes else payload[stage] for i, (a, b) in enumerate(pairs) if a != b
        )
    each = payload[0] if "pp" in family.axes else payload[stage]
    if family.kind is Kind.ALL_TO_ALL:
        return each * sum(a != b for a in held for b in held)
    return (2 if family.kind is Kind.ALL_REDUCE else 1) * each * (k - 1)


@settings(max_examples=150)
@given(instances())
def test_counting_pair_by_pair_agrees(instance):
    """On random jobs every tier has the bytes that the definition gives, family by family."""
    cluster, workload, gpus = instance
    found = measure(cluster, workload, gpus)
    for tier, domain in enumerate(tier_domains(cluster, gpus)):
        expected = {f.name: brute(workload, f, domain.tolist()) for f in workload.families}
        assert {name: each[tier] for name, each in found.by_family.items()} == pytest.approx(expected)
        assert crossing_bytes(workload.mesh, workload.families, domain) == pytest.approx(
            sum(expected.values())
        )
        for family in workload.families:
            by_group = crossing_of_family(workload.mesh, family, domain)
            assert by_group.sum() == pytest.approx(expected[family.name])


@settings(max_examples=60)
@given(instances())
def test_egress_adds_up_to_the_crossing_bytes(instance):
    """Every byte leaves exactly one domain, so the egress of all domains is the tier's bytes."""
    cluster, workload, gpus = instance
    for tier, domain in enumerate(tier_domains(cluster, gpus)):
        egress = domain_egress(workload.mesh, workload.families, domain, cluster.tiers[tier].domains)
        assert egress.sum() == pytest.approx(crossing_bytes(workload.mesh, workload.families, domain))


@settings(max_examples=60)
@given(instances(), st.integers(2, 1000))
def test_bytes_scale_with_payloads(instance, factor):
    """Payloads times a factor give crossing bytes times that factor."""
    cluster, workload, gpus = instance
    families = tuple(
        replace(each, payload_bytes=tuple(factor * b for b in each.payload_bytes))
        for each in workload.families
    )
    scaled = replace(workload, families=families)
    expected = [factor * each for each in measure(cluster, workload, gpus).tier_bytes]
    assert list(measure(cluster, scaled, gpus).tier_bytes) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("objective", "expected"), [("weighted", 8 / 2 + 6 / 6), ("cross_node", 8.0), ("bottleneck", 8 / 2)]
)
def test_the_objective_is_bounded_by_what_crosses(objective, expected):
    """Bytes over all uplinks of a tier: summed, of the nodes alone, or of the busiest tier."""
    cluster = grid_cluster(2, 1, 2, uplinks=(1.0, 3.0))
    found = objective_bound(cluster, Objective(objective), np.asarray([8.0, 6.0, 0.0]))
    assert found == pytest.approx(expected)
