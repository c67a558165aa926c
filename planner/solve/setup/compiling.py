"""Inner loops are compiled once after an installation, which may take longer than a run has."""

from __future__ import annotations

from threading import Lock, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.solve.setup.control import Control

POLL_S = 0.02
# What is compiled now, by the function that compiles it: several walks may wait for one compiler.
_RUNNING: dict[str, Thread] = {}
_LOCK = Lock()


def compiled_in_time(call: Callable[[], object], control: Control) -> bool:
    """Whether a first call, which compiles what it calls, ends before the run does."""
    if control.deterministic:
        call()
        return True
    name = f"{call.__module__}.{call.__qualname__}"
    with _LOCK:
        compiling = _RUNNING.get(name)
        if compiling is None or not compiling.is_alive():
            # No daemon, even where this thread is one: a compiler that is cut off in the middle may crash.
            compiling = _RUNNING[name] = Thread(target=call, daemon=False)
            compiling.start()
    while compiling.is_alive() and not control.over:
        compiling.join(POLL_S)
    return not compiling.is_alive()
