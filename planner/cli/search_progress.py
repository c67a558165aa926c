"""How far a search for strategies has come: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from time import monotonic
from typing import IO, TYPE_CHECKING, cast

from planner.cli.output import Unfailing, write_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def shown_progress() -> Iterator[Callable[[int, int, float], None]]:
    """What to hand to a search as its `progress`.

    Of the strategies that could still be faster fewer are left with each that is simulated, so the time
    that remains is the longest that it can be.
    """
    if not sys.stderr.isatty():
        yield _Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(file=cast("IO[str]", Unfailing(sys.stderr)), highlight=False)
    rate, best = TextColumn("{task.speed:,.0f} a second"), TextColumn("best {task.fields[best]:.4g} s")
    columns = TextColumn("simulating"), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn(), best
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None, best=float("nan"))
        yield lambda done, most, best_s: bar.update(task, completed=done, total=most, best=best_s)


class _Lines:
    """A line every few seconds."""

    def __init__(self) -> None:
        self._started_s = self._last_s = monotonic()

    def __call__(self, done: int, most: int, best_s: float) -> None:
        now = monotonic()
        if now - self._last_s >= SECONDS_BETWEEN_LINES:
            self._last_s = now
            rate = done / (now - self._started_s)
            write_error(
                f"{now - self._started_s:7.1f} s  {done:,} simulated of {most:,} that could be faster, "
                f"{rate:,.0f} a second, at most {(most - done) / rate:,.0f} s more, best {best_s:.4g} s"
            )
