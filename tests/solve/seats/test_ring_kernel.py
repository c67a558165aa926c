"""Inner loops of rings: the books that a walk keeps beside the cells agree with them."""

from __future__ import annotations

import numpy as np
import pytest

from planner.solve.seats.realize import widths_of
from planner.solve.seats.ring_kernel import walk_rings


def paid(home, holding, kept):
    """What domains pay for their widths, and edges for domains that differ."""
    widths = widths_of(home, int(home.max()) + 1)
    held = holding[np.arange(len(home)), widths].sum()
    return held + ((home != np.roll(home, -1, axis=0)) * kept[:, None]).sum()


@pytest.mark.parametrize("heat", [1e-9, 1.0, 1e9], ids=["cold", "warm", "hot"])
@pytest.mark.parametrize("seed", range(8))
def test_a_walk_keeps_its_books(seed, heat):
    """Widths, places and cells agree after any walk; a cold one never ends higher."""
    random = np.random.default_rng(seed)
    stages, replicas, domains = random.integers((3, 2, 2), (8, 7, 5)).tolist()
    cells = stages * replicas
    room = random.multinomial(cells + seed, np.full(domains, 1 / domains)).astype(np.int32)
    flat = random.permutation(np.repeat(np.arange(domains), room))[:cells].astype(np.int32)
    holding = np.cumsum(random.random((stages, replicas + 2)), axis=1)
    kept = random.random(stages)
    cell_at, slot_of = np.full((domains, max(room.max(), 1)), -1, np.int32), np.zeros(cells, np.int32)
    for cell, domain in enumerate(flat):
        slot_of[cell] = (cell_at[domain] >= 0).sum()
        cell_at[domain, slot_of[cell]] = cell
    home = flat.reshape(stages, replicas)
    before, widths = paid(home, holding, kept), widths_of(home, domains)
    start = home.copy()
    walk_rings(home, widths, cell_at, slot_of, room, holding, kept, heat, heat / 2, 2_000, seed)
    assert (home != start).any()
    assert widths.tolist() == widths_of(home, domains).tolist()
    assert cell_at[home.reshape(-1), slot_of].tolist() == list(range(cells))
    assert np.count_nonzero(cell_at >= 0) == cells
    assert (widths.sum(axis=1) <= room).all()
    if heat < 1e-6:
        assert paid(home, holding, kept) <= before + 1e-9
