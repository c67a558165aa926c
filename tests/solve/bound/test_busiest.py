"""How busy the busiest uplink is at least: never above what any placement reaches, and met by spreading."""

from __future__ import annotations

import numpy as np
import pytest

from planner.placement.crossing import measure
from planner.placement.placement import Objective, Status
from planner.solve import solve
from planner.solve.bound.busiest import busiest_bound, egress_table
from planner.solve.setup.blocks import Blocks
from planner.solve.setup.problem import Problem
from tests.builders import grid_workload, ragged_cluster
from tests.solve.brute_force import egress, every_assignment, optimum
from tests.solve.instances import random_instance


def problem_of(cluster, job):
    """The problem on all GPUs in service."""
    return Problem(cluster, job, Objective.BOTTLENECK, cluster.gpu_in_service)


@pytest.mark.parametrize(
    "first", [0, *(pytest.param(first, marks=pytest.mark.slow) for first in range(60, 600, 60))]
)
def test_no_placement_beats_it(first):
    """On small random jobs it is at most the exhaustive minimum, whatever is known beforehand."""
    bounded = 0
    for seed in range(first, first + 60):
        cluster, job, _ = random_instance(seed)
        found = optimum(cluster, job, "bottleneck", cluster.gpu_in_service)
        if found is None:
            continue
        least = found[0]
        for known in (np.inf, 2 * least, 1.1 * least, least):
            bound = busiest_bound(problem_of(cluster, job), known)
            assert bound <= least * (1 + 1e-9), f"seed {seed}, known {known}"
            bounded += bound > 0
    assert bounded > 20


KINDS = ["all_reduce", "all_gather", "all_to_all", "ring", "path"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("degrees", [{"dp": 6}, {"cp": 3, "dp": 2}, {"tp": 2, "dp": 3}, {"dp": 6, "ep": 3}])
def test_no_domain_sends_less_than_the_table(kind, degrees):
    """However ranks are dealt out to three domains, each sends at least what the table says of its width."""
    job = grid_workload(**degrees)
    families = [(axis, kind, 5.0) for axis in degrees if axis != "tp"]
    job = grid_workload(**degrees, families=families)
    blocks = Blocks(job.mesh, job.mesh.tp, 1)
    homes = every_assignment([blocks.replicas] * 3, blocks.replicas)
    domain = np.repeat(homes, job.mesh.tp, axis=1)
    room, most = np.full(3, blocks.replicas), np.full(1, blocks.replicas)
    table = egress_table(job.families, blocks, blocks.replicas, room, most)
    sent = egress(job.mesh, job.families, domain, 3)
    widths = np.stack([(homes == each).sum(axis=1) for each in range(3)], axis=1)
    assert (table[0][widths] <= sent + 1e-9).all()
    assert table.max() > 0


def test_one_cell_a_node_is_all_there_is():
    """Tensor groups that fill nodes send the same wherever they are, on however large a cluster."""
    families = [("tp", "all_reduce", 9.0), ("pp", "path", 2.0), ("dp", "all_reduce", 1.0)]
    job = grid_workload(tp=4, pp=3, dp=4, families=families, keep={"tp": "node"})
    cluster = ragged_cluster([4] * 200, uplinks=(2.0,))
    # The middle stage has two neighbours, half of 2 x 4 bytes each, and 2 S (1 - 1 / 4) at every position.
    assert busiest_bound(problem_of(cluster, job), np.inf) <= (8 + 6) / 2
    assert busiest_bound(problem_of(cluster, job), 7.0) == pytest.approx(7.0)


@pytest.mark.parametrize("nodes", [40, 64, 200])
def test_spread_out_jobs_are_proven(nodes):
    """With nodes enough every rank sits alone, which full nodes cannot match, and that is proven."""
    families = [("pp", "path", 1.0), ("dp", "all_reduce", 1.0)]
    job = grid_workload(pp=4, dp=10, families=families)
    cluster = ragged_cluster([8] * nodes, uplinks=(1.0,))
    result = solve(cluster, job, objective="bottleneck", time_limit_s=2, workers=2)
    assert result.objective == pytest.approx(2 * (1 - 1 / 10) + 1)
    assert result.lower_bound == pytest.approx(result.objective)
    dense = solve(cluster, job, time_limit_s=1, workers=2)
    assert measure(cluster, job, dense.placement.gpu_of_rank).bottleneck_s > 1.5 * result.objective
    assert result.status is Status.OPTIMAL
