"""Writing to the terminal: results on stdout, everything else on stderr.

A reader that stops reading (`planner compare x | head`) changes neither what a command does nor
its exit code: from then on its output goes nowhere.
"""

from __future__ import annotations

import io
import json
import math
import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import RenderableType


def show(*renderables: RenderableType) -> None:
    """Print for people on stdout; without colours where it is not a terminal or NO_COLOR is set."""
    from rich.console import Console

    page = io.StringIO()
    # Names may hold brackets and colons, which are neither markup nor emoji.
    console = Console(
        file=page, force_terminal=sys.stdout.isatty() or None, highlight=False, markup=False, emoji=False
    )
    for renderable in renderables:
        console.print(renderable, soft_wrap=isinstance(renderable, str))
    _write(sys.stdout, page.getvalue())


def emit(document: object) -> None:
    """Print one JSON document on stdout; JSON has no infinity, so null stands for it."""
    _write(sys.stdout, json.dumps(_finite(document), indent=2, allow_nan=False) + "\n")


def _finite(value: object) -> object:
    """Plain data without numbers that JSON lacks."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_error(text: str) -> None:
    """Print a line of text on stderr."""
    _write(sys.stderr, f"{text}\n")


def tolerate_any_text() -> None:
    """Let a terminal that lacks a character show a question mark instead of stopping us."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
