"""Properties that every repair has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.placement.check import check
from planner.placement.diff import diff
from planner.repair.run import Wishes, replan
from planner.repair.service import Health, with_health
from tests.builders import claimed, grid_cluster, grid_workload

FAMILIES = [("tp", "all_reduce", 8.0), ("pp", "path", 3.0), ("dp", "all_reduce", 2.0)]
RACKS, NODES, GPUS = 2, 3, 4
NODE_PATHS = [f"r{rack:02d}/n{node:02d}" for rack in range(RACKS) for node in range(NODES)]

failures = st.lists(
    st.one_of(
        st.sampled_from(NODE_PATHS),
        st.tuples(st.sampled_from(NODE_PATHS), st.integers(0, GPUS - 1)).map(lambda p: f"{p[0]}/gpu{p[1]}"),
    ),
    min_size=1,
    max_size=3,
)


def job(dp=8):
    """Ranks in pairs, two stages."""
    return grid_workload(tp=2, pp=2, dp=dp // 2, families=FAMILIES, keep={"tp": "node"})


def placed(seed, dp=8, cluster=None):
    """A random placement that keeps pairs in nodes."""
    cluster = cluster or grid_cluster(RACKS, NODES, GPUS, uplinks=(10e9, 15e9), nics=4)
    random = np.random.default_rng(seed)
    world = job(dp).mesh.world_size
    pairs = random.permutation(cluster.gpus // 2)[: world // 2]
    return claimed(cluster, job(dp), (2 * pairs[:, None] + np.arange(2)).ravel())


@given(seed=st.integers(0, 99), down=failures)
@settings(max_examples=15)
def test_sound(seed, down):
    """The result passes the check, the diff shows the same moves, and nobody moves without need."""
    before = placed(seed)
    repair = replan(before, with_health(before.cluster, Health(down=down)))
    report = check(repair.placement)
    assert report.ok, report.findings
    assert repair.moved_lower_bound <= len(repair.moved)
    found = diff(before, repair.placement)
    if repair.dp_before == repair.placement.workload.mesh.dp:
        assert found.moved.tolist() == repair.moved.tolist()


@given(seed=st.integers(0, 99))
@settings(max_examples=10)
def test_a_spare_that_fails_moves_nobody(seed):
    """Nor does it change the objective."""
    before = placed(seed)
    free = np.setdiff1d(np.arange(before.cluster.gpus), before.gpu_of_rank)[0]
    path = before.cluster.domain_path(0, int(before.cluster.gpu_node[free]))
    local = int(before.cluster.gpu_local[free])
    repair = replan(before, with_health(before.cluster, Health(down=[f"{path}/gpu{local}"])))
    assert (len(repair.moved), repair.moved_lower_bound) == (0, 0)
    assert repair.placement.claims.value == before.claims.value


@given(seed=st.integers(0, 99), down=failures)
@settings(max_examples=10)
def test_down_then_up(seed, down):
    """When all that failed returns, nobody moves again, and all replicas can run again."""
    before = placed(seed, dp=10)
    smaller = replan(before, with_health(before.cluster, Health(down=down))).placement
    mended = with_health(smaller.cluster, Health(up=NODE_PATHS))
    again = replan(smaller, mended, Wishes(dp=before.workload.mesh.dp))
    assert len(again.moved) == 0
    assert again.placement.workload.mesh == before.workload.mesh
    assert check(again.placement).ok


@given(seed=st.integers(0, 99), down=failures)
@settings(max_examples=6)
def test_more_moves_never_cost(seed, down):
    """With more moves allowed the objective is no larger, down to none to save."""
    before = placed(seed)
    cluster = with_health(before.cluster, Health(down=down))
    fewest = replan(before, cluster)
    least = fewest.placement.claims.value
    for more in (1, 2, 4, 8):
        wider = replan(before, cluster, Wishes(max_moves=len(fewest.moved) + more))
        assert len(wider.moved) <= len(fewest.moved) + more
        assert wider.placement.claims.value <= least * (1 + 1e-9)
        least = wider.placement.claims.value


@given(seed=st.integers(0, 99), down=failures, shift=st.integers(1, NODES - 1))
@settings(max_examples=10)
def test_names_do_not_matter(seed, down, shift):
    """With the nodes of every rack in another order as many ranks move, to the same objective."""
    before = placed(seed)
    node = np.arange(RACKS * NODES)
    other = node // NODES * NODES + (node + shift) % NODES
    gpus = other[before.gpu_of_rank // GPUS] * GPUS + before.gpu_of_rank % GPUS
    moved = claimed(before.cluster, before.workload, gpus)
    renamed = [_renamed(path, other) for path in down]
    one = replan(before, with_health(before.cluster, Health(down=down)))
    two = replan(moved, with_health(moved.cluster, Health(down=renamed)))
    assert len(one.moved) == len(two.moved)
    assert one.moved_lower_bound == two.moved_lower_bound
    if one.cheapest and two.cheapest:
        assert np.isclose(one.placement.claims.value, two.placement.claims.value)


def _renamed(path, other):
    node, *rest = path.split("/gpu")
    index = int(other[NODE_PATHS.index(node)])
    return "/gpu".join([NODE_PATHS[index], *rest])


def test_spares_are_put_to_use_and_none_any_more():
    """A node of spares serves where nothing else is left, and the check agrees that it may."""
    whole = grid_cluster(RACKS, NODES, GPUS, uplinks=(10e9, 15e9), nics=4, spare=range(20, 24))
    before = claimed(whole, job(10), np.arange(20))
    repair = replan(before, with_health(whole, Health(down=["r00/n00/gpu0"])))
    assert repair.spares_used == 2
    assert len(repair.moved) == repair.moved_lower_bound == 2
    assert int(repair.placement.cluster.gpu_spare.sum()) == 2
    assert check(repair.placement).ok


def test_bounds_that_cannot_be_are_not_carried_over():
    """A file that claims more than can be is not believed."""
    before = placed(3)
    false = replace(before.claims, lower_bound=2 * before.claims.value)
    repair = replan(replace(before, claims=false), before.cluster)
    assert repair.placement.claims.lower_bound <= repair.placement.claims.value
    assert check(repair.placement).ok
