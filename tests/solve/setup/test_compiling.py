"""First calls of inner loops: waited for as long as the run goes on, and not longer."""

from __future__ import annotations

import threading

import pytest

from planner.solve.setup.compiling import compiled_in_time
from planner.solve.setup.control import Control


@pytest.mark.parametrize("deterministic", [False, True])
def test_a_call_that_ends_is_waited_for(deterministic):
    """The call has been made once when the answer is yes."""
    made = []
    assert compiled_in_time(lambda: made.append(1), Control(60.0, deterministic=deterministic))
    assert made == [1]


def test_a_run_that_is_over_does_not_wait():
    """A stopped run goes on without a call that has not ended; that one may end later."""
    control, enough = Control(60.0), threading.Event()
    control.stop.set()
    assert not compiled_in_time(enough.wait, control)
    enough.set()
