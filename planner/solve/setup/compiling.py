"""Inner loops are compiled once after an installation, which may take longer than a run has."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.solve.setup.control import Control

POLL_S = 0.02


def compiled_in_time(call: Callable[[], object], control: Control) -> bool:
    """Whether a first call, which compiles what it calls, ends before the run does."""
    if control.deterministic:
        call()
        return True
    # No daemon, even where this thread is one: a compiler that is cut off in the middle may crash.
    compiling = Thread(target=call, daemon=False)
    compiling.start()
    while compiling.is_alive() and not control.over:
        compiling.join(POLL_S)
    return not compiling.is_alive()
