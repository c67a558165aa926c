"""How far a search for strategies has come: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from time import monotonic
from typing import IO, TYPE_CHECKING, cast

from planner.cli.output import Unfailing, write_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Progress = Callable[[int, int, float], None]

SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """What to hand to a search as its `progress`.

    Of the strategies that could still be faster fewer are left with each that is simulated, so the time
    that remains is the longest that it can be.
    """
    if not sys.stderr.isatty():
        yield _lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(file=cast("IO[str]", Unfailing(sys.stderr)), highlight=False)
    last = TextColumn("{task.fields[rate]}"), TimeRemainingColumn(), TextColumn("best {task.fields[best]}")
    columns = TextColumn("simulating"), BarColumn(), MofNCompleteColumn(), *last
    with Progress(*columns, console=console, transient=True) as bar:
        task, rate = bar.add_task("", total=None, rate="", best="-"), _Rate()

        def update(done: int, most: int, best_s: float) -> None:
            speed = rate.of(done)
            told = f"{speed:,.0f} a second" if speed else ""
            bar.update(task, completed=done, total=most, rate=told, best=f"{best_s:.4g} s")

        yield update


def _lines() -> Progress:
    """A line every few seconds."""
    started_s, rate = monotonic(), _Rate()
    last_s = started_s

    def write(done: int, most: int, best_s: float) -> None:
        nonlocal last_s
        now, speed = monotonic(), rate.of(done)
        if now - last_s < SECONDS_BETWEEN_LINES:
            return
        last_s = now
        remains = f", {speed:,.0f} a second, at most {(most - done) / speed:,.0f} s more" if speed else ""
        write_error(
            f"{now - started_s:7.1f} s  {done:,} simulated of {most:,} that could be faster{remains}, "
            f"best {best_s:.4g} s"
        )

    return write


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
