"""Failures and repairs against what is known of them in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, poisson

from planner.errors import UsageError
from planner.repair.failures import DAY, HOUR, Failures
from planner.repair.outages import simulate_outages
from tests.builders import grid_cluster

NEVER = 1e9 * DAY
NO_FAILURES = dict.fromkeys(("gpu", "nic", "node", "rack", "software"), NEVER)
REPAIR = {"gpu": 10 * HOUR, "nic": 5 * HOUR, "node": 20 * HOUR, "rack": 8 * HOUR, "software": 0.0}


def simulated(cluster, tier, *, margins=1, windows=200, window_s=30 * DAY, seed=1, **mtbf):
    """A simulation in which only the kinds that are given fail."""
    failures = Failures({**NO_FAILURES, **mtbf}, REPAIR)
    options = {"tier": tier, "margins": margins, "windows": windows, "window_s": window_s, "seed": seed}
    return simulate_outages(cluster, failures, **options)


def away_share(*rates_and_repairs):
    """Share of the time that a node is away which fails and is repaired in turn."""
    load = sum(rate * repair for rate, repair in rates_and_repairs)
    return load / (1 + load)


def test_nodes_away_are_binomial():
    """Each is away on its own, for the mean time of what failed: the steady state of machine repair."""
    cluster = grid_cluster(1, 40, 8, nics=2)
    found = simulated(cluster, 0, gpu=500 * HOUR, nic=300 * HOUR, node=400 * HOUR)
    away = away_share((8 / 500, 10), (2 / 300, 5), (1 / 400, 20))
    expected = binom.pmf(np.arange(41), 40, away)
    assert found.share[0] == pytest.approx(expected, abs=0.01)
    # Each fails when it is there.
    rate = 40 * (1 - away) * (8 / 500 + 2 / 300 + 1 / 400)
    assert found.failures == pytest.approx(rate * 200 * 30 * 24, rel=0.02)


def test_few_of_many_nodes_away_are_poisson():
    """As M/M/infinity: the mean is rate times repair time."""
    found = simulated(grid_cluster(1, 1000, 1), 0, windows=100, gpu=5000 * HOUR)
    load = 1000 / 5000 * 10
    assert found.share[0][:8] == pytest.approx(poisson.pmf(np.arange(8), load), abs=0.012)


def test_cells_are_short_beyond_their_margin():
    """A cell lacks more nodes than it has spares as a binomial says."""
    found = simulated(grid_cluster(30, 6, 4), 1, margins=3, gpu=400 * HOUR)
    away = away_share((4 / 400, 10))
    cells = np.arange(31)
    for margin in range(3):
        expected = 30 * binom.sf(margin, 6, away)
        assert found.share[margin] @ cells == pytest.approx(expected, rel=0.06)


def test_a_rack_takes_its_nodes():
    """All of its cells are short at once, whatever their margin, for as long as it is away."""
    found = simulated(grid_cluster(5, 3, 2, 4), 0, windows=400, rack=100 * HOUR)
    away = 8 / 108
    short = found.share[0][::2]
    assert short == pytest.approx(binom.pmf(np.arange(len(short)), 15, away), abs=0.02)
    assert found.share[0][1::2].sum() == 0


def test_cells_beyond_the_spares_of_their_domain():
    """The mean of what is short in a domain beyond its allowance."""
    found = simulated(grid_cluster(3, 4, 5, 8), 1, windows=400, gpu=1000 * HOUR)
    short = binom.sf(0, 5, away_share((8 / 1000, 10)))
    for allowed in range(3):
        each = sum(binom.pmf(n, 4, short) * max(0, n - allowed) for n in range(5))
        assert found.beyond[0, 0, allowed] == pytest.approx(3 * each, rel=0.05)


def test_the_most_of_a_window():
    """Never below what a margin more has, nor below the most of one domain; rarely none."""
    found = simulated(grid_cluster(3, 4, 5, 8), 1, margins=2, windows=50, gpu=1000 * HOUR)
    assert (found.most[:, 0] >= found.most[:, 1]).all()
    assert (found.most[:, 0] >= found.most_inside[:, 0, 0]).all()
    assert found.most.max() <= 12
    assert found.share.sum(axis=1) == pytest.approx([1, 1])


def test_what_is_missing_stays_away():
    """A cell that lacks a node from the beginning is short for good."""
    cluster = grid_cluster(4, 3, 2, down=(0, 1))
    found = simulated(cluster, 1, margins=2, windows=3, gpu=NEVER)
    assert found.share[0].tolist() == [0, 1, 0, 0, 0]
    assert found.share[1].tolist() == [1, 0, 0, 0, 0]


def test_a_seed_is_a_seed():
    """The same gives the same, another does not; progress comes to its end."""
    cluster, told = grid_cluster(1, 10, 8), []
    one, two = (simulated(cluster, 0, gpu=300 * HOUR, windows=20) for _ in range(2))
    assert (one.most == two.most).all()
    assert one.failures == two.failures != simulated(cluster, 0, gpu=300 * HOUR, windows=20, seed=2).failures
    failures = Failures({**NO_FAILURES, "gpu": 300 * HOUR}, REPAIR)
    options = {"tier": 0, "margins": 1, "windows": 20, "window_s": DAY, "seed": 1}
    simulate_outages(cluster, failures, **options, progress=lambda *each: told.append(each))
    assert told[-1] == (20, 20)


def test_what_would_never_end_is_refused():
    """Failures every few microseconds."""
    with pytest.raises(UsageError) as caught:
        simulated(grid_cluster(1, 10, 8), 0, gpu=1e-4)
    assert caught.value.problems[0].code == "U010"
