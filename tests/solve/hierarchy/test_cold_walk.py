"""Cold walks over one tier: still a cover within rooms, better where the start is bad, the same twice."""

from __future__ import annotations

import numpy as np

from planner.solve.columns.residual import pieces_bytes
from planner.solve.hierarchy.cold_walk import walked
from planner.solve.setup.control import Control
from tests.solve.columns.test_neighbourhoods import scattered, work
from tests.solve.hierarchy.test_cover import holds
from tests.solve.vectors import ragged_classes, random_costs


def drawn(seed, ring=False):
    """Random terms, ragged classes, and cells in line with some of them changed for each other."""
    rng = np.random.default_rng(seed)
    costs = random_costs(rng, 9, 5, ring=ring, forms=("touched",))
    classes = ragged_classes(rng, 50, 6)
    return costs, classes, scattered(rng, costs, classes)


def test_walks_keep_rooms_and_cells():
    """Whatever a walk ends with covers every stage within the rooms, and most starts are left behind."""
    gained = 0
    for seed in range(6):
        costs, classes, start = drawn(seed, ring=seed % 2 == 1)
        found = walked(costs, classes, start, work(seed))
        holds(found, classes, np.full(9, 5, np.int32), every_domain=False)
        gained += pieces_bytes(costs, found) < pieces_bytes(costs, start)
    assert gained > 3


def test_the_same_walk_twice():
    """Same start, same seed: same pieces."""
    costs, classes, start = drawn(3)
    once, again = (walked(costs, classes, start, work(5)) for _ in range(2))
    assert [(p.kind, p.widths.tolist()) for p in once] == [(p.kind, p.widths.tolist()) for p in again]


def test_a_stopped_run_keeps_its_start():
    """Where the run is over before it begins, nothing changes."""
    costs, classes, start = drawn(4)
    control = Control(60.0, workers=1)
    control.stop.set()
    assert pieces_bytes(costs, walked(costs, classes, start, control)) == pieces_bytes(costs, start)
