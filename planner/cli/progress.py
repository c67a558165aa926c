"""What the solver has so far, on stderr: one live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, cast

from planner.cli.output import Unfailing, write_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from planner.placement.placement import Objective
    from planner.solve.setup.result import Progress

LEAST_SECONDS_BETWEEN_LINES = 1.0


class PlainLines:
    """Prints a line where the phase changes, or where a new incumbent comes a second after the last."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self._printed: Progress | None = None

    def __call__(self, progress: Progress) -> None:
        """Take note of `progress`."""
        if self._is_news(progress):
            self._printed = progress
            write_error(progress_line(self.objective, progress))

    def _is_news(self, progress: Progress) -> bool:
        last = self._printed
        if last is None or progress.phase != last.phase:
            return True
        changed = (progress.value, progress.lower_bound) != (last.value, last.lower_bound)
        return changed and progress.elapsed_s - last.elapsed_s >= LEAST_SECONDS_BETWEEN_LINES


def progress_line(objective: Objective, progress: Progress) -> str:
    """One line: seconds, phase, incumbent, bound and gap, as far as they are known."""
    from planner.report.values import finite, known_gap, known_value

    return (
        f"{progress.elapsed_s:7.1f} s  {progress.phase:<12}"
        f"  incumbent {known_value(objective, finite(progress.value))}"
        f"  bound {known_value(objective, finite(progress.lower_bound))}"
        f"  gap {known_gap(progress.gap)}"
    )


@contextmanager
def shown_progress(objective: Objective) -> Iterator[Callable[[Progress], None]]:
    """What to hand to the solver as its `progress`."""
    if not sys.stderr.isatty():
        yield PlainLines(objective)
        return
    from rich.console import Console

    # Rich asks for no more of a file than there is here.
    console = Console(file=cast("IO[str]", Unfailing(sys.stderr)), highlight=False)
    if console.is_dumb_terminal:
        yield PlainLines(objective)
        return
    with console.status("solving") as status:
        yield lambda progress: status.update(progress_line(objective, progress))
