r"""Lines of ``Key=value`` pairs, as Slurm's configuration and ``scontrol show`` have them.

Keys are in any case; ``#`` begins a comment and ``\`` at the end continues a line; values may stand
in quotes. ``scontrol show node`` spreads one record over several indented lines.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from planner.errors import Problem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.errors import Position
    from planner.formats.site.site import Source

KEYS = {
    "switchname": ("Nodes", "Switches", "LinkSpeed", "Level"),
    "blockname": ("Nodes", "BlockIndex", "BlockSize"),
    "aggregatedblock": ("Nodes", "BlockIndex", "BlockSize"),
    "blocksizes": (),
    "nodename": (),
    "downnodes": (),
    "clustername": (),
    "include": (),
}
"""Kinds of lines that are read, with the keys that each may have; none where any may stand."""
CHECKED = ("switchname", "blockname", "blocksizes")

_PAIR = re.compile(r'([A-Za-z0-9_.]+)\s*[-*+/]?=\s*(?:"([^"]*)"|(\S*))')
_COMMENT = re.compile(r"(?<!\\)(?:\\\\)*#.*")
_CONTINUED = re.compile(r"(?<!\\)(?:\\\\)*(\\)\s*\Z")
_INCLUDE = re.compile(r"\s*include\s+(\S+)", re.IGNORECASE)
_DUMP = "CPUAlloc="


@dataclass(frozen=True)
class Value:
    """A value and where it stands."""

    text: str
    position: Position | None


@dataclass(frozen=True)
class Record:
    """A line of Slurm's: its first key in small letters, which says what it describes, and its values."""

    kind: str
    values: dict[str, Value]

    @property
    def name(self) -> Value:
        """The value of the first key."""
        return self.values[self.kind]

    def get(self, key: str) -> Value | None:
        """The value of `key`, written small; None where there is none, or Slurm prints it as such."""
        value = self.values.get(key)
        return value if value and value.text not in ("", "(null)") else None


@dataclass
class _Line:
    """A logical line: its text, and for each physical line in it where it starts and its number."""

    text: str = ""
    starts: list[int] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)

    def add(self, number: int, text: str) -> None:
        self.starts.append(len(self.text))
        self.numbers.append(number)
        self.text += text

    def position(self, source: Source, start: int, length: int) -> Position:
        index = bisect_right(self.starts, start) - 1
        return source.position(self.numbers[index], start - self.starts[index] + 1, max(length, 1))


def records(source: Source, findings: list[Problem]) -> list[Record]:
    """All lines of the kinds that are read; what cannot be read of them goes to `findings`."""
    lines = _dump_lines(source) if _DUMP in source.text else _lines(source)
    found = (_record(source, line, findings) for line in lines)
    return [record for record in found if record]


def _lines(source: Source) -> Iterator[_Line]:
    """The logical lines of a configuration file."""
    line = _Line()
    for number, text in enumerate(source.lines, 1):
        bare = _COMMENT.sub("", text)
        continued = _CONTINUED.search(bare)
        line.add(number, bare[: continued.start(1)] if continued else bare)
        if not continued:
            yield line
            line = _Line()
    yield line


def _dump_lines(source: Source) -> Iterator[_Line]:
    """The records of ``scontrol show node``: each begins with its name; only Reason has spaces."""
    line = _Line()
    for number, text in enumerate(source.lines, 1):
        if text.startswith("NodeName="):
            yield line
            line = _Line()
        reason = re.match(r"\s+Reason=(.*)", text)
        line.add(number, f'{text[: reason.start(1)]}"{reason[1]}" ' if reason else f"{text} ")
    yield line


def _record(source: Source, line: _Line, findings: list[Problem]) -> Record | None:
    """The record of a logical line, where it is of a kind that is read."""
    include = _INCLUDE.match(line.text)
    if include and "=" not in include[1]:
        place = line.position(source, include.start(1), len(include[1]))
        return Record("include", {"include": Value(include[1], place)})
    pairs = list(_PAIR.finditer(line.text))
    kind = pairs[0][1].lower() if pairs else ""
    if kind not in KEYS or kind == "include":
        return None
    values: dict[str, Value] = {}
    for pair in pairs:
        group = 2 if pair[2] is not None else 3
        place = line.position(source, pair.start(group), len(pair[group]))
        if pair[1].lower() in values and kind in CHECKED:
            findings.append(Problem("I022", f"{pair[1]} stands twice in one line; the last holds", place))
        values[pair[1].lower()] = Value(pair[group].replace("\\#", "#"), place)
    if kind in CHECKED:
        _check(source, line, kind, findings)
    return Record(kind, values)


def _check(source: Source, line: _Line, kind: str, findings: list[Problem]) -> None:
    """Report keys that the line cannot have, and words that belong to none."""
    known = {key.lower() for key in KEYS[kind]} | {kind}
    for pair in _PAIR.finditer(line.text):
        if pair[1].lower() not in known:
            place = line.position(source, pair.start(1), len(pair[1]))
            findings.append(
                Problem("I022", f"unknown key {pair[1]!r}", place, None, did_you_mean(pair[1], KEYS[kind]))
            )
    rest = _PAIR.sub(lambda pair: " " * len(pair[0]), line.text)
    stray = re.search(r"\S+", rest)
    if stray:
        place = line.position(source, stray.start(), len(stray[0]))
        findings.append(Problem("I022", f"{stray[0][:60]!r} belongs to no key", place, "Key=value"))
