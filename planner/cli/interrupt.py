"""Ctrl-C, SIGTERM and a lost terminal: the first asks the solver for what it has, the second ends at once."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Self, TypeVar

import typer

from planner.cli.output import write_error
from planner.cli.signals import INTERRUPTED, SIGNALS
from planner.errors import NoPlacementError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path
    from types import FrameType, TracebackType

    Handler = Callable[[int, FrameType | None], object] | int | None

T = TypeVar("T")

# How long work that can be done without may go on after a signal, and how often that is looked at.
GRACE_SECONDS, LOOK_SECONDS = 1.0, 0.05


class Interrupt:
    """A context in which a signal sets `stop` rather than ending the process.

    Python runs signal handlers in the main thread only, between two of its instructions, and a
    native solver leaves it none. So the work runs in a thread of its own while the main thread
    waits where handlers can run.

    Parameters
    ----------
    kept
        What the work has to show for itself when it ends early.
    """

    def __init__(self, kept: str = "the best placement so far, if any") -> None:
        self.kept = kept
        self.stop = threading.Event()
        self._before: dict[signal.Signals, Handler] = {}

    def __enter__(self) -> Self:
        for number in SIGNALS:
            # A run under nohup goes on when its terminal is gone.
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def run(self, work: Callable[[], T]) -> T:
        """Result of `work`, run where it does not keep signals from being handled."""
        return _started(work).result()

    def run_or(self, work: Callable[[], T], instead: T) -> T:
        """Result of `work`, or `instead` where that is not there a moment after the first signal."""
        from concurrent.futures import wait

        outcome = _started(work)
        while wait([outcome], LOOK_SECONDS).not_done:
            if self.stop.is_set() and wait([outcome], GRACE_SECONDS).not_done:
                return instead
        return outcome.result()

    def run_for(self, work: Callable[[], T], output: Path, wanted: str) -> T:
        """Result of `work`; where it is interrupted before there is one, say so and end with 130.

        Parameters
        ----------
        work
            What is run.
        output
            Where the result would be written; what is there stays as it is.
        wanted
            What there is none of yet, as in "before {wanted}".
        """
        try:
            return self.run(work)
        except NoPlacementError:
            if not self.stop.is_set():
                raise
            kept = f"; {output} is as it was" if output.exists() else ""
            write_error(f"interrupted before {wanted}; nothing written{kept}")
            raise typer.Exit(INTERRUPTED) from None

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  # the interface is Python's
        if self.stop.is_set():
            write_error("interrupted again: stopped, nothing written")
            # The solver's thread may be in native code, which an orderly exit would wait for.
            os._exit(INTERRUPTED)
        self.stop.set()
        write_error(f"interrupted: keeping {self.kept}; once more to stop at once")


def _started(work: Callable[[], T]) -> Future[T]:
    """What `work` comes to, in a thread of its own."""
    from concurrent.futures import Future

    outcome: Future[T] = Future()
    threading.Thread(target=_settle, args=(outcome, work), name="solve", daemon=True).start()
    return outcome


def _settle(outcome: Future[T], work: Callable[[], T]) -> None:
    try:
        outcome.set_result(work())
    except BaseException as error:  # noqa: BLE001  # raised again in the waiting thread
        outcome.set_exception(error)
