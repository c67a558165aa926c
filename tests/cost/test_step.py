"""One step put together."""

from __future__ import annotations

import numpy as np
import pytest

from planner.cost.simulate import simulate
from tests.cost.jobs import placed


def test_parts_add_up():
    """Passes, exposed data parallelism, optimizer and what lies outside make the step."""
    found = simulate(placed())
    time = found.time
    overhead = found.step.figures.shared.step_overhead_s
    parts = time.pipeline_s + time.exposed_s["dp"] + time.optimizer_s + overhead
    assert time.step_s == pytest.approx(parts)
    assert 0 <= time.bubble_s < time.pipeline_s


def test_quick_is_as_exact():
    """Of many microbatches it is enough to run some."""
    batch = {"global": 128, "micro": 1, "sequence": 4096}
    for schedule in ("1f1b", "zb-h1", "zb-h2", "zb-v", "dualpipe", "gpipe"):
        step = simulate(placed(batch=batch, schedule=schedule)).step
        assert step.time(quick=True).step_s == pytest.approx(step.time().step_s, rel=1e-6), schedule


def test_formula_is_close_to_the_simulation():
    """For even stages within a few per cent, and not above."""
    for schedule in ("1f1b", "zb-h1", "gpipe"):
        step = simulate(placed(schedule=schedule)).step
        assert 0.9 * step.time().step_s < step.least_s < 1.03 * step.time().step_s, schedule


def test_slower_network_never_helps():
    """With a tenth of the uplink the step takes longer."""
    fast = simulate(placed()).step
    slow = dict(fast.network)
    for found in slow.values():
        for link in found.by_link:
            found.by_link[link] = 10 * found.by_link[link]
    before = simulate(placed()).time.step_s
    assert type(fast)(fast.job, fast.gpu, slow).time().step_s > before


def test_zero_bubble_beats_1f1b():
    """ZB-H1 waits less, GPipe and 1F1B the same."""
    times = {name: simulate(placed(schedule=name)).time for name in ("gpipe", "1f1b", "zb-h1")}
    assert times["zb-h1"].step_s < times["1f1b"].step_s
    assert times["gpipe"].step_s == pytest.approx(times["1f1b"].step_s, rel=0.01)


def test_full_sharding_exposes_more():
    """fsdp gathers parameters in every microbatch."""
    shared = simulate(placed()).step.exposed_data_s
    assert (simulate(placed(data_parallel="fsdp")).step.exposed_data_s >= shared).all()
    assert np.isfinite(shared).all()
