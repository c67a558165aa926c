"""Start of the installed command: signals are heeded before the rest of it is there to heed them.

Importing the commands takes a moment. Nothing is done in it, so a signal may end the process at
once, with the documented code and a line instead of a traceback.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import signal
import sys

from planner.cli.signals import INTERRUPTED, SIGNALS


def run() -> None:
    """Entry point of the installed command."""
    # Who started the process may have it ignore signals, as shells do in the background.
    heeded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    for number in heeded:
        signal.signal(number, _leave)
    # Looking for plug-ins reads what is said of every package that is installed.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from planner.cli.main import app

    for number in heeded:
        signal.signal(number, _interrupt)
    # The system takes back all memory at the end; to look for cycles in it first takes a fifth of a second.
    atexit.register(gc.freeze)
    try:
        app(prog_name="planner")
    except KeyboardInterrupt:
        # Commands heed it themselves; this one came while they were being put together.
        _end_interrupted()
    except SystemExit as leaving:
        if leaving.code != INTERRUPTED:
            raise
        _end_interrupted()


def _end_interrupted() -> None:
    """End the process with its code.

    Python itself would end it by a signal where the interrupt came in code that is made from text, as that
    of a data class.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(INTERRUPTED)


def _leave(*_: object) -> None:
    """End the process where it is: an exception could be taken for a failure of the import."""
    _say(b"interrupted before anything was done; nothing written\n")
    os._exit(INTERRUPTED)


def _interrupt(*_: object) -> None:
    """Unwind, so that nothing half-made is left behind."""
    _say(b"interrupted\n")
    raise KeyboardInterrupt


def _say(line: bytes) -> None:
    """Write to standard error, which may be closed or gone with its terminal."""
    with contextlib.suppress(OSError):
        os.write(2, line)
