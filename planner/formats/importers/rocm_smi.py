"""What `rocm-smi --showtopo` prints on a node, as tables or with `--json`.

Reads the kind of link between each two GPUs, and their weight where the kind is missing; the hops are
1 whatever lies between and are not used. Models come from `--showproductname` in the same text.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from planner.errors import Position, Problem
from planner.formats.reading.inside.assemble import site_of
from planner.formats.reading.inside.parts import Gpu
from planner.topology.schema import MOST_GPUS_A_NODE

if TYPE_CHECKING:
    from planner.formats.site.site import Site, Source

ONE_LINK = 15
"""Weight of two GPUs that one xGMI link joins; PCIe gives 40 and more."""
XGMI_BYTES_PER_S = 64e9

_TITLE = re.compile(r"[=*\s]*(Weight|Hops|Link Type) between two GPUs", re.IGNORECASE)
_ROW = re.compile(r"\s*GPU(\d{1,4})((?:\s+[A-Za-z0-9/?!_.-]+)+)\s*$")
_JSON = re.compile(
    r"\"\(Topology\) (Weight|Link type) between DRM devices (\d{1,4}) and (\d{1,4})\": *\"([^\"]*)\"",
    re.IGNORECASE,
)
_SERIES = re.compile(
    r"(?:GPU\[(\d{1,4})\]|\"card(\d{1,4})\").{0,2000}?Card Series\"?:?\s*:?\s*\"?([^\"\n,}]+)", re.IGNORECASE
)
_NAMED = re.compile(r"GPU\[(\d{1,4})\]\s*:")


def recognises(source: Source) -> bool:
    """Whether this looks like a report of `rocm-smi` on links."""
    head = source.text[:200_000]
    return "between two GPUs" in head or "between DRM devices" in head or "ROCm System Management" in head


def read(source: Source) -> Site:
    """The node that the report was made on.

    Raises
    ------
    InputError
        I060 where no GPU is in it.
    """
    findings: list[Problem] = []
    tables = _tables(source, findings)
    places = _places(source, tables)
    gpus = [Gpu(position=places.get(index)) for index in range(max(places, default=-1) + 1)]
    for found in _SERIES.finditer(source.text):
        index = int(found[1] or found[2])
        if index < len(gpus):
            gpus[index].called = found[3].strip()
    if tables["link type"] or tables["weight"]:
        for index, gpu in enumerate(gpus):
            gpu.peers = {
                peer: 1 for peer in range(len(gpus)) if peer != index and _joined(tables, index, peer)
            }
            gpu.link_bytes_per_s = XGMI_BYTES_PER_S
    return site_of(source, gpus, [], findings)


Tables = dict[str, dict[tuple[int, int], str]]


def _tables(source: Source, findings: list[Problem]) -> Tables:
    """Cells of each table by row and column."""
    tables: Tables = defaultdict(dict)
    name, columns = "", 0
    for number, line in enumerate(source.lines, 1):
        if title := _TITLE.match(line):
            name, columns = title[1].lower(), 0
        elif name and line.split() and all(re.fullmatch(r"GPU\d{1,4}", word) for word in line.split()):
            columns = len(line.split())
        elif name and columns and (row := _ROW.match(line)):
            cells = row[2].split()
            _check(source.name, number, line, row[1], cells, columns, findings)
            for column, cell in enumerate(cells[:columns]):
                tables[name].setdefault((int(row[1]), column), cell.upper())
    for found in _JSON.finditer(source.text):
        a, b = int(found[2]), int(found[3])
        tables[found[1].lower()].update({(a, b): found[4].upper(), (b, a): found[4].upper()})
    return tables


def _check(
    file: str, number: int, line: str, name: str, cells: list[str], columns: int, findings: list[Problem]
) -> None:
    if len(cells) != columns:
        findings.append(
            Problem(
                "I067",
                f"row of GPU{name} has {len(cells)} cells",
                Position(file, number, line.find("GPU") + 1, len(name) + 3, line),
                expected=f"{columns} cells, one a GPU",
                suggestion="what other rows say is taken",
            )
        )


def _places(source: Source, tables: Tables) -> dict[int, Position]:
    """Each GPU that is named, and where first."""
    numbers = {
        index for table in tables.values() for pair in table for index in pair if index < MOST_GPUS_A_NODE
    }
    places: dict[int, Position] = {}
    for number, line in enumerate(source.lines, 1):
        for found in (_ROW.match(line), _NAMED.search(line)):
            index = int(found[1]) if found else MOST_GPUS_A_NODE
            if found and index < MOST_GPUS_A_NODE:
                places.setdefault(
                    index, Position(source.name, number, found.start(1) + 1, len(found[1]), line)
                )
    for index in numbers:
        places.setdefault(index, Position(source.name, 1, 1))
    return places


def _joined(tables: Tables, a: int, b: int) -> bool:
    """Whether an xGMI link joins two GPUs, by either's row."""
    kinds = tables["link type"]
    kind = kinds.get((a, b)) or kinds.get((b, a)) or ""
    if kind in {"XGMI", "PCIE"}:
        return kind == "XGMI"
    weights = tables["weight"]
    weight = weights.get((a, b)) or weights.get((b, a)) or ""
    return weight.isdecimal() and 0 < int(weight[:9]) <= ONE_LINK
