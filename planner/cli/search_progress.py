"""How far a search for strategies has come: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from time import monotonic
from typing import IO, TYPE_CHECKING, NamedTuple, cast

from planner.cli.output import Unfailing, write_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Progress, TaskID

SECONDS_BETWEEN_LINES = 5.0
SIMULATING = "simulating"


class Shown(NamedTuple):
    """What to hand to a search as its `told` and its `progress`."""

    going_through: Callable[[str, int, int | None], None]
    simulating: Callable[[int, int, float], None]


@contextmanager
def shown_progress() -> Iterator[Shown]:
    """Shows what is being gone through, and how many strategies are simulated.

    Of the strategies that could still be faster fewer are left with each that is simulated, so the time
    that remains is the longest that it can be.
    """
    if not sys.stderr.isatty():
        lines = _Lines()
        yield Shown(lines.going_through, lines.simulating)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(file=cast("IO[str]", Unfailing(sys.stderr)), highlight=False)
    last = TextColumn("{task.fields[rate]}"), TimeRemainingColumn(), TextColumn("{task.fields[best]}")
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), *last
    with Progress(*columns, console=console, transient=True) as progress:
        bar = _Bar(progress)
        yield Shown(bar.going_through, bar.simulating)


class _Bar:
    """One bar: for each thing that is gone through anew, and for what is simulated."""

    def __init__(self, progress: Progress) -> None:
        self.progress, self._rate = progress, _Rate()
        self.task: TaskID | None = None
        self._what = ""

    def going_through(self, what: str, done: int, most: int | None) -> None:
        self.progress.update(self._of(what, most), completed=done)

    def simulating(self, done: int, most: int, best_s: float) -> None:
        speed = self._rate.of(done)
        told = f"{speed:,.0f} a second" if speed else ""
        task = self._of(SIMULATING, most)
        self.progress.update(task, completed=done, total=most, rate=told, best=f"best {best_s:.4g} s")

    def _of(self, what: str, most: int | None) -> TaskID:
        """The bar for this: the one that is shown, or a new one in its place."""
        if self.task is None or what != self._what:
            if self.task is not None:
                self.progress.remove_task(self.task)
            self.task, self._what = self.progress.add_task(what, total=most, rate="", best=""), what
        return self.task


class _Lines:
    """A line every few seconds."""

    def __init__(self) -> None:
        self._started_s, self._rate = monotonic(), _Rate()
        self._last_s = self._started_s

    def going_through(self, what: str, done: int, most: int | None) -> None:
        if (after_s := self._due()) is not None:
            write_error(f"{after_s:7.1f} s  {what}, {done:,}{'' if most is None else f' of {most:,}'}")

    def simulating(self, done: int, most: int, best_s: float) -> None:
        speed = self._rate.of(done)
        if (after_s := self._due()) is None:
            return
        remains = f", {speed:,.0f} a second, at most {(most - done) / speed:,.0f} s more" if speed else ""
        write_error(
            f"{after_s:7.1f} s  {done:,} simulated of {most:,} that could be faster{remains}, "
            f"best {best_s:.4g} s"
        )

    def _due(self) -> float | None:
        """Seconds since the first if it is time for a line."""
        now = monotonic()
        if now - self._last_s < SECONDS_BETWEEN_LINES:
            return None
        self._last_s = now
        return now - self._started_s


class _Rate:
    """Simulations a second since the first, before which bounds were made."""

    def __init__(self) -> None:
        self._first: tuple[float, int] | None = None

    def of(self, done: int) -> float:
        """The rate when so many are done; 0 where it is not known yet."""
        now = monotonic()
        if self._first is None:
            self._first = now, done
        since_s, before = self._first
        return (done - before) / (now - since_s) if now > since_s else 0.0
