"""Writing to the terminal: results on stdout, everything else on stderr.

A reader that stops reading (`planner compare x | head`) changes neither what a command does nor
its exit code: from then on its output goes nowhere. What cannot be told on stderr goes nowhere
either; results that cannot be written, as on a full disk, are an error.
"""

from __future__ import annotations

import io
import json
import math
import os
import re
import sys
from typing import TYPE_CHECKING, Any, TextIO

from planner.errors import InputError, printable

if TYPE_CHECKING:
    from rich.console import RenderableType

# Columns of what goes into a file or a pipe: rows of a table stay in one line each.
PAGE = 160
_LINE_OR_STYLE = re.compile(r"(\n|\x1b\[[0-9;]*m)")
# What tables are padded with up to their right edge.
_ENDS = re.compile(r" +$", re.MULTILINE)


def show(*renderables: RenderableType) -> None:
    """Print for people on stdout; without colours where it is not a terminal or NO_COLOR is set."""
    from rich.console import Console

    page = io.StringIO()
    # Names may hold brackets and colons, which are neither markup nor emoji.
    console = Console(
        file=page,
        force_terminal=sys.stdout.isatty() or None,
        width=_width(),
        highlight=False,
        markup=False,
        emoji=False,
    )
    for renderable in renderables:
        console.print(renderable, soft_wrap=isinstance(renderable, str))
    text = _without_controls(page.getvalue())
    _write_result(text if sys.stdout.isatty() else _ENDS.sub("", text))


def _width() -> int | None:
    """Columns of the page; None is the terminal's, or what COLUMNS says."""
    return None if sys.stdout.isatty() or "COLUMNS" in os.environ else PAGE


def _without_controls(page: str) -> str:
    """`page` with nothing in it that moves the cursor, but for ends of lines and colours."""
    return "".join(
        part if _LINE_OR_STYLE.fullmatch(part) else printable(part) for part in _LINE_OR_STYLE.split(page)
    )


def emit(document: object) -> None:
    """Print one JSON document on stdout; JSON has no infinity, so null stands for it."""
    _write_result(json.dumps(_finite(document), indent=2, allow_nan=False) + "\n")


def _finite(value: object) -> object:
    """Plain data without numbers that JSON lacks."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_error(text: str) -> None:
    """Print a line of text on stderr, if anything can be printed there."""
    Unfailing(sys.stderr).write(f"{text}\n")


class Unfailing:
    """A stream whose failures to write are dropped, for what must not stop the work."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write and flush, or give the stream up."""
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            give_up(self._stream)
        return len(text)

    def flush(self) -> None:
        """Nothing is kept back."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def prepare_streams() -> None:
    """Let results and messages be written whatever the streams are.

    A stream that is closed goes nowhere; its number is taken, or the next file that is opened
    would get it and all that is printed. A terminal that lacks a character shows a question mark.
    """
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            setattr(sys, name, open(number, "w", encoding="utf-8"))  # noqa: PTH123, SIM115  # no path
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def give_up(stream: TextIO) -> None:
    """From now on, and for what it still holds, `stream` goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def unprinted(error: OSError) -> InputError:
    """The error (F004) that results cannot be written to stdout."""
    return InputError.of(
        "F004",
        f"cannot write the results to standard output: {error.strerror}",
        expected="a terminal, a pipe or a file on a disk with room",
    )


def _write_result(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        give_up(sys.stdout)
    except OSError as error:
        give_up(sys.stdout)
        raise unprinted(error) from error
