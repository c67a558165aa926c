"""The relaxation over shares: valid, no weaker than rounded rows, and near where replicas are few."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
import pytest

from planner.solve.columns.columns import relax
from planner.solve.columns.master import CapacityClass
from planner.solve.columns.shares import MOST_CELLS, cheapest_shares, fits_shares, share_out_stages
from planner.solve.setup.control import Control
from tests.benchmarks.instances import FAMILIES, instance
from tests.solve.columns.test_columns import covered
from tests.solve.columns.test_packing import drawn
from tests.solve.vectors import least_cover, ragged_classes, random_costs

NEAR = 1e-6


def test_the_cheapest_share_of_every_number_of_cells():
    """Against all ways to write a number as a sum of widths; the widths named add up to it."""
    rng = np.random.default_rng(1)
    worth = rng.normal(size=(3, 5))
    worth[:, 0] = 0.0
    least, last = cheapest_shares(worth, 7)
    for cells in range(8):
        ways = [
            way
            for parts in range(cells + 1)
            for way in combinations_with_replacement(range(1, 5), parts)
            if sum(way) == cells
        ]
        for stage in range(3):
            assert least[stage, cells] == pytest.approx(min(worth[stage, list(way)].sum() for way in ways))
            if cells:
                width = int(last[stage, cells])
                rest = least[stage, cells - width]
                assert least[stage, cells] == pytest.approx(worth[stage, width] + rest)


@pytest.mark.parametrize("uneven", [False, True], ids=["even", "uneven"])
@pytest.mark.parametrize("seed", range(40))
def test_the_bound_is_valid(seed, uneven):
    """No cover of a small tier, path or ring, costs less."""
    costs, classes, coverage = drawn(seed, uneven=uneven)
    found = share_out_stages(costs, classes, coverage, Control(60.0), 60.0)
    assert found is not None
    assert found.bound <= least_cover(costs, classes, coverage) + NEAR


@pytest.mark.parametrize("seed", range(25))
def test_it_is_no_weaker_than_rounded_rows(seed):
    """Every rounded row of one stage holds for its shares; on some tiers they say more."""
    rng = np.random.default_rng(seed)
    costs = random_costs(rng, 4, 6)
    classes = ragged_classes(rng, 24, 5)
    rounded = relax(costs, classes, covered(4, 6), rounding=True).bound
    found = share_out_stages(costs, classes, covered(4, 6), Control(60.0), 60.0)
    assert found is not None
    assert found.bound >= rounded - 1e-5


def test_any_time_gives_a_valid_bound():
    """One round of it bounds as well, only less."""
    for seed in range(20):
        costs, classes, coverage = drawn(seed, largest=6)
        early = share_out_stages(costs, classes, coverage, Control(60.0), 1e-9)
        assert early is None or early.bound <= least_cover(costs, classes, coverage) + NEAR


def test_seven_replicas_in_nodes_of_six_and_eight():
    """Where rounded rows leave a fifth, the shares leave less than one byte."""
    job = instance(next(each for each in FAMILIES if each.name == "much slack"), 3)
    rng = np.random.default_rng(0)
    costs = random_costs(rng, job.stages, job.replicas, forms=("touched",))
    costs.terms[0][2][:] = 6.0
    costs.v[:] = 1.0
    classes = [CapacityClass(6, 24), CapacityClass(8, 15)]
    found = share_out_stages(costs, classes, covered(job.stages, job.replicas), Control(60.0), 60.0)
    assert found is not None
    constant = job.replicas * (job.stages - 1) - 6 * job.stages
    assert np.ceil(found.bound + constant - NEAR) == 290


def test_large_tiers_are_left_out():
    """Too many rows, or too many cells of a stage, are not shared out."""
    few = [CapacityClass(8, 10)]
    assert fits_shares(few, covered(10, 20))
    assert not fits_shares(few, covered(10, MOST_CELLS + 1))
    assert not fits_shares([CapacityClass(80, 10)], covered(64, 100))
