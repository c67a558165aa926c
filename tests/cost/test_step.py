"""One step put together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.cost.network import SCALE_UP
from planner.cost.parts import parts
from planner.cost.routing import sent_share
from planner.cost.simulate import simulate
from planner.cost.software import Software
from planner.cost.step import Step
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


def of(software, **changes):
    """A placed job's step with other software."""
    step = simulate(placed(**changes)).step
    return Step(step.job, step.gpu, step.network, software)


def test_what_runs_beside_weights_is_hidden():
    """Of collectives that are exposed otherwise, without sequence parallelism the half that is backward's."""
    blocking = of(Software(overlaps=False), sequence_parallel=False).exposed_of("tp")
    beside = of(Software(overlaps=False, beside_weights=True), sequence_parallel=False).exposed_of("tp")
    assert beside[0] == pytest.approx(blocking[0])
    assert blocking[1] == pytest.approx(blocking[0])
    assert beside[1] == pytest.approx(0, abs=1e-12)


def test_one_gather_of_backward_is_exposed_beside_weights():
    """With sequence parallelism that of the output's gradient, which both of its products wait for."""
    forward, backward = of(Software(overlaps=False, beside_weights=True)).exposed_of("tp")
    assert (backward > 0).all()
    assert (backward < 0.6 * forward).all()


def test_shares_that_are_sent_are_gathered():
    """A send takes longer by half an all-reduce where tensor ranks send shares."""
    whole = of(Software(), sequence_parallel=False)
    shares = of(Software(gathers_sent=True), sequence_parallel=False)
    assert shares.sent_s > whole.sent_s
    assert of(Software(gathers_sent=True)).sent_s == of(Software()).sent_s


def test_gradients_reduced_late_are_exposed():
    """All of data parallelism's communication then comes after the passes."""
    early, late = of(Software()).exposed_data_s, of(Software(reduces_early=False)).exposed_data_s
    assert (late > early).all()


MOE = {
    "model": "deepseek-v3",
    "parallelism": {"pp": 2, "ep": 8, "dp": 8},
    "batch": {"global": 128, "micro": 1, "sequence": 4096},
}


def test_limited_routing_sends_less():
    """Over the uplinks by its share, inside a node as much."""
    # Expert groups of eight over both nodes: a stage of four ranks in each.
    found = simulate(placed(**MOE, rank_order="tp-cp-pp-dp"))
    step = found.step
    experts = step.job.model.experts
    spread = step.network["ep"]
    assert spread.domains == 2
    assert spread.outside == sent_share(experts, 2) < 1
    free = replace(step.job, model=replace(step.job.model, experts=replace(experts, groups=1, top_groups=1)))
    other = replace(step, job=free).network["ep"]
    for link, seconds in spread.by_link.items():
        share = 1 if link == SCALE_UP else spread.outside
        assert spread.at(link, step.figures) == pytest.approx(share * other.at(link, step.figures))
        assert (seconds == other.by_link[link]).all()
    # Asked again, as a cut or a comparison does, it is the same.
    assert replace(step).network["ep"].outside == spread.outside


def test_dualpipe_hides_what_goes_to_experts():
    """Dispatch and combine run beside the other direction, for the processors that they take."""
    step = simulate(placed(**MOE, schedule="dualpipe")).step
    time, alone = step.time(), replace(step, software=Software(overlaps=False)).time()
    assert 0 < time.exposed_s["ep"] < alone.exposed_s["ep"]
    open_s, beside = step.exposed_by_axis["ep"], step.figures.shared.computing_processors
    # All but the first and last passes have one beside them; what they hide costs the part of processors.
    assert (1 - beside) * open_s.max() <= time.exposed_s["ep"] < open_s.max()
    assert sum(parts(step, time).values()) == pytest.approx(time.step_s)
    assert step.least_s <= time.step_s


def test_other_schedules_hide_nothing_of_it():
    """Only DualPipe has a pass of the other direction at hand."""
    step = simulate(placed(**MOE)).step
    assert step.durations.hidden is None
    assert step.time().exposed_s["ep"] == pytest.approx(float(step.exposed_by_axis["ep"].max()), rel=0.2)
