"""Tiers of few domains: which are, bounds and width vectors of the large-scale kind, and their time."""

from __future__ import annotations

import numpy as np
import pytest

from planner.solve.columns import columns
from planner.solve.setup.control import Control
from planner.solve.splits.few_domains import MOST_DOMAINS, are_few, least_of_few
from tests.solve.vectors import random_costs


def job(seed, stages=5, cells=4):
    """Random costs on a path of stages."""
    return random_costs(np.random.default_rng(seed), stages, cells, forms=("touched",))


def test_few_domains_hold_the_job_and_are_few():
    """Neither domains too small for all cells nor too many of them count as few."""
    costs = job(0)
    assert are_few(costs, np.asarray([10, 10], np.int32))
    assert not are_few(costs, np.asarray([10, 9], np.int32))
    assert not are_few(costs, np.full(MOST_DOMAINS + 1, 5, np.int32))


def test_rings_are_left_to_others():
    """A ring of stages is not gone through as a path."""
    costs = random_costs(np.random.default_rng(1), 4, 3, ring=True)
    assert not are_few(costs, np.asarray([8, 8], np.int32))


@pytest.mark.parametrize("seed", range(8))
def test_the_least_is_the_same_by_the_worth_of_a_cell_alone(seed, monkeypatch):
    """Priced as large domains are, by one worth a cell, the search reaches the same optimum."""
    costs, room = job(seed), np.asarray([9, 7, 6], np.int32)
    exact = least_of_few(costs, room, Control(60.0))
    monkeypatch.setattr(columns, "LARGE_TABLE", 0)
    large = least_of_few(costs, room, Control(60.0))
    assert exact.widths is not None
    assert large.bound == pytest.approx(exact.bound)
    for found in (exact, large):
        assert found.widths.sum(axis=0).tolist() == [costs.replicas] * costs.stages
        assert (found.widths.sum(axis=1) <= room).all()
        assert costs.domain_bytes(found.widths).sum() == pytest.approx(found.bound)


def test_a_run_that_is_over_has_a_bound_all_the_same():
    """Without time the relaxation's first bound stands, below the optimum, and nothing is found."""
    costs, room = job(3), np.asarray([9, 7, 6], np.int32)
    found = least_of_few(costs, room, Control(0.0))
    assert found.widths is None
    assert -np.inf < found.bound <= least_of_few(costs, room, Control(60.0)).bound
