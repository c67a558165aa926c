"""Costs of ranks in domains: against measured placements."""

from __future__ import annotations

import numpy as np
import pytest

from planner.placement.crossing import crossing_weights, measure
from planner.placement.placement import Objective
from planner.repair.ledger import Ledger
from tests.builders import grid_cluster, grid_workload

KINDS = ["all_reduce", "all_gather", "broadcast", "all_to_all", "ring", "path"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pipeline", ["path", "ring", "all_reduce"])
def test_differences_are_those_of_placements(kind, pipeline):
    """For a party of several ranks, in every node: what it costs there is what is measured there."""
    cluster = grid_cluster(2, 2, 4, uplinks=(10e9, 3e9))
    job = grid_workload(
        tp=2, pp=3, dp=2, families=[("dp", kind, 5.0), ("pp", pipeline, 3.0), ("tp", kind, 7.0)]
    )
    random = np.random.default_rng(5)
    table = random.permutation(16)[:12].astype(np.int32)
    movable = np.zeros(12, np.bool_)
    ranks = np.array([1, 6, 7], np.int32)
    movable[ranks] = True
    weights = crossing_weights(cluster, Objective.WEIGHTED)
    domains = [np.where(movable, -1, domain[table]) for domain in cluster.domain_of_gpu]
    ledger = Ledger(cluster, job, weights, domains, movable)
    party, tiers = ledger.party(ranks), range(2)
    nodes = np.arange(4, dtype=np.int32)
    costs = ledger.costs(party, tiers, nodes)
    # Seats are not looked at by the measure, so that a node may hold more ranks than it has GPUs.
    values = []
    for node in nodes:
        there = table.copy()
        there[ranks] = 4 * node
        values.append(measure(cluster, job, there).weighted_s)
    assert costs - costs[0] == pytest.approx(np.array(values) - values[0], abs=1e-18)
    for node in nodes.tolist():
        ledger.put(party, tiers, node)
        assert ledger.costs(party, tiers, nodes, node) == pytest.approx(costs)
        ledger.take(party, tiers, node)
    assert ledger.costs(party, tiers, nodes) == pytest.approx(costs)


def test_groups_of_the_same_units_are_kept_as_one():
    """Where whole tensor groups move, costs are the same with all groups and with one of each kind."""
    cluster = grid_cluster(2, 2, 4, uplinks=(10e9, 3e9))
    families = [
        ("dp", "all_reduce", 5.0),
        ("dp", "all_to_all", 2.0),
        ("pp", "path", 3.0),
        ("tp", "ring", 7.0),
    ]
    job = grid_workload(tp=2, pp=3, dp=2, families=families)
    table = np.random.default_rng(5).permutation(8)[:6].repeat(2).astype(np.int32) * 2
    unit = np.arange(12, dtype=np.int32) // 2
    movable = np.isin(unit, (0, 3))
    weights = crossing_weights(cluster, Objective.WEIGHTED)
    domains = [np.where(movable, -1, domain[table]) for domain in cluster.domain_of_gpu]
    nodes, tiers = np.arange(4, dtype=np.int32), range(2)
    answers = []
    for given in (None, unit):
        ledger = Ledger(cluster, job, weights, domains, movable, given)
        first, second = (ledger.party(np.flatnonzero(unit == each).astype(np.int32)) for each in (0, 3))
        ledger.put(first, tiers, 2)
        answers.append([ledger.costs(second, tiers, nodes), ledger.costs(first, tiers, nodes, 2)])
        groups = len(ledger.collectives.size)
        assert groups == (4 if given is None else 2)
    assert np.array(answers[0]) == pytest.approx(np.array(answers[1]))
