"""Errors that a person can act on.

::

    PlannerError            exit code
      CheckError            1   a claim does not hold, or two things differ
      UsageError            2   the command line makes no sense
      InputError            3   a file is wrong
      InfeasibleError       4   proven: no placement obeys the rules
      NoPlacementError      5   none found within the limits
      InternalError         6   our own mistake

Each carries one or more problems, and each problem a stable code of `planner.codes.CODES`.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WIDEST_LINE = 100
MOST_SHOWN = 50


@dataclass(frozen=True)
class Position:
    """A place in a file.

    Parameters
    ----------
    file
        Path as it is shown.
    line, column
        Counted from 1, in characters.
    length
        Characters that the caret underlines.
    text
        The whole line, for showing.
    """

    file: str
    line: int
    column: int
    length: int = 1
    text: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Problem:
    """One mistake: what it is, where, what was expected, what to try."""

    code: str
    message: str
    position: Position | None = None
    expected: str | None = None
    suggestion: str | None = None

    def at(self, position: Position | None) -> Problem:
        """The same problem at `position`, unless it already has one."""
        return self if self.position else replace(self, position=position)


class PlannerError(Exception):
    """Base of all errors that are reported without a traceback.

    Parameters
    ----------
    problem, more
        What is wrong; all of it is shown.
    """

    exit_code: ClassVar[int] = 6

    def __init__(self, problem: Problem, *more: Problem) -> None:
        self.problems: tuple[Problem, ...] = (problem, *more)
        super().__init__(problem, *more)

    @classmethod
    def of(
        cls,
        code: str,
        message: str,
        *,
        expected: str | None = None,
        suggestion: str | None = None,
        position: Position | None = None,
    ) -> Self:
        """An error of a single problem."""
        return cls(Problem(code, message, position, expected, suggestion))

    def __str__(self) -> str:
        return render_all(self.problems, "\n")


class CheckError(PlannerError):
    """A claim does not hold, or two things that were compared differ."""

    exit_code = 1


class UsageError(PlannerError):
    """The command line makes no sense."""

    exit_code = 2


class InputError(PlannerError):
    """A file is wrong."""

    exit_code = 3


class InfeasibleError(PlannerError):
    """No placement obeys the hard rules; proven."""

    exit_code = 4


class NoPlacementError(PlannerError):
    """No placement was found within the limits; there may be one."""

    exit_code = 5


class InternalError(PlannerError):
    """The planner itself is at fault."""

    exit_code = 6


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice that `word` most likely stands for, or None where none is near."""
    by_lower = {choice.lower(): choice for choice in choices}
    swapped = [choice for choice in by_lower if sorted(choice) == sorted(word.lower())]
    near = swapped or get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[near[0]] if near else None


def did_you_mean(word: str, choices: Iterable[str]) -> str | None:
    """The suggestion to use the choice that is `nearest` to `word`, or None where none is near."""
    near = nearest(word, choices)
    return f"did you mean {near!r}?" if near else None


def render_all(problems: Sequence[Problem], between: str = "\n\n") -> str:
    """The first problems as text, and how many more there are."""
    shown = [render(problem) for problem in problems[:MOST_SHOWN]]
    more = len(problems) - len(shown)
    return between.join([*shown, f"and {more:,} more"] if more else shown)


def render(problem: Problem, level: str = "error") -> str:
    """A problem as text: place, level, code and message, the line with a caret, what to do."""
    place = f"{problem.position}: " if problem.position else ""
    lines = [f"{printable(place)}{level}[{problem.code}]: {printable(problem.message)}"]
    if problem.position and problem.position.text.strip():
        lines += _excerpt(problem.position)
    if problem.expected:
        lines.append(f"  expected: {printable(problem.expected)}")
    if problem.suggestion:
        lead = "" if problem.suggestion.startswith("did you mean") else "try: "
        lines.append(f"  {lead}{printable(problem.suggestion)}")
    return "\n".join(lines)


def printable(text: str) -> str:
    """`text` with every character that could move the cursor replaced by a visible one."""
    visible = (
        c if c.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for c in text.replace("\t", "\N{RIGHTWARDS ARROW}")
    )
    return "".join(visible)


def _excerpt(position: Position) -> list[str]:
    """The line, cut to what fits around the place, and a caret beneath it."""
    start = max(0, position.column - 1 - WIDEST_LINE // 2) if len(position.text) > WIDEST_LINE else 0
    shown = position.text[start : start + WIDEST_LINE]
    before = shown[: position.column - 1 - start]
    marked = shown[len(before) : len(before) + max(1, position.length)] or " "
    number = str(position.line)
    return [
        f" {number} | {printable(shown)}",
        f" {' ' * len(number)} | {' ' * _columns(before)}{'^' * max(1, _columns(marked))}",
    ]


def _columns(text: str) -> int:
    """Columns that `text` takes on a terminal."""
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)
