"""Sets of names as few name ranges with several brackets each, such as ``leaf-[01-04]-[1-8]``."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from planner.topology.names import MOST_DIGITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Digits = tuple[str, ...]

# What has more digits than a range may have is text.
_PARTS = re.compile(rf"((?<![0-9])[0-9]{{1,{MOST_DIGITS}}}(?![0-9]))")


def boxes(names: Iterable[str]) -> list[str]:
    """Expressions that stand for exactly `names` together, each name once, sorted.

    Names that differ in their numbers only become products of ranges of these numbers.
    """
    by_text: dict[tuple[str, ...], set[Digits]] = defaultdict(set)
    for name in names:
        parts = _PARTS.split(name)
        by_text[tuple(parts[::2])].add(tuple(parts[1::2]))
    return [
        _written(text, box) for text in sorted(by_text) for box in _products(by_text[text], len(text) - 1)
    ]


def range_of(names: Iterable[str]) -> str:
    """One expression that stands for exactly `names`."""
    return ",".join(boxes(names))


def paths(selected: Iterable[str]) -> list[str]:
    """Selectors that stand for exactly some paths, one for each domain that they end in."""
    ends: dict[str, list[str]] = defaultdict(list)
    for box in boxes(selected):
        around, _, name = box.rpartition("/")
        ends[around].append(name)
    return [f"{around}/{','.join(names)}".lstrip("/") for around, names in ends.items()]


def _products(rows: set[Digits], length: int) -> list[list[Digits]]:
    """Products of lists of numbers that together make up `rows`, without overlap."""
    if length == 0:
        return [[]]
    lasts: dict[Digits, set[str]] = defaultdict(set)
    for row in rows:
        lasts[row[:-1]].add(row[-1])
    heads: dict[Digits, set[Digits]] = defaultdict(set)
    for head, own in lasts.items():
        heads[tuple(sorted(own, key=_value))].add(head)
    ordered = sorted(heads.items(), key=lambda item: min(item[1]))
    return [[*box, last] for last, own in ordered for box in _products(own, length - 1)]


def _value(digits: str) -> tuple[int, int]:
    return int(digits), len(digits)


def _written(text: Sequence[str], box: Sequence[Digits]) -> str:
    """Texts and lists of numbers in turn."""
    parts = [text[0]]
    for numbers, after in zip(box, text[1:], strict=True):
        parts += [_bracket(numbers), after]
    return "".join(parts)


def _bracket(numbers: Digits) -> str:
    """Numbers as a bracket of runs; a single one without."""
    if len(numbers) == 1:
        return numbers[0]
    runs: list[list[str]] = []
    for number in numbers:
        if runs and number == f"{int(runs[-1][-1]) + 1:0{len(runs[-1][0])}d}":
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return f"[{','.join('-'.join(run) for run in runs)}]"
