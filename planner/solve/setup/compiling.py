"""Inner loops are compiled once after an installation, which may take longer than a run has.

Processes of their own compile them, several at a time, which threads of one cannot; and they go on where a
run ends before, so that the next one finds what they kept. Where nothing can be kept, a thread compiles.
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from importlib import import_module
from threading import Lock, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from planner.solve.setup.control import Control

POLL_S = 0.02
# Who compiles now, by the name of what is compiled: several walks may wait for one.
_PROCESSES: dict[str, subprocess.Popen[bytes] | None] = {}
_THREADS: dict[str, Thread] = {}
_LOCK = Lock()


@dataclass(frozen=True)
class InnerLoops:
    """Inner loops that are needed together.

    Parameters
    ----------
    call
        A function of a module that calls all of them, which compiles them, with nothing to do.
    kernels
        Modules that they are in.
    """

    call: Callable[[], object]
    kernels: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Where the call is found."""
        return f"{self.call.__module__}:{self.call.__qualname__}"

    @property
    def lacking(self) -> bool:
        """Whether some are not compiled yet, and another process could compile them for this one."""
        from planner.solve.setup.kernel import lacks_code

        return any(lacks_code(import_module(kernel)) for kernel in self.kernels)

    @property
    def called(self) -> bool:
        """Whether this process has called them, so that they begin at once."""
        calling = _THREADS.get(self.name)
        return calling is not None and not calling.is_alive()


def begin_compiling(needed: Iterable[InnerLoops], control: Control) -> Thread:
    """Have inner loops compiled that will be asked for, where a run is limited by the clock.

    Returns the thread that looks which those are: to import them takes longer than small jobs do.
    """
    lacking = [] if control.deterministic else list(needed)
    looking = Thread(target=lambda: list(map(_process, lacking)), daemon=False)
    looking.start()
    return looking


def compiled_in_time(loops: InnerLoops, control: Control) -> bool:
    """Whether inner loops are compiled, or could be before the run, or a step of it, ends."""
    if loops.called:
        return True
    if control.deterministic:
        loops.call()
        return True
    process = _process(loops)
    while process is not None and process.poll() is None:
        if control.over:
            return False
        time.sleep(POLL_S)
    # Takes moments where the process has kept what it compiled.
    calling = _thread(loops)
    while calling.is_alive() and not control.over:
        calling.join(POLL_S)
    return not calling.is_alive()


def _process(loops: InnerLoops) -> subprocess.Popen[bytes] | None:
    """The process that compiles inner loops; None where they are compiled already, or no process could."""
    with _LOCK:
        if loops.name not in _PROCESSES:
            _PROCESSES[loops.name] = _started(loops) if loops.lacking else None
        return _PROCESSES[loops.name]


def _started(loops: InnerLoops) -> subprocess.Popen[bytes] | None:
    nowhere = subprocess.DEVNULL
    command = [sys.executable, "-m", "planner.solve.inner_loops", loops.name]
    try:
        # In a session of its own: what ends this run does not end it.
        return subprocess.Popen(
            command, stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True
        )
    except OSError:
        return None


def _thread(loops: InnerLoops) -> Thread:
    """The thread that makes the first call in this process."""
    with _LOCK:
        calling = _THREADS.get(loops.name)
        if calling is None or not calling.is_alive():
            # No daemon, even where this thread is one: a compiler that is cut off in the middle may crash.
            calling = _THREADS[loops.name] = Thread(target=loops.call, daemon=False)
            calling.start()
    return calling
