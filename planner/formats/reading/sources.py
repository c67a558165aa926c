"""Reads foreign files leniently: whatever bytes they hold, there is text to look at."""

from __future__ import annotations

import codecs
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from planner.errors import InputError, Problem
from planner.formats.site.site import Source
from planner.library import unreadable

if TYPE_CHECKING:
    from collections.abc import Callable

STDIN = "-"
LARGEST_BYTES = 64 * 1024 * 1024

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
# Control sequences of terminals: colours and the like, and titles of windows.
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")


def read_source(path: str) -> tuple[Source, list[Problem]]:
    """The text of a file, or of standard input for ``-``, and what is odd about its bytes.

    Byte order marks, escape sequences of terminals and carriage returns are taken out; bytes that
    are no UTF-8 become replacement characters.

    Raises
    ------
    InputError
        F001 to F006 where there is no text to read.
    """
    name = "<stdin>" if path == STDIN else path
    raw = _stdin() if path == STDIN else _file(path)
    if len(raw) > LARGEST_BYTES:
        raise InputError.of(
            "F003", f"{name} is larger than {LARGEST_BYTES:,} bytes", expected="the description of one site"
        )
    return _decoded(name, raw)


def _stdin() -> bytes:
    return _read(STDIN, lambda: sys.stdin.buffer.read(LARGEST_BYTES + 1))


def _file(path: str) -> bytes:
    def read() -> bytes:
        with Path(path).open("rb") as file:
            return file.read(LARGEST_BYTES + 1)

    if Path(path).is_dir():
        raise InputError.of("F002", f"{path} is a folder", expected="a file")
    return _read(path, read)


def _read(path: str, read: Callable[[], bytes]) -> bytes:
    try:
        return read()
    except FileNotFoundError as error:
        raise InputError.of(
            "F001", f"no file {path!r}", expected="a file, or - for standard input"
        ) from error
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error


def _decoded(name: str, raw: bytes) -> tuple[Source, list[Problem]]:
    encoding = next((encoding for mark, encoding in _MARKS if raw.startswith(mark)), "utf-8")
    if encoding != "utf-16" and b"\0" in raw[:4096]:
        raise InputError.of("F006", f"{name} is a binary file", expected="text")
    text = _ESCAPE.sub("", raw.decode(encoding, "replace")).replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise InputError.of("F005", f"{name} is empty", expected="what a program or a person wrote")
    source = Source(name, text)
    return source, _replaced(source)


def _replaced(source: Source) -> list[Problem]:
    """One finding for all that could not be decoded."""
    number = source.text.count("\N{REPLACEMENT CHARACTER}")
    if not number:
        return []
    place = source.text.index("\N{REPLACEMENT CHARACTER}")
    before = source.text[:place]
    position = source.position(before.count("\n") + 1, place - before.rfind("\n"))
    return [Problem("I001", f"{number:,} characters are not UTF-8 and were replaced", position, "UTF-8 text")]
