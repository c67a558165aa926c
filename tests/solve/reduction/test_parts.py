"""Domains that hold parts of cells: what they can save at most."""

from __future__ import annotations

import numpy as np
import pytest

from planner.solve.columns.pricing import price
from planner.solve.reduction.parts import MOST_PARTS, PartialCells, parts_never_pay
from planner.solve.reduction.reduction import reduce_costs
from planner.solve.setup.blocks import candidate_blocks
from tests.builders import grid_workload
from tests.solve.brute_force import crossing, every_assignment

JOBS = [{"tp": 2, "dp": 2, "pp": 2}, {"tp": 2, "dp": 4}, {"tp": 3, "pp": 2}, {"tp": 2, "cp": 2, "pp": 2}]


@pytest.mark.parametrize("degrees", JOBS, ids=["grid", "stage", "line", "context"])
@pytest.mark.parametrize("inside", [0.0, 1.0, 4.0])
def test_no_way_to_cut_cells_is_cheaper(degrees, inside):
    """Over all placements of two domains, T less the duals is at least the sum of the domains' least."""
    families = [("tp", "all_reduce", inside), ("dp", "all_reduce", 3.0), ("pp", "path", 2.0)]
    families += [("cp", "all_gather", inside + 1)] if "cp" in degrees else []
    job = grid_workload(**degrees, families=families)
    blocks = candidate_blocks(job.mesh)[0]
    costs = reduce_costs(job.families, blocks)
    room = [job.mesh.world_size - 3, 5]
    domain = every_assignment(room, job.mesh.world_size)
    counted = crossing(job.mesh, job.families, domain)
    for seed in range(5):
        duals = np.random.default_rng(seed).normal(2.0, 4.0, blocks.stages)
        most = max(room) // blocks.cell_ranks + MOST_PARTS
        priced = price(costs, duals, most, costs.holding(most))
        within = priced.best[priced.used]
        steepest = float(duals.max() + 2 * costs.v.sum())
        partial = PartialCells(within, costs.part_bytes, steepest)
        bound = costs.constant + sum(partial.least(each) for each in room)
        assert counted.min() >= bound + duals.sum() * blocks.replicas - 1e-9


def test_parts_that_pay_more_than_they_gain():
    """A tensor group of four is worth cutting only where a rank gains more than a fourth of 2 S."""
    job = grid_workload(tp=4, families=[("tp", "all_reduce", 6.0)])
    part_bytes = reduce_costs(job.families, candidate_blocks(job.mesh)[0]).part_bytes
    assert parts_never_pay(part_bytes, 4.0)
    assert not parts_never_pay(part_bytes, 4.1)


def test_without_room_for_a_part_whole_cells_count():
    """A domain of whole cells alone is never dearer than those cells, and of no rank it is free."""
    within = np.asarray([0.0, -5.0, -9.0] + [-9.0] * MOST_PARTS)
    partial = PartialCells(within, np.asarray([0.0, 100.0, 0.0]), 5.0)
    assert [partial.least(ranks) for ranks in (0, 1, 2, 3, 4)] == [0.0, 0.0, -5.0, -5.0, -9.0]
