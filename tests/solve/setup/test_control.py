"""Limits of a run, and the search under them."""

from __future__ import annotations

import threading
import time
from itertools import combinations

import numpy as np
import pytest
from ortools.sat.python import cp_model

from planner.solve.setup.control import BELOW_PER_SECOND, Control


def endless_model():
    """The largest cut of a dense random graph: every choice is a solution, a proof takes for ever."""
    model = cp_model.CpModel()
    draw = np.random.default_rng(0)
    side = [model.new_bool_var("") for _ in range(70)]
    cut = []
    for one, other in combinations(side, 2):
        apart = model.new_bool_var("")
        model.add(apart <= one + other)
        model.add(apart <= 2 - one - other)
        cut.append(int(draw.integers(1, 100)) * apart)
    model.maximize(sum(cut))
    return model


def small_model():
    """A model that is solved at once."""
    model = cp_model.CpModel()
    x, y = model.new_int_var(0, 9, ""), model.new_int_var(0, 9, "")
    model.add(x + y >= 7)
    model.minimize(2 * x + 3 * y)
    return model


def test_a_proven_search():
    """An easy model is found, proven, and not infeasible."""
    search = Control(10.0, workers=1).search(small_model(), 5.0)
    assert (search.found, search.proven, search.infeasible) == (True, True, False)
    assert search.solver.objective_value == 14


def test_a_search_from_below():
    """It proves the same, and a deterministic clock counts its work by what it does in a second."""
    control = Control(10.0, deterministic=True)
    search = control.search(small_model(), 5.0, from_below=True)
    assert (search.proven, search.solver.objective_value) == (True, 14)
    assert control.clock_s == search.solver.response_proto.deterministic_time / BELOW_PER_SECOND


def test_an_infeasible_search():
    """A model without a solution is infeasible, and nothing is found."""
    model = small_model()
    model.add(model.get_int_var_from_proto_index(0) > 9)
    search = Control(10.0, workers=1).search(model, 5.0)
    assert (search.found, search.proven, search.infeasible) == (False, False, True)


def test_a_stop_from_outside_ends_a_search():
    """The event set from another thread ends a search that has no end of its own, with what it has."""
    control = Control(600.0, workers=2)
    threading.Timer(1.0, control.stop.set).start()
    search = control.search(endless_model(), 600.0)
    assert control.stop.is_set()
    assert search.found
    assert not search.proven


def test_a_stop_before_the_search_ends_it():
    """With the event set beforehand a search returns."""
    control = Control(600.0, workers=1)
    control.stop.set()
    assert not control.search(endless_model(), 600.0).proven


def test_the_time_limit_ends_a_search():
    """No search outlives what is left of the run."""
    control = Control(1.0, workers=2)
    assert not control.search(endless_model(), 600.0).proven
    # CP-SAT has a clock of its own.
    assert control.elapsed_s < 600.0


def test_deterministic_searches_are_limited_by_work():
    """Work, not the clock: two runs end at the same objective, and the clock never ends them."""
    found = []
    for _ in range(2):
        control = Control(0.001, deterministic=True)
        time.sleep(0.002)
        assert not control.over
        found.append(control.search(endless_model(), 0.2).solver.objective_value)
    assert found[0] == found[1]


def test_the_clock_of_a_deterministic_run_counts_work_alone():
    """The clock that limits searches stands still between them, and runs on by what each has worked."""
    clocks = []
    for _ in range(2):
        control = Control(60.0, deterministic=True)
        time.sleep(0.01)
        assert control.clock_s == 0.0
        control.search(endless_model(), 0.2)
        clocks.append(control.clock_s)
    assert clocks[0] == clocks[1] >= 0.2
    free = Control(60.0)
    time.sleep(0.01)
    assert free.clock_s >= 0.01


def test_what_makes_items_is_limited_and_not_what_is_done_with_them():
    """The share ends the making of items; between them the whole run's time is left."""
    control = Control(60.0)

    def items():
        while not control.over:
            yield control.left_s
            time.sleep(0.05)

    left = []
    for made in control.limited(0.005, items()):
        left.append(made)
        assert control.left_s > 50.0
    assert left
    assert max(left) <= 0.3
    assert control.elapsed_s < 30.0


def test_over():
    """A run is over when its time is spent or it is stopped."""
    assert not Control(60.0).over
    assert Control(0.0).over
    control = Control(60.0)
    control.stop.set()
    assert control.over


def test_a_model_that_is_not_valid_is_our_mistake():
    """A variable with an empty domain is refused before any search."""
    model = cp_model.CpModel()
    model.new_int_var(5, 3, "empty")
    with pytest.raises(RuntimeError, match="not valid"):
        Control(1.0).search(model, 1.0)


def test_failures_in_the_thread_reach_the_caller(monkeypatch):
    """What the search raises is raised where it was called."""

    def fail(self, model):
        raise MemoryError("no room for the model")

    monkeypatch.setattr(cp_model.CpSolver, "solve", fail)
    with pytest.raises(MemoryError, match="no room"):
        Control(1.0).search(small_model(), 1.0)


def test_a_run_is_spent_when_all_of_it_is():
    """A step that is over leaves time for others; a stop leaves none, and nor does the end of the limit."""
    control = Control(60.0)
    with control.step(0.0):
        assert control.over
        assert not control.spent
    assert Control(0.0).spent
    assert not Control(0.0, deterministic=True).spent
    control.stop.set()
    assert control.spent
