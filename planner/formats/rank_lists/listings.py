"""Launchers' lists of ranks, read back: a Slurm host file, an Open MPI rankfile, or the rank table.

A host file and a rankfile do not know of GPUs. Those that `planner export` wrote say them in a
remark behind each line, ``# gpu 5``; others leave them out.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.errors import InputError, Problem, did_you_mean
from planner.formats.hostlist import entries, expand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from planner.errors import Position
    from planner.formats.site.site import Source

MOST_RANKS = 2**24
_GPU = re.compile(r"#\s*gpu\s+(\d{1,9})\s*$")
_RANK = re.compile(r"\s*rank\s+(\d{1,9})\s*=\s*(?P<host>[^\s=]+)(?:\s+slots?\s*=\s*\S+)?\s*$")


@dataclass(frozen=True)
class Seat:
    """Where a list puts a rank.

    Parameters
    ----------
    rank, host
        The rank, and what the list calls its host.
    gpu
        GPU as an index in the host, None where the list does not say.
    position
        Where the list says so, at the name of the host.
    """

    rank: int
    host: str
    gpu: int | None
    position: Position


def recognised(source: Source) -> str:
    """Which of `LISTINGS` the source is: a table has a header, a rankfile its ranks."""
    lines = [line for line in source.lines if line.split("#")[0].strip()]
    if lines and {"rank", "host"} <= set(_header(lines[0])):
        return "csv"
    return "rankfile" if any(line.split() and line.split()[0] == "rank" for line in lines) else "slurm"


def seats(source: Source, kind: str) -> list[Seat]:
    """Where the list of this `kind` puts each rank, in its own order.

    Raises
    ------
    InputError
        ``E010`` for lines that cannot be read, all of them.
    """
    problems: list[Problem] = []
    found: list[Seat] = []
    for each in LISTINGS[kind](source):
        if isinstance(each, Seat):
            found.append(each)
        else:
            problems.append(each)
    if problems:
        raise InputError(*problems)
    if not found:
        raise InputError.of(
            "E010",
            f"{source.name} lists no rank",
            expected="a line for each rank",
            position=source.position(1),
        )
    return found


def _slurm(source: Source) -> Iterator[Seat | Problem]:
    """A host a line, ``host*3`` or a host list for several ranks in a row."""
    rank = 0
    for number, line, gpu in _lines(source):
        at = source.position(number, len(line) - len(line.lstrip()) + 1, len(line.strip()))
        try:
            hosts = [host for word in entries(line) for host in _hosts(word, at)]
        except InputError as error:
            yield from error.problems
            continue
        for host in hosts:
            yield Seat(rank, host, gpu, at)
            rank += 1


def _hosts(word: str, at: Position) -> list[str]:
    """The hosts of a word of a host file, as often as it has ranks."""
    listed, star, times = word.partition("*")
    hosts = expand(listed, at) if "[" in listed else [listed]
    if star and not (_is_index(times) and len(hosts) * int(times) <= MOST_RANKS):
        raise InputError.of(
            "E010", f"{word!r} cannot be read", expected="a number after the *, such as host*3", position=at
        )
    return hosts * int(times or 1)


def _rankfile(source: Source) -> Iterator[Seat | Problem]:
    """``rank 3=host slot=0``; slots are cores, which say nothing of GPUs."""
    for number, line, gpu in _lines(source):
        match = _RANK.fullmatch(line)
        if match and not match["host"].startswith("+"):
            start = match.start("host")
            yield Seat(
                int(match[1]), match["host"], gpu, source.position(number, start + 1, len(match["host"]))
            )
        else:
            yield Problem(
                "E010",
                "not a line of a rankfile",
                source.position(number),
                "rank 0=host slot=0, with the name of a host",
            )


def _lines(source: Source) -> Iterator[tuple[int, str, int | None]]:
    """Lines that say something: number, text before the remark, and the GPU of the remark."""
    for number, line in enumerate(source.lines, 1):
        text = line.split("#")[0].rstrip()
        if text:
            gpu = _GPU.search(line)
            yield number, text, int(gpu[1]) if gpu else None


def _table(source: Source) -> Iterator[Seat | Problem]:
    """Columns ``rank`` and ``host``, and ``gpu`` if there is one, wherever they stand."""
    rows = csv.reader(source.lines)
    header = next(rows, [])
    if not {"rank", "host"} <= set(header):
        near = did_you_mean("rank" if "rank" not in header else "host", header)
        yield Problem(
            "E010",
            "no header with the columns rank and host",
            source.position(1),
            "rank,...,host,gpu,...",
            near,
        )
        return
    rank, host = header.index("rank"), header.index("host")
    gpu = header.index("gpu") if "gpu" in header else None
    for row in rows:
        if row:
            yield _row(source.position(rows.line_num), row, (rank, host, gpu))


def _row(position: Position, row: list[str], places: tuple[int, int, int | None]) -> Seat | Problem:
    rank, host, gpu = (row[place] if place is not None and place < len(row) else "" for place in places)
    if host and all(_is_index(text) for text in (rank, gpu or "0")):
        return Seat(int(rank), host, int(gpu) if gpu else None, position)
    return Problem("E010", "not a row of the rank table", position, "numbers for rank and gpu, and a host")


def _is_index(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _header(line: str) -> list[str]:
    return next(csv.reader([line]), [])


LISTINGS: dict[str, Callable[[Source], Iterator[Seat | Problem]]] = {
    "slurm": _slurm,
    "rankfile": _rankfile,
    "csv": _table,
}
"""What reads each kind of list, by the name that the command line knows."""
