"""First calls of inner loops: waited for as long as the run goes on, and not longer."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from importlib import util

import pytest

from planner.solve.setup import compiling
from planner.solve.setup.compiling import InnerLoops, begin_compiling, compiled_in_time
from planner.solve.setup.control import Control
from planner.solve.setup.kernel import lacks_code

KERNEL = """
from planner.solve.setup.kernel import compiled, subroutine

@subroutine
def one_more(number):
    return number + 1

@compiled
def two_more(number):
    return one_more(one_more(number))
"""


class Process:
    """A process that compiles until it is told to end."""

    def __init__(self):
        self.ended = False

    def poll(self):
        """How it ended; None while it goes on."""
        return 0 if self.ended else None


@pytest.fixture(autouse=True)
def nobody_compiles(monkeypatch):
    """Nothing is being compiled by another test."""
    monkeypatch.setattr(compiling, "_PROCESSES", {})
    monkeypatch.setattr(compiling, "_THREADS", {})


@pytest.fixture
def processes(monkeypatch):
    """Processes that were started, by what they compile; every inner loop lacks code."""
    started = {}
    monkeypatch.setattr(InnerLoops, "lacking", True)
    monkeypatch.setattr(compiling, "_started", lambda loops: started.setdefault(loops.name, Process()))
    return started


def test_loops_are_called_once_their_first_call_is_over():
    """Not before it began, nor while it goes on."""
    begun, ends = threading.Event(), threading.Event()

    def call():
        begun.set()
        ends.wait(30)

    loops = InnerLoops(call)
    assert not loops.called
    waiting = threading.Thread(target=compiled_in_time, args=(loops, Control(30.0)))
    waiting.start()
    assert begun.wait(30)
    assert not loops.called
    ends.set()
    waiting.join()
    assert loops.called


def kernel_in(folder):
    """A module of one compiled function, imported anew."""
    file = folder / "some_kernel.py"
    if not file.exists():
        file.write_text(KERNEL)
    spec = util.spec_from_file_location("some_kernel", file)
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("deterministic", [False, True])
def test_a_call_that_ends_is_waited_for(deterministic):
    """The call has been made once when the answer is yes."""
    made = []
    loops = InnerLoops(lambda: made.append(1))
    assert compiled_in_time(loops, Control(60.0, deterministic=deterministic))
    assert made == [1]


def test_a_run_that_is_over_does_not_wait():
    """A stopped run goes on without a call that has not ended; that one may end later."""
    control, enough = Control(60.0), threading.Event()
    control.stop.set()
    assert not compiled_in_time(InnerLoops(enough.wait), control)
    enough.set()


def test_a_run_that_is_over_does_not_wait_for_a_process(processes):
    """It leaves the process alone, makes no call, and so has nothing to wait for at its end."""
    made, control = [], Control(0.01)
    loops = InnerLoops(lambda: made.append(1))
    assert not compiled_in_time(loops, control)
    assert (list(processes), made) == ([loops.name], [])


def test_a_step_that_is_over_does_not_wait_for_a_process(processes):
    """The wait ends with the step's part of the time, and a later one finds what was compiled since."""
    made, control = [], Control(60.0)
    loops = InnerLoops(lambda: made.append(1))
    with control.step(1e-4):
        assert not compiled_in_time(loops, control)
    processes[loops.name].ended = True
    assert compiled_in_time(loops, control)
    assert made == [1]


def test_what_will_be_needed_is_begun_once(processes):
    """Processes are started ahead, one for each, and none where work limits the run."""
    loops = InnerLoops(lambda: None)
    begin_compiling([loops], Control(60.0, deterministic=True)).join()
    assert not processes
    begin_compiling([loops, loops], Control(60.0)).join()
    begun = dict(processes)
    begin_compiling([loops], Control(60.0)).join()
    assert processes == begun
    assert list(begun) == [loops.name]


def test_a_thread_compiles_where_no_process_can(monkeypatch):
    """A process that cannot be started is done without."""
    made = []
    monkeypatch.setattr(InnerLoops, "lacking", True)
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    assert compiled_in_time(InnerLoops(lambda: made.append(1)), Control(60.0))
    assert made == [1]


def test_who_comes_while_it_is_made_waits_for_the_same_call():
    """Two runs at a time compile once, and both may go on then."""
    made, enough, answers = [], threading.Event(), []

    def call():
        made.append(1)
        enough.wait()

    runs, loops = [Waiting(60.0), Waiting(60.0)], InnerLoops(call)
    threads = [
        threading.Thread(target=lambda run=run: answers.append(compiled_in_time(loops, run))) for run in runs
    ]
    for thread, run in zip(threads, runs, strict=True):
        thread.start()
        assert run.waits.wait(10.0)
    enough.set()
    for thread in threads:
        thread.join()
    assert (made, answers) == ([1], [True, True])


def test_the_compiler_is_never_cut_off():
    """Its thread outlives the process's work, also where it is begun on a thread that does not."""
    seen = []
    loops = InnerLoops(lambda: seen.append(threading.current_thread().daemon))
    begun = threading.Thread(target=compiled_in_time, args=(loops, Control(60.0)), daemon=True)
    begun.start()
    begun.join()
    assert seen == [False]


def test_functions_lack_code_until_they_are_called(tmp_path):
    """What was compiled is kept for whoever imports the module next, unless its file has changed."""
    first = kernel_in(tmp_path)
    assert lacks_code(first)
    assert first.two_more(1) == 3
    assert not lacks_code(first)
    assert not lacks_code(kernel_in(tmp_path))
    (tmp_path / "some_kernel.py").write_text(KERNEL.replace("number + 1", "number + 11"))
    assert lacks_code(kernel_in(tmp_path))


@pytest.mark.slow
def test_a_process_compiles_for_others(tmp_path):
    """With nothing compiled, what a process of the name of some inner loops kept is lacking no longer."""
    script = (
        "from planner.solve.columns.pricing import SWEEPS\n"
        "from planner.solve.setup.compiling import _started\n"
        "assert SWEEPS.lacking\n"
        "assert _started(SWEEPS).wait() == 0\n"
        "assert not SWEEPS.lacking\n"
    )
    where = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", script], env=where, check=True)


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
