"""Names that a topology file can hold, from whatever a site calls its things."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from planner.topology.names import LONGEST_NAME, is_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# A managed switch names itself "MF0;NAME:MODEL/UNIT"; a chassis has a part for each of its chips.
_MANAGED = re.compile(r"MF\d+;(?P<name>[^:]+)(?::[^/]*(?P<part>(?:/[^/]*)*))?\Z")
_BAD = re.compile(r"[^A-Za-z0-9._-]+")
_ONLY_UNIT = re.compile(r"/U\d+\Z")
SHARE = 0.5


def clean(text: str) -> str:
    """`text` as a name: what a managed switch is called, other characters as one ``-``; maybe empty."""
    managed = _MANAGED.match(text.strip())
    if managed:
        part = managed["part"] or ""
        text = managed["name"] + ("" if _ONLY_UNIT.fullmatch(part) else part)
    return _BAD.sub("-", text).strip("-.")[:LONGEST_NAME]


def unique(name: str, taken: Iterable[str], mark: str = "") -> str:
    """`name`, or with `mark` or a number behind it where it is taken."""
    if name not in taken:
        return name
    if mark and (marked := f"{name}-{mark}") not in taken:
        return marked
    number = 2
    while f"{name}-{number}" in taken:
        number += 1
    return f"{name}-{number}"


def common_name(names: Sequence[str]) -> str:
    """What most of `names` begin with, up to a whole word of it; empty where that is nothing."""
    if len(names) == 1:
        return names[0] if is_name(names[0]) else ""
    stems = Counter(re.sub(r"[A-Za-z]*[0-9]*\Z", "", name) for name in names)
    stem, times = stems.most_common(1)[0]
    if times <= SHARE * len(names):
        stem = _whole_words(_shared(names))
    name = stem.rstrip("-_.")
    return name if is_name(name) else ""


def _shared(names: Sequence[str]) -> str:
    """The characters that all names begin with: those that the first and last in order share."""
    first, last = min(names), max(names)
    length = next((place for place, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), None)
    return first[:length]


def _whole_words(prefix: str) -> str:
    """A common prefix without the word that it breaks off in."""
    return prefix[: max(prefix.rfind(mark) for mark in "-_.") + 1]


def name_domains(tier: str, candidates: Sequence[Sequence[str]]) -> list[str]:
    """A name for each domain: of each one's candidates the first kind by which all can be told apart.

    Parameters
    ----------
    tier
        Name of the tier, which numbers follow where no kind of candidate will do.
    candidates
        For each domain as many candidates, empty where there is none of that kind.
    """
    for kind in zip(*candidates, strict=True):
        if all(is_name(name) for name in kind) and len(set(kind)) == len(kind):
            return list(kind)
    width = len(str(len(candidates)))
    return [f"{tier}{number:0{width}d}" for number in range(1, len(candidates) + 1)]
