"""Bytes that change rail between nodes, and how many of them must."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, pairwise, permutations, product

import networkx as nx
import numpy as np
import pytest

from planner.placement.rails import has_rails, rail_changes
from planner.workload.family import Kind
from tests.builders import claimed, grid_cluster, grid_workload, ragged_cluster


def changes(workload, gpus, cluster=None):
    """Changed and necessary bytes of every family, on two nodes of four GPUs and NICs."""
    found = rail_changes(claimed(cluster or grid_cluster(2, 4, nics=4), workload, gpus))
    return {each.family: (each.changed_bytes, each.necessary_bytes) for each in found.families}


def test_neighbours_on_their_rail():
    """Stages on the same index of their nodes change no rail."""
    workload = grid_workload(tp=4, pp=2, families=[("pp", "path", 10)])
    assert changes(workload, np.arange(8)) == {"pp": (0.0, 0.0)}


def test_swapped_seats_raise_the_count():
    """Two of four pairs cross over: 2 * 10 bytes, which other seats would keep on their rail."""
    workload = grid_workload(tp=4, pp=2, families=[("pp", "path", 10)])
    placement = claimed(grid_cluster(2, 4, nics=4), workload, [0, 1, 2, 3, 5, 4, 6, 7])
    change = rail_changes(placement)
    assert (change.crossing_bytes, change.changed_bytes, change.avoidable_bytes) == (40.0, 20.0, 20.0)


def test_neighbours_in_one_node_use_no_rail():
    """Stages 0 and 1 in one node differ in rail but use none: the family is left out."""
    workload = grid_workload(pp=2, families=[("pp", "path", 10)])
    assert changes(workload, [0, 1]) == {}


def test_ring_back_to_the_first_stage():
    """Both edges of a ring of two change rail, entries 3 and 4."""
    workload = grid_workload(pp=2, vp=2, families=[("pp", "ring", (3, 4))])
    assert changes(workload, [0, 5]) == {"pp": (7.0, 0.0)}


def test_replica_on_another_rail():
    """The pairs of GPUs 0 and 5, and of 1 and 4, share no rail: all their 2 * 10 bytes change it."""
    workload = grid_workload(tp=4, dp=2, families=[("dp", "all_reduce", 10)])
    assert changes(workload, np.arange(8)) == {"dp": (0.0, 0.0)}
    assert changes(workload, [0, 1, 2, 3, 5, 4, 6, 7]) == {"dp": (40.0, 0.0)}


def test_a_domain_with_two_rails_links_the_others():
    """Nodes on rail 0, on rails 0 and 1, and on rail 1: the middle one passes bytes on inside."""
    cluster = grid_cluster(3, 4, nics=4)
    workload = grid_workload(dp=4, families=[("dp", "all_gather", 10)])
    assert changes(workload, [0, 4, 5, 9], cluster) == {"dp": (0.0, 0.0)}
    assert changes(workload, [0, 4, 6, 9], cluster) == {"dp": (10.0, 0.0)}


def test_exchange_of_all_with_all():
    """Ranks on rails 0 and 1 of one node, 1 and 2 of the next and 3 of the last, which is linked to none."""
    workload = grid_workload(dp=5, ep=5, families=[("ep", "all_to_all", 1)])
    assert changes(workload, [0, 1, 5, 6, 11], grid_cluster(3, 4, nics=4)) == {"ep": (8.0, 0.0)}


def test_a_rail_that_is_missing_makes_changes_necessary():
    """With the GPU of rail 3 gone its neighbour stage on a full node still has a rail too many."""
    cluster = grid_cluster(2, 4, nics=4)
    rails = cluster.gpu_rail.copy()
    rails[7] = 2  # its own NIC is out of service
    lame = replace(cluster, gpu_rail=rails)
    path = grid_workload(tp=4, pp=2, families=[("pp", "path", 10)])
    assert changes(path, np.arange(8), lame) == {"pp": (10.0, 10.0)}
    peers = grid_workload(tp=4, dp=2, families=[("dp", "all_reduce", 10)])
    assert changes(peers, np.arange(8), lame) == {"dp": (20.0, 20.0)}


def test_domains_without_a_common_rail():
    """A node with a rail of its own is linked to none, whatever the seats."""
    cluster = grid_cluster(3, 2, nics=2)
    rails = cluster.gpu_rail.copy()
    rails[:2] = 7
    apart = replace(cluster, gpu_rail=rails)
    workload = grid_workload(dp=6, ep=6, families=[("dp", "all_reduce", 5), ("ep", "all_to_all", 1)])
    assert changes(workload, np.arange(6), apart) == {"dp": (10.0, 10.0), "ep": (16.0, 16.0)}


def test_no_rails():
    """GPUs without NICs are on none."""
    assert not has_rails(grid_cluster(2, 4))
    assert has_rails(grid_cluster(2, 4, nics=1))


def test_more_rails_than_bits_in_a_word():
    """A node of 70 NICs has as many rails."""
    cluster = grid_cluster(2, 70, nics=70)
    workload = grid_workload(dp=4, families=[("dp", "broadcast", 10)])
    assert changes(workload, [69, 68, 139, 70], cluster) == {"dp": (0.0, 0.0)}
    assert changes(workload, [69, 68, 137, 70], cluster) == {"dp": (10.0, 0.0)}


def slow_count(placement):
    """Changed bytes of every family, group by group on a graph."""
    cluster, workload = placement.cluster, placement.workload
    domain = cluster.domain_of_gpu[cluster.boundary][placement.gpu_of_rank]
    rail = cluster.gpu_rail[placement.gpu_of_rank]
    return {
        family.name: sum(
            changed_in_group(family, members, stage, domain, rail)
            for members, stage in groups(workload.mesh, family)
        )
        for family in workload.families
    }


def groups(mesh, family):
    """Ranks of each group in order of its axis (one axis only), and its stage."""
    (axis,) = family.axes
    others = [each for each in ("tp", "dp", "pp") if each != axis]
    for fixed in product(*(range(mesh.degree(each)) for each in others)):
        at = dict(zip(others, fixed, strict=True)) | {"cp": 0}
        yield mesh.rank(at | {axis: np.arange(mesh.degree(axis))}).tolist(), at.get("pp", 0)


def changed_in_group(family, members, stage, domain, rail):
    """Changed bytes of one group."""
    pp = "pp" in family.axes
    if family.kind in (Kind.PATH, Kind.RING):
        edges = list(pairwise(members)) + [(members[-1], members[0])] * (family.kind is Kind.RING)
        return sum(
            family.payload_bytes[i if pp else stage]
            for i, (a, b) in enumerate(edges)
            if domain[a] != domain[b] and rail[a] != rail[b]
        )
    held = {d: {rail[m] for m in members if domain[m] == d} for d in domain[members]}
    payload = family.payload_bytes[0 if pp else stage]
    if family.kind is Kind.ALL_TO_ALL:
        return payload * sum(
            not held[domain[a]] & held[domain[b]] for a in members for b in members if domain[a] != domain[b]
        )
    graph = nx.Graph((one, other) for one, other in combinations(held, 2) if held[one] & held[other])
    graph.add_nodes_from(held)
    links = nx.number_connected_components(graph) - 1
    return payload * links * (2 if family.kind is Kind.ALL_REDUCE else 1)


JOBS = (
    {"dp": 4, "pp": 2, "families": [("pp", "path", 3), ("dp", "all_reduce", 5)]},
    {"dp": 2, "pp": 4, "families": [("pp", "ring", (1, 2, 3, 4)), ("dp", "all_gather", 7)]},
    {"tp": 2, "dp": 2, "pp": 2, "families": [("pp", "path", 1), ("dp", "all_to_all", 2)]},
    {"dp": 2, "pp": 3, "families": [("pp", "ring", (1, 2, 3)), ("dp", "broadcast", (1, 2, 4))]},
)


def drawn(seed):
    """A small job on random GPUs of three nodes whose rails are drawn at random, some on none."""
    random = np.random.default_rng(seed)
    workload = grid_workload(**JOBS[seed % len(JOBS)])
    bare = ragged_cluster([4, 3, 3])
    cluster = replace(bare, gpu_rail=random.integers(-1, 3, bare.gpus).astype(np.int32))
    return claimed(cluster, workload, random.permutation(bare.gpus)[: workload.mesh.world_size])


@pytest.mark.parametrize("seed", range(40))
def test_counts_match_a_slow_count(seed):
    """On random rails, seats and kinds."""
    placement = drawn(seed)
    found = {each.family: each.changed_bytes for each in rail_changes(placement).families}
    slow = slow_count(placement)
    assert found == {name: slow[name] for name in found}
    assert all(slow[name] == 0 for name in slow if name not in found)


@pytest.mark.parametrize("seed", range(8))
def test_no_seats_beat_what_is_necessary(seed):
    """Every family's least over all seats in the same domains is at least what is called necessary."""
    placement = drawn(seed)
    necessary = {each.family: each.necessary_bytes for each in rail_changes(placement).families}
    least = dict.fromkeys(necessary, np.inf)
    for gpus in seatings(placement):
        counted = slow_count(replace(placement, gpu_of_rank=gpus))
        least = {name: min(least[name], counted[name]) for name in least}
    assert all(necessary[name] <= least[name] for name in least)


def seatings(placement):
    """Every way to seat the ranks on GPUs of the nodes that they are in."""
    cluster = placement.cluster
    node = cluster.gpu_node[placement.gpu_of_rank]
    ranks = [np.flatnonzero(node == each) for each in range(cluster.nodes)]
    seats = [np.flatnonzero(cluster.gpu_node == each) for each in range(cluster.nodes)]
    ways = (permutations(seat, len(held)) for held, seat in zip(ranks, seats, strict=True))
    for chosen in product(*ways):
        gpus = np.empty(len(node), np.int32)
        for held, seat in zip(ranks, chosen, strict=True):
            gpus[held] = seat
        yield gpus
