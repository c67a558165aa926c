"""The time of spreading weights against every way of spreading them on tiny fabrics."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.optimize import linprog

from planner.fleet.contents import even_weights
from planner.fleet.flows import Flow, bundles
from planner.fleet.multicast import spread
from tests.builders import claimed, grid_workload, ragged_cluster

SHAPES = [{}, {"dp": 2}, {"pp": 2}, {"tp": 2}, {"pp": 2, "dp": 2}, {"tp": 2, "dp": 2}]
NESTED = [[[2, 2], [2, 2]], [[2, 2, 2], [2]], [[3], [2], [2, 2]]]


def random_flow(seed):
    """A flow of weights between two small placements, on domains of different uplinks."""
    rng = np.random.default_rng(seed)
    nested = NESTED[int(rng.integers(len(NESTED)))]
    cluster = ragged_cluster(nested, uplinks=[float(rng.integers(1, 6)) for _ in range(2)])
    source, target = (grid_workload(**SHAPES[int(rng.integers(len(SHAPES)))]) for _ in range(2))
    gpus = rng.permutation(cluster.gpus)[: source.mesh.world_size + target.mesh.world_size]
    placed = [
        claimed(cluster, source, gpus[: source.mesh.world_size]),
        claimed(cluster, target, gpus[source.mesh.world_size :]),
    ]
    flow = Flow("weights", 0, 1, 1, 60.0, tuple(even_weights(source.mesh, target.mesh, 60.0)))
    return flow, *placed


def trees(piece):
    """Every way in which all that lack a bundle can receive it: for each the domain that it comes from."""
    takers = np.flatnonzero(piece.takers & ~piece.holders).tolist()
    members = np.flatnonzero(piece.takers | piece.holders).tolist()
    for parents in product(members, repeat=len(takers)):
        came_from = dict(zip(takers, parents, strict=True))
        if all(_reaches(each, came_from) for each in takers):
            yield came_from


def _reaches(domain, came_from):
    """Whether what a domain receives comes from one that holds it."""
    for _ in range(len(came_from) + 1):
        if domain not in came_from:
            return True
        domain = came_from[domain]
    return False


def loads(cluster, came_from):
    """How often each uplink of each tier sends and receives, in one row."""
    found, around = [], np.arange(cluster.tiers[cluster.boundary].domains)
    for tier in cluster.tiers[cluster.boundary : -1]:
        out, into = np.zeros(tier.domains), np.zeros(tier.domains)
        for taker, parent in came_from.items():
            if around[taker] != around[parent]:
                out[around[parent]] += 1 / tier.uplink_bytes_per_s[around[parent]]
                into[around[taker]] += 1 / tier.uplink_bytes_per_s[around[taker]]
        found += [out, into]
        around = tier.parent[around]
    return np.concatenate(found)


def least_time(flow, source, target):
    """The least time of all mixtures of all trees, by a linear programme."""
    pieces = bundles(flow, source, target, source.cluster.boundary)
    rows, sizes, of_piece = [], [], []
    for at, piece in enumerate(pieces):
        sizes.append(piece.size_bytes)
        for came_from in trees(piece):
            rows.append(loads(source.cluster, came_from))
            of_piece.append(at)
    uplinks = np.array(rows).T
    limits = np.hstack([uplinks, np.full((len(uplinks), 1), -1.0)])
    whole = np.zeros((len(pieces), len(rows) + 1))
    whole[of_piece, np.arange(len(rows))] = 1
    cost = np.append(np.zeros(len(rows)), 1.0)
    found = linprog(cost, A_ub=limits, b_ub=np.zeros(len(limits)), A_eq=whole, b_eq=sizes)
    assert found.status == 0
    return found.fun


@pytest.mark.parametrize("seed", range(40))
def test_no_way_of_spreading_is_faster_than_the_bound(seed):
    """The best mixture of all trees lies between the bound and the time of the lines."""
    flow, source, target = random_flow(seed)
    found, best = spread(flow, source, target), least_time(flow, source, target)
    assert found.least_s <= best * (1 + 1e-9) + 1e-12
    assert best <= found.seconds * (1 + 1e-9) + 1e-12


def test_the_lines_are_mostly_the_best():
    """On these fabrics the time of the lines is that of the best mixture of trees in most cases."""
    met = 0
    for seed in range(100, 140):
        flow, source, target = random_flow(seed)
        met += spread(flow, source, target).seconds <= least_time(flow, source, target) * (1 + 1e-9) + 1e-12
    assert met >= 36
