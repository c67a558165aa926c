"""Output of one command on many hosts, as pdsh, clush and dshbak gather it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from planner.errors import InputError, Position
from planner.formats.hostlist import expand

if TYPE_CHECKING:
    from planner.errors import Problem
    from planner.formats.site.site import Source

PREFIX = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,253}): ?")
LONGEST_LINE = 20_000
_RULE = re.compile(r"-{4,}\s*$")
_COUNT = re.compile(r"\s*\(\d+\)\s*$")


def lines_of(source: Source) -> list[Position]:
    """The lines of a text, each as its position."""
    lines = [line[:LONGEST_LINE] for line in source.lines]
    return [_line(source.name, number, line) for number, line in enumerate(lines, 1)]


def lines_by_host(lines: list[Position], findings: list[Problem]) -> dict[str, list[Position]]:
    """The lines of each host, without what names it; empty where the text is that of one host."""
    said = [line for line in lines if line.text.strip()]
    if said and all(PREFIX.match(line.text) for line in said):
        return _prefixed(said)
    return _headed(lines, findings)


def in_whole_line(source: Source, position: Position | None) -> Position | None:
    """A position in what a host said, as one in the line that says which host it was."""
    if position is None:
        return None
    whole = source.position(position.line).text
    before = len(whole) - len(position.text)
    if before <= 0 or not whole.endswith(position.text):
        return position
    return replace(position, column=position.column + before, text=whole)


def _line(file: str, number: int, text: str) -> Position:
    return Position(file, number, 1, max(1, len(text.rstrip())), text)


def _prefixed(lines: list[Position]) -> dict[str, list[Position]]:
    """Of pdsh and clush: every line begins with its host."""
    hosts: dict[str, list[Position]] = {}
    for line in lines:
        host = PREFIX.match(line.text)
        if host:
            rest = line.text[host.end() :]
            hosts.setdefault(host[1], []).append(_line(line.file, line.line, rest))
    return hosts


def _headed(lines: list[Position], findings: list[Problem]) -> dict[str, list[Position]]:
    """Of dshbak and ``clush -b``: hosts that printed the same, between rules, and then what they did."""
    hosts: dict[str, list[Position]] = {}
    current: list[str] = []
    rules = [bool(_RULE.match(line.text)) for line in lines] + [False, False]
    index = 0
    while index < len(lines):
        if rules[index] and rules[index + 2] and not rules[index + 1]:
            current = _hosts(lines[index + 1], findings)
            index += 3
            continue
        for host in current:
            hosts.setdefault(host, []).append(lines[index])
        index += 1
    return hosts


def _hosts(line: Position, findings: list[Problem]) -> list[str]:
    """The hosts that a heading names."""
    try:
        return expand(_COUNT.sub("", line.text.strip()), line)
    except InputError as error:
        findings.extend(error.problems)
        return []
