"""Properties that any correct solver has, on small jobs solved to proven optimality."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner.errors import InfeasibleError
from planner.placement.placement import Objective, Status
from planner.solve import solve
from planner.workload.workload import Workload
from tests.builders import grid_workload, ragged_cluster
from tests.solve.instances import random_instance

pytestmark = pytest.mark.usefixtures("walks")

seeds = st.integers(0, 10_000)
few = settings(
    max_examples=15,
    # Walks are as short in one example as in the next.
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


def optimal(cluster, workload, objective):
    """(value, bound, weighted) of the proven optimum, None where the job cannot be placed."""
    try:
        result = solve(cluster, workload, objective=objective, workers=1)
    except InfeasibleError:
        return None
    assert result.status is Status.OPTIMAL
    return np.asarray([result.objective, result.lower_bound, result.placement.claims.weighted_s])


def agree(one, other, factor=1.0):
    """Whether two outcomes are the same but for a factor."""
    assert (one is None) == (other is None)
    if one is not None:
        assert np.allclose(one * factor, other, rtol=1e-8, atol=1e-12)


def reordered(cluster, order):
    """The same cluster with its racks' nodes told in another order, as nested sizes with uplinks."""
    node = cluster.tiers[0]
    parents = node.parent[order] if len(cluster.tiers) > 1 else node.parent
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    uplink = None if node.uplink_bytes_per_s is None else node.uplink_bytes_per_s[order]
    tiers = (replace(node, parent=parents, uplink_bytes_per_s=uplink), *cluster.tiers[1:])
    gpus = np.argsort(place[cluster.gpu_node], kind="stable")
    return replace(
        cluster,
        tiers=tiers,
        gpu_node=place[cluster.gpu_node][gpus].astype(np.int32),
        gpu_local=cluster.gpu_local[gpus],
        gpu_in_service=cluster.gpu_in_service[gpus],
        gpu_spare=cluster.gpu_spare[gpus],
    )


@few
@given(seeds, st.randoms(use_true_random=False))
def test_the_order_of_nodes_does_not_matter(seed, random):
    """The same cluster with its nodes numbered in another order has the same optimum and bound."""
    cluster, workload, objective = random_instance(seed)
    order = list(range(cluster.nodes))
    random.shuffle(order)
    before = optimal(cluster, workload, objective)
    agree(before, optimal(reordered(cluster, np.asarray(order)), workload, objective))


@few
@given(seeds, st.permutations(("tp", "cp", "dp", "pp")))
def test_the_numbering_of_ranks_does_not_matter(seed, order):
    """Another rank order that folds experts the same way has the same optimum and bound."""
    cluster, workload, objective = random_instance(seed)
    if order.index("cp") > order.index("dp"):
        order = [{"cp": "dp", "dp": "cp"}.get(axis, axis) for axis in order]
    mesh = replace(workload.mesh, rank_order=(*order, "ep"))
    before = optimal(cluster, workload, objective)
    agree(before, optimal(cluster, replace(workload, mesh=mesh), objective))


@few
@given(seeds, st.sampled_from([0.25, 3.0, 1e9]))
def test_payloads_scale_value_and_bound(seed, factor):
    """All payloads times a constant: value, bound and tie-break times the same constant."""
    cluster, workload, objective = random_instance(seed)
    families = tuple(
        replace(family, payload_bytes=tuple(factor * payload for payload in family.payload_bytes))
        for family in workload.families
    )
    scaled = Workload("scaled", workload.mesh, families, workload.keep)
    agree(optimal(cluster, workload, objective), optimal(cluster, scaled, objective), factor)


@few
@given(seeds, st.sampled_from([0.5, 4.0]))
def test_uplinks_scale_seconds(seed, factor):
    """All uplinks times a constant: seconds divided by it, for the objectives that are seconds."""
    cluster, workload, objective = random_instance(seed)
    tiers = tuple(
        tier
        if tier.uplink_bytes_per_s is None
        else replace(tier, uplink_bytes_per_s=tier.uplink_bytes_per_s * factor)
        for tier in cluster.tiers
    )
    objective = "weighted" if objective == "cross_node" else objective
    faster = replace(cluster, tiers=tiers)
    agree(optimal(cluster, workload, objective), optimal(faster, workload, objective), 1 / factor)


def with_service(cluster, gpu, *, in_service):
    """The cluster with one GPU taken out of service or brought back."""
    changed = cluster.gpu_in_service.copy()
    changed[gpu] = in_service
    return replace(cluster, gpu_in_service=changed)


@few
@given(seeds, st.integers(0, 7))
def test_a_gpu_more_never_costs_bytes(seed, gpu):
    """Bringing a GPU into service never raises the least crossing bytes; taking it out never lowers them.

    Bytes, since the seconds of a tier depend on how many of its domains are in service.
    """
    cluster, workload, _ = random_instance(seed)
    gpu %= cluster.gpus
    more = optimal(with_service(cluster, gpu, in_service=True), workload, Objective.CROSS_NODE)
    fewer = optimal(with_service(cluster, gpu, in_service=False), workload, Objective.CROSS_NODE)
    if fewer is not None:
        assert more is not None
        assert (more[:2] <= fewer[:2] * (1 + 1e-9)).all()


@few
@given(st.lists(st.integers(1, 4), min_size=2, max_size=4), st.integers(1, 3), st.integers(1, 3))
def test_a_node_more_never_costs_bytes(sizes, dp, pp):
    """A node added to a cluster never raises the least bytes that cross nodes."""
    families = [("dp", "all_reduce", 2.0), ("pp", "path", 3.0)]
    job = grid_workload(dp=dp, pp=pp, families=families)
    smaller = optimal(ragged_cluster(sizes), job, Objective.CROSS_NODE)
    larger = optimal(ragged_cluster([*sizes, 3]), job, Objective.CROSS_NODE)
    if smaller is not None:
        assert (larger[:2] <= smaller[:2] * (1 + 1e-9)).all()


@few
@given(seeds)
def test_a_family_more_never_saves_anything(seed):
    """Payloads are never negative: leaving the last family out never raises value or bound."""
    cluster, workload, objective = random_instance(seed)
    fewer = replace(workload, families=workload.families[:-1])
    before, after = optimal(cluster, fewer, objective), optimal(cluster, workload, objective)
    assert (before is None) == (after is None)
    if before is not None:
        assert (before[:2] <= after[:2] * (1 + 1e-9)).all()
