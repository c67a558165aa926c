"""The fewest bytes that change rail over all families at once."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import permutations, product

import numpy as np
import pytest

from planner.placement import rail_programme
from planner.placement.rail_programme import Group, least_together
from planner.placement.rails import rail_changes
from tests.builders import claimed, grid_cluster, grid_workload, ragged_cluster


def floor(groups, domain, room, rail):
    """The floor of families of one group each, given as shares and bytes."""
    families = [[Group(*each)] for each in groups]
    return least_together(families, np.asarray(domain), np.asarray(rail), np.asarray(room))


def test_families_pull_at_the_same_seats():
    """Rank 1 has one seat on rail 0, rank 2 one on rail 1; rank 0 can suit either, and loses the lesser."""
    room = [[1, 1], [1, 0], [0, 1]]
    groups = [(((0,), (1,)), 5.0), (((0,), (2,)), 3.0)]
    assert floor(groups, [0, 1, 2], room, [1, 0, 1]) == 3.0


def test_two_rails_between_the_same_domains_link_them_once():
    """Domains 0 and 1 can share two rails; domain 2 has a rail of its own and is a part all the same."""
    room = [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
    assert floor([(((0, 1), (2, 3), (4,)), 7.0)], [0, 0, 1, 1, 2], room, [0, 1, 1, 0, 2]) == 7.0


def test_a_group_of_large_shares_is_linked_through_one_of_them():
    """Domains on rail 0 and on rail 1 are linked by one on both."""
    room = [[1, 0, 0], [0, 1, 0], [1, 1, 1]]
    assert floor([(((0,), (1,), (2, 3)), 7.0)], [0, 1, 2, 2], room, [0, 1, 0, 2]) == 0.0


def test_a_family_twice():
    """Two families over the same ranks are told apart."""
    room = [[1, 0], [0, 1]]
    assert floor([(((0,), (1,)), 2.0), (((0,), (1,)), 5.0)], [0, 1], room, [0, 1]) == 7.0


def test_more_ranks_than_gpus():
    """A table with two ranks on one GPU has no floor."""
    assert floor([(((0,), (2,)), 5.0)], [0, 0, 1], [[1, 0], [0, 1]], [0, 0, 1]) == 0.0


def test_a_search_that_is_cut_short_has_a_bound(monkeypatch):
    """With next to no work the floor is lower, never higher."""
    room = [[1, 1], [1, 0], [0, 1]]
    groups = [(((0,), (1,)), 5.0), (((0,), (2,)), 3.0)]
    monkeypatch.setattr(rail_programme, "ALONE_WORK", 1e-9)
    monkeypatch.setattr(rail_programme, "ATTEMPT_WORK", 1e-9)
    assert 0 <= floor(groups, [0, 1, 2], room, [1, 0, 1]) <= 3.0


@pytest.mark.parametrize("payloads", [(0.1, 0.3, 1e9), (1 / 3, 2e15, 7.0), (3.0, 6.0, 9.0)])
def test_payloads_as_whole_numbers(payloads):
    """They are in proportion, never rounded up, and small enough to be summed in doubles."""
    families = [[Group(((0,), (1,), (2,), (3,)), each)] for each in payloads]
    terms, unit = rail_programme._counted(families, [0, 1, 2, 2])
    assert all(each.units * unit <= Fraction(payload) for each, payload in zip(terms, payloads, strict=True))
    assert sum(each.units for each in terms) * 4 <= 2 * rail_programme.LARGEST
    assert sum(each.units for each in terms) * unit == pytest.approx(sum(payloads))
    assert payloads != (3.0, 6.0, 9.0) or [each.units for each in terms] == [1, 2, 3]
    assert {each.now for each in terms} == {2}


JOBS = (
    {"dp": 4, "pp": 2, "families": [("pp", "path", 3), ("dp", "all_reduce", 5)]},
    {"dp": 2, "pp": 4, "families": [("pp", "ring", (1, 2, 3, 4)), ("dp", "all_gather", 7)]},
    {
        "tp": 2,
        "dp": 2,
        "pp": 2,
        "families": [("pp", "path", 9), ("tp", "all_reduce", 2), ("dp", "all_to_all", 2)],
    },
    {"dp": 3, "pp": 3, "families": [("pp", "path", (1, 3)), ("dp", "broadcast", (1, 2, 4))]},
    {"dp": 9, "families": [("dp", "all_reduce", 2)]},
    {"tp": 4, "dp": 2, "families": [("tp", "all_reduce", 2), ("dp", "all_reduce", 3)]},
    {"cp": 2, "dp": 4, "families": [(("cp", "dp"), "all_gather", 2), ("cp", "ring", 1)]},
)


def drawn(seed):
    """A small job on some GPUs of nodes whose rails are drawn at random, some out of service."""
    random = np.random.default_rng(seed)
    workload = grid_workload(**JOBS[seed % len(JOBS)])
    world = workload.mesh.world_size
    sizes = [4, 3, 3] if seed % 2 else [3, 2, 2, 3]
    down = random.permutation(10)[: random.integers(0, 11 - world)]
    bare = ragged_cluster(sizes, down=down.tolist())
    rails = np.concatenate([random.permutation(4)[:size] for size in sizes])
    damaged = random.random(bare.gpus) < 0.3
    rails = np.where(damaged, random.integers(-1, 4, bare.gpus), rails).astype(np.int32)
    gpus = random.permutation(np.flatnonzero(bare.gpu_in_service))[:world]
    return claimed(replace(bare, gpu_rail=rails), workload, gpus)


def fewest(placement):
    """The fewest bytes that change rail over all seats in the same nodes; GPUs on one rail are alike."""
    cluster = placement.cluster
    node = cluster.gpu_node[placement.gpu_of_rank]
    ways = []
    for each in np.unique(node):
        live = np.flatnonzero((cluster.gpu_node == each) & cluster.gpu_in_service).tolist()
        seats = permutations(live, int((node == each).sum()))
        ways.append(list({tuple(cluster.gpu_rail[list(way)]): way for way in seats}.values()))
    ranks = [np.flatnonzero(node == each) for each in np.unique(node)]
    least, gpus = np.inf, placement.gpu_of_rank.copy()
    for chosen in product(*ways):
        for held, way in zip(ranks, chosen, strict=True):
            gpus[held] = way
        changes = rail_changes(replace(placement, gpu_of_rank=gpus), proof=False)
        least = min(least, changes.changed_bytes)
    return least


ATTEMPTS = [rail_programme.ATTEMPTS[:1], rail_programme.ATTEMPTS[1:2], rail_programme.ATTEMPTS]


@pytest.mark.parametrize("attempts", ATTEMPTS, ids=["ordered", "not", "all"])
@pytest.mark.parametrize("seed", range(42))
def test_the_floor_is_what_the_best_seats_change(seed, attempts, monkeypatch):
    """On random rails, failures and kinds, against every way to seat the job, by attempts alone and all."""
    monkeypatch.setattr(rail_programme, "ATTEMPTS", attempts)
    placement = drawn(seed)
    changes = rail_changes(placement)
    assert changes.necessary_bytes == fewest(placement)
    assert changes.necessary_bytes >= sum(each.necessary_bytes for each in changes.families)


def test_an_odd_loop_of_full_nodes():
    """Three nodes of two stages each: on whichever rails one is, the last wants those of the first's other.

    All four lanes are lost once, though no two nodes lack a rail.
    """
    workload = grid_workload(tp=4, pp=6, families=[("pp", "ring", 10)])
    gpus = np.arange(24)
    changes = rail_changes(claimed(grid_cluster(3, 8, nics=8), workload, gpus))
    assert sum(each.necessary_bytes for each in changes.families) == 0
    assert changes.necessary_bytes == 40
    assert changes.changed_bytes >= 40


@pytest.mark.parametrize("work", [4.0, 0.01])
def test_the_same_floor_every_time(work, monkeypatch):
    """Also where the search is cut short."""
    monkeypatch.setattr(rail_programme, "ALONE_WORK", work)
    monkeypatch.setattr(rail_programme, "ATTEMPT_WORK", work)
    workload = grid_workload(tp=4, dp=3, pp=6, families=[("pp", "ring", 10), ("dp", "all_reduce", 3)])
    gpus = np.random.default_rng(0).permutation(72)
    floors = {
        rail_changes(claimed(grid_cluster(9, 8, nics=8), workload, gpus)).necessary_bytes for _ in range(3)
    }
    assert len(floors) == 1
