"""Who measures candidates: this process alone, or others of this machine too."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import takewhile
from multiprocessing import active_children, get_context, parent_process
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from planner.strategy.measure import measure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from planner.strategy.measure import Candidate, Measured
    from planner.strategy.outline import Outline
    from planner.strategy.space import Question

# Seconds to measure alone, so many at a time, before others are started: what their start takes. However
# much is still to be measured, that is at most twice as long as the better of alone and with others.
ALONE_SECONDS, ALONE = 3.0, 8
PIECES_A_WORKER = 4
# Seconds from one look at whether to stop to the next, while others measure.
LOOK_SECONDS = 0.1
# The first process alone heeds these.
FOR_THE_FIRST = (signal.SIGINT, signal.SIGHUP)


class Pool(Protocol):
    """Measures candidates, in whatever order and place."""

    def measure(self, candidates: Sequence[Candidate]) -> list[Measured]:
        """What each of them takes, or the first of them where the pool was told to stop."""


class LocalPool:
    """The process itself, and others in its stead once it has measured for a while.

    Parameters
    ----------
    workers
        Processes that measure; by default as many as there are cores for this one.
    stop
        Once set, no more is measured than the first few of those that are asked for, and what others are
        at is given up.
    """

    def __init__(
        self,
        question: Question,
        outline: Outline,
        workers: int | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self.question, self.outline = question, outline
        self.stop = stop or threading.Event()
        self.workers = workers or len(os.sched_getaffinity(0))
        self._others: ProcessPoolExecutor | None = None
        self._alone_s = 0.0

    def __enter__(self) -> LocalPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._others is not None:
            if self.stop.is_set():
                # What they are at may take longer than anyone who interrupts will wait.
                for child in set(active_children()) - self._before:
                    child.terminate()
            self._others.shutdown(cancel_futures=True)

    def measure(self, candidates: Sequence[Candidate]) -> list[Measured]:
        """What each of them takes, or the first few where the pool was told to stop."""
        made: list[Measured] = []
        while len(made) < len(candidates) and self._goes_on_alone():
            made += self._alone(candidates[len(made) : len(made) + ALONE])
            if self.stop.is_set():
                return made
        if len(made) < len(candidates):
            made += self._together(candidates[len(made) :])
        return made

    def _goes_on_alone(self) -> bool:
        return self.workers == 1 or self._alone_s < ALONE_SECONDS or self.stop.is_set()

    def _together(self, candidates: Sequence[Candidate]) -> list[Measured]:
        """What others find; where one of them was killed, this process goes on alone."""
        pieces = cut(candidates, self.workers * PIECES_A_WORKER)
        try:
            # A signal from a terminal goes to all processes, also to those that are still starting: they
            # inherit what this thread has blocked.
            before = signal.pthread_sigmask(signal.SIG_BLOCK, FOR_THE_FIRST)
            try:
                others = self._started()
                found = [others.submit(_measure, piece) for piece in pieces]
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
            while not self.stop.is_set() and wait(found, LOOK_SECONDS).not_done:
                pass
            done = takewhile(lambda part: part.done(), found)
            return [each for part in done for each in part.result()]
        except BrokenProcessPool:
            self.workers = 1
            return self.measure(candidates)

    def _alone(self, candidates: Sequence[Candidate]) -> list[Measured]:
        since = monotonic()
        made = measure(self.question, self.outline, candidates)
        self._alone_s += monotonic() - since
        return made

    def _started(self) -> ProcessPoolExecutor:
        if self._others is None:
            self._before = set(active_children())
            self._others = ProcessPoolExecutor(
                self.workers, get_context("spawn"), _prepare, (self.question, self.outline)
            )
        return self._others


def cut(candidates: Sequence[Candidate], pieces: int) -> list[Sequence[Candidate]]:
    """The candidates in at most so many pieces, none of them empty, in their order."""
    size = max(1, -(-len(candidates) // pieces))
    return [candidates[start : start + size] for start in range(0, len(candidates), size)]


_ASKED: list[tuple[Question, Outline]] = []


def _prepare(question: Question, outline: Outline) -> None:
    """In another process: remember what is asked, and leave interrupts to the first."""
    for number in FOR_THE_FIRST:
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _ASKED.append((question, outline))


def _end_with_parent() -> None:
    """A worker would wait for work forever where the first process was killed."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _measure(candidates: Sequence[Candidate]) -> list[Measured]:
    """In another process: what each candidate takes."""
    return measure(*_ASKED[0], candidates)
