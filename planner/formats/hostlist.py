"""Slurm's host lists: ``n[01-03,7]`` stands for n01, n02, n03 and n7.

They look like the name ranges of topology files (`planner.topology.names`), but where an expression
has three brackets or more Slurm's order is its own: the last bracket runs fastest, then the first,
then the second and so on, so that ``r[1-2]c[0-1]n[1-2]`` begins r1c0n1, r1c0n2, r2c0n1. Newer
versions also read text after the last bracket, which is therefore read here and never written.
"""

from __future__ import annotations

import re
from itertools import product
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from planner.errors import InputError
from planner.topology import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from planner.errors import Position

LONGEST_RANGE = 65_536
"""Numbers that Slurm takes in one range."""

_SEPARATOR = re.compile(r"[,\s]+(?![^\[\]]*\])", re.ASCII)
_PIECE = re.compile(r"\[([^\[\]]*)\]|([^\[\]]+)")
_RANGE = re.compile(r"([0-9]{1,18})(?:-([0-9]{0,18}))?")
_UNWRITABLE = re.compile(r"[\[\]{},\s]|[0-9]{19}\Z|\A\Z", re.ASCII)
_EXPECTED = "a host list such as n[01-16,20] or gpu1,gpu2"


def entries(expression: str) -> list[str]:
    """What stands between the commas and spaces outside of brackets: names, each with its ranges."""
    return [entry for entry in _SEPARATOR.split(expression) if entry]


def expand(expression: str, position: Position | None = None) -> list[str]:
    """All hosts of an expression in Slurm's order; repeated ones stay.

    Raises
    ------
    InputError
        I020 for what Slurm refuses, I021 for more than `planner.topology.names.MOST_NAMES` hosts.
    """
    found = [_entry(entry, position) for entry in entries(expression)]
    number = sum(prod(map(len, entry.parts)) for entry in found)
    if number > names.MOST_NAMES:
        raise InputError.of(
            "I021",
            f"the host list {_short(expression)} is {number:,} hosts",
            expected=f"at most {names.MOST_NAMES:,} hosts",
            position=position,
        )
    return [host for entry in found for host in entry.hosts()]


def compress(hosts: Iterable[str]) -> str:
    """The expression that ``scontrol show hostlist`` prints for `hosts`, which keeps their order.

    Raises
    ------
    InputError
        I020 for a name that no host list can hold.
    """
    listed = list(hosts)
    for host in listed:
        if _UNWRITABLE.search(host):
            raise InputError.of(
                "I020",
                f"{_short(host)} cannot stand in a host list",
                expected="a name without brackets, commas and spaces that ends in at most 18 digits",
            )
    # A longer run would be one that Slurm itself prints and then refuses.
    starts = range(0, len(listed), LONGEST_RANGE)
    return ",".join(names.compress(listed[start : start + LONGEST_RANGE]) for start in starts)


class _Entry(NamedTuple):
    """The parts of one entry in written order, brackets as their numbers, and which is the last bracket."""

    parts: list[list[str]]
    last: int

    def hosts(self) -> Iterator[str]:
        """In Slurm's order: the last bracket runs fastest, then the first, the second and so on."""
        after = "".join(part[0] for part in self.parts[self.last + 1 :])
        for before in product(*reversed(self.parts[: self.last])):
            start = "".join(reversed(before))
            yield from (f"{start}{middle}{after}" for middle in self.parts[self.last])


def _entry(entry: str, position: Position | None) -> _Entry:
    """The parts of one entry."""
    if _PIECE.sub("", entry):
        raise _unreadable(entry, "a bracket is not closed", position)
    found = _PIECE.findall(entry)
    parts = [
        [text]
        if text
        else [number for item in inside.split(",") for number in _numbers(entry, item, position)]
        for inside, text in found
    ]
    return _Entry(parts, max((index for index, (_, text) in enumerate(found) if not text), default=0))


def _numbers(entry: str, item: str, position: Position | None) -> list[str]:
    """The numbers of one item between brackets, padded as its low end is."""
    match = _RANGE.fullmatch(item)
    if not match:
        raise _unreadable(entry, f"{_short(item)} is no number and no range of numbers", position)
    low, high = int(match[1]), int(match[2] or match[1])
    if high < low:
        raise _unreadable(entry, f"{item} runs backwards", position)
    if high - low >= LONGEST_RANGE:
        raise _unreadable(entry, f"{item} is more than {LONGEST_RANGE:,} numbers", position)
    return [f"{number:0{len(match[1])}d}" for number in range(low, high + 1)]


def _unreadable(entry: str, reason: str, position: Position | None) -> InputError:
    message = f"the host list {_short(entry)} cannot be read: {reason}"
    return InputError.of("I020", message, expected=_EXPECTED, position=position)


def _short(text: str) -> str:
    return repr(text) if len(text) <= names.LONGEST_SHOWN else f"{text[: names.LONGEST_SHOWN]!r}..."
