"""Domains that hold parts of cells: what they can save at most."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from planner.solve.columns.pricing import price
from planner.solve.reduction.parts import PartialCells, many_parts, parts_never_pay
from planner.solve.reduction.reduction import reduce_costs
from planner.solve.setup.blocks import candidate_blocks
from tests.builders import grid_workload
from tests.solve.brute_force import crossing, every_assignment

JOBS = [{"tp": 2, "dp": 2, "pp": 2}, {"tp": 2, "dp": 4}, {"tp": 3, "pp": 2}, {"tp": 2, "cp": 2, "pp": 2}]


def no_envelope(_mean, _cells):
    """Nothing is known of many cells."""
    return -np.inf


@pytest.mark.parametrize("degrees", JOBS, ids=["grid", "stage", "line", "context"])
@pytest.mark.parametrize("inside", [0.0, 1.0, 4.0])
def test_no_way_to_cut_cells_is_cheaper(degrees, inside):
    """Over all placements of two domains, T less the duals is at least the sum of the domains' least."""
    families = [("tp", "all_reduce", inside), ("dp", "all_reduce", 3.0), ("pp", "path", 2.0)]
    families += [("cp", "all_gather", inside + 1)] if "cp" in degrees else []
    job = grid_workload(**degrees, families=families)
    blocks = candidate_blocks(job.mesh)[0]
    costs = reduce_costs(job.families, blocks)
    room, cells = [job.mesh.world_size - 3, 5], costs.stages * costs.replicas
    domain = every_assignment(room, job.mesh.world_size)
    counted = crossing(job.mesh, job.families, domain)
    for seed in range(5):
        duals = np.random.default_rng(seed).normal(2.0, 4.0, blocks.stages)
        steepest = float(duals.max() + 2 * costs.v.sum())
        bounds = []
        # Few parts looked at one by one, with prices of few cells and of all; then all parts.
        few = min(max(room) // blocks.cell_ranks + 1, cells)
        for parts, most in ((1, few), (1, cells), (max(room), cells)):
            priced = price(costs, duals, most, costs.holding(min(most, costs.replicas)))
            within = priced.best[priced.used]
            partial = PartialCells(
                within, costs.part_bytes.min(axis=0), steepest, max(room), parts, cells, no_envelope
            )
            bounds.append(costs.constant + sum(partial.least(each) for each in room))
        assert sorted(bounds) == pytest.approx(bounds)
        assert counted.min() >= max(bounds) + duals.sum() * blocks.replicas - 1e-9


def test_parts_that_pay_more_than_they_gain():
    """A tensor group of four is worth cutting only where a rank gains more than a fourth of 2 S."""
    job = grid_workload(tp=4, families=[("tp", "all_reduce", 6.0)])
    part_bytes = reduce_costs(job.families, candidate_blocks(job.mesh)[0]).part_bytes[0]
    assert parts_never_pay(part_bytes, 4.0)
    assert not parts_never_pay(part_bytes, 4.1)


@pytest.mark.parametrize("seed", range(8))
def test_many_parts_pay_at_least_what_is_said_of_their_range(seed):
    """Every way to hold so many parts pays no less than its range does, and has no more cells."""
    rng = np.random.default_rng(seed)
    size, ranks, cells = int(rng.integers(2, 6)), int(rng.integers(3, 14)), int(rng.integers(2, 14))
    single = rng.random(size - 1)
    ranges = list(many_parts(single, ranks, cells, 1))
    for parts in range(1, min(ranks, cells) + 1):
        pays, most = ranges[parts.bit_length() - 1]
        held = itertools.combinations_with_replacement(range(1, size), parts)
        fitting = [each for each in held if sum(each) <= ranks]
        assert all(sum(single[m - 1] for m in each) >= pays - 1e-12 for each in fitting)
        for each in fitting:
            assert min((ranks - sum(each)) // size + parts, cells) <= most


def test_without_room_for_a_part_whole_cells_count():
    """A domain of whole cells alone is never dearer than those cells, and of no rank it is free."""
    within = np.asarray([0.0, -5.0, -9.0, -9.0, -9.0])
    partial = PartialCells(within, np.asarray([0.0, 100.0, 0.0]), 5.0, 8, 2, 4, no_envelope)
    assert [partial.least(ranks) for ranks in (0, 1, 2, 3, 4)] == [0.0, 0.0, -5.0, -5.0, -9.0]
