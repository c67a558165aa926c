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


def test_who_comes_while_it_is_made_waits_for_the_same_call():
    """Two runs at a time compile once, and both may go on then."""
    made, enough, answers = [], threading.Event(), []

    def call():
        made.append(1)
        enough.wait()

    runs = [Waiting(60.0), Waiting(60.0)]
    threads = [
        threading.Thread(target=lambda run=run: answers.append(compiled_in_time(call, run))) for run in runs
    ]
    for thread, run in zip(threads, runs, strict=True):
        thread.start()
        assert run.waits.wait(10.0)
    enough.set()
    for thread in threads:
        thread.join()
    assert (made, answers) == ([1], [True, True])


class Waiting(Control):
    """A run that says when it is first asked whether it is over."""

    def __post_init__(self):
        super().__post_init__()
        self.waits = threading.Event()

    @property
    def over(self):
        """Never."""
        self.waits.set()
        return False
