"""Names that a topology file can hold for whatever a site calls its parts, and ranges of them in lines."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from planner.formats.site.labels import clean, unique
from planner.topology.boxes import boxes
from planner.topology.names import LONGEST_NAME, is_name, natural

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LONGEST_RANGE = 90


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
                self._names[word] = unique(_cleaned(word), taken)
                taken.add(self._names[word])

    def __getitem__(self, word: str) -> str:
        return self._names[word]

    @property
    def changed(self) -> list[str]:
        """Words whose names are not themselves."""
        return [word for word, name in self._names.items() if word != name]


def _cleaned(word: str) -> str:
    """A name for a word that can be none, with room for a number behind it."""
    bare = clean(word) or "unnamed"
    if len(bare) <= LONGEST_NAME - 10:
        return bare
    return f"{bare[: LONGEST_NAME - 20]}-{hashlib.sha256(word.encode()).hexdigest()[:9]}"


def in_lines(names: Iterable[str], longest: int = LONGEST_RANGE) -> list[str]:
    """`names` as ranges of about `longest` characters each, so that lines stay readable."""
    return joined((part for box in boxes(names) for part in _parts(box, longest)), longest)


def joined(entries: Iterable[str], longest: int) -> list[str]:
    """`entries` with commas between them, in lines of about `longest` characters."""
    lines: list[str] = []
    for entry in entries:
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
