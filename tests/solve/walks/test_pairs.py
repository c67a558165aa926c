"""Pairs of domains share out what they hold: the best way there is, rooms and cells kept, ever better."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner import solve
from planner.placement.placement import Status
from planner.solve.reduction.tree import Level
from planner.solve.setup.control import Control
from planner.solve.setup.kernel import seeded
from planner.solve.walks import pair_kernel
from planner.solve.walks.pairs import MOST_ROOM, Pairs, held_by, shares_pairs, tables_for
from tests.builders import grid_workload, ragged_cluster
from tests.solve.subroutines import from_python
from tests.solve.vectors import random_costs

seeded_at, share_out = from_python(seeded), from_python(pair_kernel.share_out)


def best_share(costs, both, rooms, fixed=None):
    """Least sum of f of two domains that hold `both` together, by trying all; `fixed` is (stage, width)."""
    least = np.inf
    for widths in product(*(range(cells + 1) for cells in both)):
        one = np.asarray(widths)
        if fixed is not None and one[fixed[0]] != fixed[1]:
            continue
        if one.sum() <= rooms[0] and (both - one).sum() <= rooms[1]:
            least = min(least, float(costs.domain_bytes(np.stack((one, both - one))).sum()))
    return least


def two_domains(seed, *, ring):
    """Random terms and two domains with random contents and some room to spare."""
    rng = np.random.default_rng(seed)
    stages = int(rng.integers(2, 6))
    costs = random_costs(rng, stages, 6, ring=ring)
    widths = rng.integers(0, 4, (2, stages)).astype(np.int32)
    rooms = np.maximum(1, widths.sum(axis=1) + rng.integers(0, 3, 2)).astype(np.int32)
    return costs, widths, rooms


def shared_out(costs, widths, rooms, seed, noise=0.0):
    """What two domains hold after they shared it out."""
    held, random = held_by(costs, rooms, widths.copy()), seeded_at(seed)
    share_out(random, held, tables_for(costs, rooms), 0, 1, noise)
    for stage, domain in product(range(costs.stages), range(2)):
        holds = domain in held.holders[stage, : held.counts[stage]]
        assert holds == (held.widths[domain, stage] > 0)
    return held.widths


@given(st.integers(0, 10**6))
def test_two_domains_share_out_in_the_best_way(seed):
    """Without noise the sum of f is the least of all ways to share out the cells within the rooms."""
    costs, widths, rooms = two_domains(seed, ring=False)
    found = shared_out(costs, widths, rooms, seed)
    assert (found.sum(axis=0) == widths.sum(axis=0)).all()
    assert (found.sum(axis=1) <= rooms).all()
    best = best_share(costs, widths.sum(axis=0), rooms)
    assert float(costs.domain_bytes(found).sum()) == pytest.approx(best)


def least_share(costs, both, rooms):
    """Least sum of f of two domains that hold `both` together, by a programme over widths and cells used."""
    total, holding, before = int(both.sum()), costs.holding(int(both.max())), {(0, 0): 0.0}
    for stage, cells in enumerate(both.tolist()):
        after: dict[tuple[int, int], float] = {}
        for (used, held), paid in before.items():
            last = int(both[stage - 1]) if stage else 0
            for width in range(cells + 1):
                home = min(held, width) + min(last - held, cells - width)
                cost = paid + holding[stage, width] + holding[stage, cells - width]
                cost -= home * (costs.v[stage - 1] if stage else 0.0)
                state = used + width, width
                after[state] = min(after.get(state, np.inf), cost)
        before = after
    return min(cost for (used, _), cost in before.items() if used <= rooms[0] and total - used <= rooms[1])


@pytest.mark.parametrize("seed", range(4))
def test_large_domains_share_out_in_the_best_way(seed):
    """Nor is there a better way for two domains of many cells, and stages of very different width."""
    rng = np.random.default_rng(seed)
    costs = random_costs(rng, 5, 60, ring=False)
    widths = (rng.integers(0, 26, (2, 5)) * (rng.random((2, 5)) < 0.8)).astype(np.int32)
    rooms = np.maximum(1, widths.sum(axis=1) + rng.integers(0, 3, 2)).astype(np.int32)
    found = shared_out(costs, widths, rooms, seed)
    assert (found.sum(axis=1) <= rooms).all()
    best = least_share(costs, widths.sum(axis=0), rooms)
    assert float(costs.domain_bytes(found).sum()) == pytest.approx(best, rel=1e-5)


@given(st.integers(0, 10**6))
def test_on_a_ring_some_stage_stays_and_the_rest_is_best(seed):
    """On a ring the result is no worse than before, and the best with some stage as it was."""
    costs, widths, rooms = two_domains(seed, ring=True)
    both = widths.sum(axis=0)
    found = float(costs.domain_bytes(shared_out(costs, widths, rooms, seed)).sum())
    best = [best_share(costs, both, rooms, (stage, widths[0, stage])) for stage in range(costs.stages)]
    assert found <= float(costs.domain_bytes(widths).sum()) + 1e-9
    assert min(abs(found - each) for each in [*best, best_share(costs, both, rooms)]) < 1e-6


@given(st.integers(0, 10**6), st.booleans())
def test_noise_keeps_cells_and_rooms(seed, ring):
    """However large the noise is, all cells stay with the two domains, within their rooms."""
    costs, widths, rooms = two_domains(seed, ring=ring)
    found = shared_out(costs, widths, rooms, seed, noise=50.0)
    assert (found >= 0).all()
    assert (found.sum(axis=0) == widths.sum(axis=0)).all()
    assert (found.sum(axis=1) <= rooms).all()


def walks(rooms, seed=3, **limits):
    """Rounds of walks over 12 stages of 10 replicas, and cells in line to begin with."""
    rng = np.random.default_rng(seed)
    costs = random_costs(rng, 12, 10, ring=False, forms=("touched",))
    rooms, none = np.asarray(rooms, np.int32), np.zeros(len(rooms), np.int32)
    level = Level(0, 1.0, rooms, none, none)
    control = Control(60.0, workers=1, deterministic=True, **limits)
    pairs = Pairs(costs, level, control)
    return costs, pairs, pairs._lined()


def test_each_is_better_than_the_one_before():
    """Costs fall from each yield to the next; cells and rooms are kept."""
    costs, pairs, start = walks([30, 28, 33, 35])
    found = [start, *pairs.better(start, 200)]
    assert len(found) > 1
    for before, after in pairwise(found):
        assert (after.sum(axis=0) == 10).all()
        assert (after.sum(axis=1) <= pairs.rooms).all()
        assert costs.domain_bytes(after).sum() < costs.domain_bytes(before).sum()


def test_the_same_twice():
    """Same start, same seed: the same vectors, where runs are limited by work."""
    once, again = (list(pairs.better(start, 100)) for _, pairs, start in (walks([40, 45, 50]) for _ in "ab"))
    assert [each.tolist() for each in once] == [each.tolist() for each in again]


def test_a_stopped_run_finds_nothing():
    """Where the run is over nothing is tried."""
    _, pairs, start = walks([30, 28, 33, 35])
    pairs.control.stop.set()
    assert not list(pairs.better(start))


def test_where_pairs_share_out():
    """Not where mirrored stages have edges, where one domain holds all, or where rooms are very large."""
    costs = random_costs(np.random.default_rng(1), 6, 4, ring=False)
    assert shares_pairs(costs, np.asarray([12, 12]))
    assert not shares_pairs(costs, np.asarray([24]))
    assert not shares_pairs(costs, np.asarray([MOST_ROOM + 1, 3]))


def test_large_racks_are_placed_at_their_bound():
    """Seven stages of 285 replicas in 42 racks of 28 to 72 places: proven at once, whatever the seed."""
    rooms = [72, 32, 56, 72, 40, 68, 48, 28, 28, 72, 40, 72, 32, 44, 40, 68, 40, 48, 36, 72, 28]
    rooms += [48, 72, 48, 60, 48, 32, 36, 68, 52, 32, 64, 36, 56, 56, 60, 44, 40, 36, 28, 44, 48]
    cluster = ragged_cluster(rooms, uplinks=[[1e9 * room for room in rooms]])
    workload = grid_workload(dp=285, pp=7, families=[("dp", "all_reduce", 3), ("pp", "path", 40)])
    result = solve(cluster, workload, deterministic=True, seed=1)
    assert result.status is Status.OPTIMAL
