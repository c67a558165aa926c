"""Name ranges: ``r[01-12]`` stands for r01 to r12, much as in Slurm's host lists.

Several brackets are nested loops in written order, the last one fastest; zero padding follows the
low end of a range; lists keep their order; a comma outside of brackets separates expressions.

With one bracket or two that is Slurm's order too. With three or more Slurm runs the first bracket
faster than those between it and the last (see `planner.formats.hostlist`); rows of topology files
keep the order in which they are written. What `compress` writes expands alike in both.
"""

from __future__ import annotations

import re
from itertools import groupby, product
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from planner.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MOST_NAMES = 500_000
MOST_DIGITS = 18
# What a host name may have; names of domains make up host names.
LONGEST_NAME = 253
NAME_FORM = f"letters, digits, '.', '_' and '-', at most {LONGEST_NAME}, the first no '.' and no '-'"
LONGEST_SHOWN = 60

_PIECE = re.compile(r"\[([^\[\]]*)\]|([^\[\]]+)")
_RANGE = re.compile(r"([0-9]+)(?:-([0-9]+))?\Z")
_BAD = re.compile(r"[^A-Za-z0-9._*\[\],-]")
_NAME = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9._-]{{0,{LONGEST_NAME - 1}}}")
_NAMES = re.compile(rf"(?:{_NAME.pattern}\n)*")
_LAST_NUMBER = re.compile(rf"(.*?)([0-9]{{1,{MOST_DIGITS}}})\Z", re.DOTALL)
_COMMA = re.compile(r",(?![^\[]*\])")
_EXAMPLE = "a name or a range of names, such as r05, n[01-08] or n[1-4,7]"


class _Run(NamedTuple):
    """Consecutive numbers padded to `width`; or, with an empty range, the text before it alone."""

    text: str
    width: int = 0
    numbers: range = range(0)

    def __len__(self) -> int:
        return len(self.numbers) or 1

    def last(self) -> str:
        return f"{self.numbers[-1]:0{self.width}d}" if self.numbers else self.text

    def names(self) -> list[str]:
        return [f"{number:0{self.width}d}" for number in self.numbers] or [self.text]


def expand(expression: str) -> list[str]:
    """All names of an expression, in order; repeated ones stay.

    Raises
    ------
    InputError
        T001 for what cannot be read, T002 for more than `MOST_NAMES` names.
    """
    check_count(expression)
    return [
        "".join(parts)
        for pieces in _entries(expression)
        for parts in product(*([name for run in runs for name in run.names()] for runs in pieces))
    ]


def count(expression: str) -> int:
    """How many names `expand` gives, without making them.

    Raises
    ------
    InputError
        T001 for what cannot be read.
    """
    return sum(prod(sum(map(len, runs)) for runs in pieces) for pieces in _entries(expression))


def check_count(expression: str) -> int:
    """How many names `expand` gives; raises as `expand`, without making them."""
    number = count(expression)
    if number > MOST_NAMES:
        raise InputError.of(
            "T002", f"{_short(expression)} is {number:,} names", expected=f"at most {MOST_NAMES:,} names"
        )
    return number


def is_name(word: str) -> bool:
    """Whether a domain or a host may be called `word`, which schedulers and shells must read."""
    return _NAME.fullmatch(word) is not None


def are_names(words: Sequence[str]) -> bool:
    """Whether each of many words may be a name, as `is_name` says; all are looked at in one go."""
    text = "\n".join([*words, ""])
    return text.count("\n") == len(words) and _NAMES.fullmatch(text) is not None


def require_names(expression: str) -> None:
    """Refuse an expression that stands for anything but names of domains.

    Raises
    ------
    InputError
        T001 for what cannot be read or is no name, T002 for more than `MOST_NAMES` names.
    """
    check_count(expression)
    for pieces in _entries(expression):
        # Of all names of an entry one with the longest numbers is as good or bad as the others.
        example = "".join(max((run.last() for run in runs), key=len) for runs in pieces)
        if not is_name(example):
            raise InputError.of("T001", f"{_short(example)} cannot be a name", expected=NAME_FORM)


def compress(names: Iterable[str]) -> str:
    """A short expression that expands to exactly `names`, in their order.

    Ranges are at the end of names only, since not every version of Slurm reads others.
    """
    split = (_split(name) for name in names)
    return ",".join(
        _bracketed(prefix, [digits for _, digits in group])
        for (prefix, _), group in groupby(split, key=lambda parts: (parts[0], not parts[1]))
    )


def entries(expression: str) -> list[str]:
    """What stands between the commas outside of brackets."""
    return _COMMA.split(expression)


def _entries(expression: str) -> Iterator[list[list[_Run]]]:
    """The expressions between outer commas, each as its pieces, each piece as its runs."""
    for entry in entries(expression):
        rest = _PIECE.sub("", entry)
        if not entry or rest or _BAD.search(entry):
            reason = (
                "a bracket is not closed" if rest else "a name is empty" if not entry else "a bad character"
            )
            raise _unreadable(expression, reason)
        yield [
            [_Run(literal)] if literal else [_run(expression, item) for item in inside.split(",")]
            for inside, literal in _PIECE.findall(entry)
        ]


def _run(expression: str, item: str) -> _Run:
    """One item between brackets."""
    match = _RANGE.match(item.strip())
    if not match:
        raise _unreadable(expression, f"{_short(item)} is no number and no range of numbers")
    low, high = match[1], match[2] or match[1]
    if max(len(low), len(high)) > MOST_DIGITS:
        raise _unreadable(expression, f"a number of more than {MOST_DIGITS} digits")
    if int(high) < int(low):
        raise _unreadable(expression, f"{item} runs backwards")
    return _Run(item, len(low), range(int(low), int(high) + 1))


def _unreadable(expression: str, reason: str) -> InputError:
    return InputError.of("T001", f"{_short(expression)} cannot be read: {reason}", expected=_EXAMPLE)


def _short(text: str) -> str:
    return repr(text) if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]!r}..."


def _split(name: str) -> tuple[str, str]:
    """What stands before the number at the end of a name, and the number; ("name", "") without one."""
    match = _LAST_NUMBER.match(name)
    return (match[1], match[2]) if match else (name, "")


def _bracketed(prefix: str, numbers: list[str]) -> str:
    """Names that differ in their last number only, as one expression."""
    if not numbers[0] or len(numbers) == 1:
        return ",".join(f"{prefix}{number}" for number in numbers)
    runs: list[list[str]] = []
    for number in numbers:
        if runs and number == f"{int(runs[-1][-1]) + 1:0{len(runs[-1][0])}d}":
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return f"{prefix}[{','.join('-'.join(run) for run in runs)}]"


def natural(name: str) -> tuple[tuple[tuple[str, int, str], ...], str]:
    """A key that sorts names by the numbers in them, and no two names alike."""
    parts = re.findall(r"([^0-9]*)([0-9]*)", name)
    # Numbers are compared as text of a length, since Python reads no number of any length.
    numbers = ((text, digits.lstrip("0")) for text, digits in parts)
    return tuple((text, len(digits), digits) for text, digits in numbers), name
