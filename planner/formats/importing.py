"""From foreign files to the text of a topology file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from planner.errors import InputError, PlannerError, Problem, UsageError, did_you_mean
from planner.formats.importers import IMPORTERS, TOGETHER, importer
from planner.formats.reading.sources import STDIN, read_source
from planner.formats.site.author import author
from planner.formats.site.derive import derive
from planner.formats.site.given import NOTHING
from planner.formats.site.join import join
from planner.source import parse_document
from planner.source.document import LARGEST_BYTES
from planner.topology.load import to_cluster

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.formats.site.given import Given
    from planner.formats.site.site import Site, Source
    from planner.topology.cluster import Cluster


@dataclass(frozen=True)
class Imported:
    """What became of some foreign files.

    Parameters
    ----------
    text
        The topology file.
    cluster
        The cluster that it loads as.
    site
        What the sources say, with findings and assumptions.
    sources
        Name and format of each source.
    """

    text: str
    cluster: Cluster
    site: Site
    sources: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Asked:
    """A source on the command line: its path, and its format where that is named."""

    path: str
    format: str | None = None


def asked_for(words: Sequence[str]) -> list[Asked]:
    """What ``[FORMAT] SOURCE...`` means.

    A first word that is a format holds for all sources but those written ``format:path``. A file
    that is called as a format is, is named by a path, such as ``./slurm``.

    Raises
    ------
    UsageError
        U001 for a format that is not known, or no source.
    """
    common, sources = _common(words)
    if not sources:
        raise UsageError.of("U001", f"no source of format {common}", expected="at least one file, or -")
    if [asked.path for asked in sources].count(STDIN) > 1:
        raise UsageError.of("U001", "standard input is named twice", expected="it once")
    return [asked if asked.format else Asked(asked.path, common) for asked in sources]


def _common(words: Sequence[str]) -> tuple[str | None, list[Asked]]:
    """The format in front, where there is one, and the sources."""
    first = words[0]
    if first in IMPORTERS:
        return first, [_asked(word) for word in words[1:]]
    a_word = first != STDIN and not any(mark in first for mark in "/.:")
    if a_word and len(words) > 1 and not Path(first).exists():
        raise _unknown(first)
    return None, [_asked(word) for word in words]


def _asked(word: str) -> Asked:
    """A source, with the format that is written before it."""
    before, colon, path = word.partition(":")
    if not colon or Path(word).exists():
        return Asked(word)
    if before in IMPORTERS and path:
        return Asked(path, before)
    if did_you_mean(before, IMPORTERS):
        raise _unknown(before)
    return Asked(word)


def _unknown(word: str) -> UsageError:
    return UsageError.of(
        "U001",
        f"unknown format {word!r}",
        expected=f"one of {', '.join(sorted(IMPORTERS))}, or none, for what the content says",
        suggestion=did_you_mean(word, IMPORTERS),
    )


def import_topology(asked: Sequence[Asked], given: Given = NOTHING) -> Imported:
    """Read, join and write up what some files say of one site.

    Raises
    ------
    InputError
        Where a file cannot be read or recognised, or nothing can be made of it.
    """
    together: dict[tuple[str, int], list[Source]] = {}
    odd: list[Problem] = []
    names = []
    for number, each in enumerate(asked):
        source, problems = read_source(each.path)
        name = each.format or recognised(source)
        together.setdefault((name, 0 if name in TOGETHER else number), []).append(source)
        odd += problems
        names.append((source.name, name))
    sites = [importer(name).read(*sources) for (name, _), sources in together.items()]
    sites[0].findings[:0] = odd
    return write_up(join(sites), given, tuple(names))


def recognised(source: Source) -> str:
    """The first format that `source` looks like.

    Raises
    ------
    InputError
        I003 where it looks like none.
    """
    for name in IMPORTERS:
        if importer(name).recognises(source):
            return name
    raise InputError.of(
        "I003",
        f"{source.name} looks like no format that can be imported",
        expected=f"one of {', '.join(sorted(IMPORTERS))}",
        suggestion="name the format before the file, so that it says what is wrong",
        position=source.position(1),
    )


def write_up(site: Site, given: Given, sources: tuple[tuple[str, str], ...] = ()) -> Imported:
    """The topology file of a site, loaded once to prove that it can be.

    Raises
    ------
    InputError
        Where the site is no cluster that a topology file can hold.
    """
    origin = ", ".join(f"{name} ({form})" for name, form in sources)
    text = author(derive(site), given, origin)
    size = len(text.encode())
    if size > LARGEST_BYTES:
        raise InputError.of(
            "I008",
            f"the topology file would have {size:,} bytes",
            expected=f"at most {LARGEST_BYTES:,}; names of hosts with numbers that follow each other",
        )
    try:
        cluster = to_cluster(parse_document(text, "<imported>"))
    except PlannerError as error:
        problem = Problem("I009", "what the sources say makes no topology that loads")
        raise InputError(problem, *error.problems) from error
    return Imported(text, cluster, site, sources)
