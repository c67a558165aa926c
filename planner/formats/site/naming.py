"""Names that a topology file can hold, made of whatever a site calls its parts."""

from __future__ import annotations

import hashlib
import re
from itertools import count
from typing import TYPE_CHECKING

from planner.topology.names import LONGEST_NAME, compress, is_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_BAD = re.compile(r"[^A-Za-z0-9._-]+")
_NUMBER = re.compile(r"([0-9]+)")
LONGEST_RANGE = 90


def natural(name: str) -> list[tuple[int, str, str]]:
    """Sorts ``n2`` before ``n10``, and every name the same way whatever the order it came in."""
    parts = _NUMBER.split(name)
    # Text and numbers take turns, so that like is compared with like.
    return [(int(part), part, "") if place % 2 else (0, "", part) for place, part in enumerate(parts)]


class Names:
    """Gives each word a name of its own: the word itself wherever that can be a name.

    Parameters
    ----------
    words
        All words that need names; those that can be names keep them.
    """

    def __init__(self, words: Iterable[str]) -> None:
        ordered = sorted(set(words), key=natural)
        self._names = {word: word for word in ordered if is_name(word)}
        taken = set(self._names)
        for word in ordered:
            if word not in self._names:
                name = next(name for name in _candidates(word) if name not in taken)
                self._names[word] = name
                taken.add(name)

    def __getitem__(self, word: str) -> str:
        return self._names[word]

    @property
    def changed(self) -> list[str]:
        """Words whose names are not themselves."""
        return [word for word, name in self._names.items() if word != name]


def _candidates(word: str) -> Iterator[str]:
    bare = _BAD.sub("-", word).strip(".-") or "unnamed"
    if len(bare) > LONGEST_NAME - 20:
        bare = f"{bare[: LONGEST_NAME - 30]}-{hashlib.sha256(word.encode()).hexdigest()[:9]}"
    yield bare
    yield from (f"{bare}-{number}" for number in count(2))


def ranges(names: Sequence[str]) -> str:
    """A short expression for `names`; of the numbers in full domain names the host's own are counted."""
    expression = compress(names)
    if not all("." in name for name in names):
        return expression
    heads: dict[str, list[str]] = {}
    for name in names:
        head, _, domain = name.partition(".")
        heads.setdefault(domain, []).append(head)
    by_head = ",".join(
        f"{entry}.{domain}" for domain, group in heads.items() for entry in entries(compress(group))
    )
    return min(by_head, expression, key=len)


def entries(expression: str) -> list[str]:
    """The parts of a range between its outer commas."""
    return re.split(r",(?![^\[]*\])", expression)


def in_lines(names: Sequence[str], longest: int = LONGEST_RANGE) -> list[str]:
    """`names` as ranges of about `longest` characters each, so that lines stay readable."""
    lines: list[str] = []
    for entry in (part for whole in entries(ranges(names)) for part in _parts(whole, longest)):
        if lines and len(lines[-1]) + len(entry) < longest:
            lines[-1] += f",{entry}"
        else:
            lines.append(entry)
    return lines


def _parts(entry: str, longest: int) -> Iterator[str]:
    """A bracketed list that is too long, in parts."""
    match = re.fullmatch(r"(.*)\[(.*)\](.*)", entry)
    if len(entry) <= longest or not match:
        yield entry
        return
    before, inside, after = match.groups()
    part = ""
    for item in inside.split(","):
        if part and len(part) + len(item) + len(before) + len(after) > longest:
            yield f"{before}[{part}]{after}"
            part = ""
        part = f"{part},{item}" if part else item
    yield f"{before}[{part}]{after}"
