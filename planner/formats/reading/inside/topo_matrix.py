"""The matrix of `nvidia-smi topo`: which link or bridge lies between each two devices."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from planner.errors import Problem
from planner.formats.reading.inside.parts import SWITCH, Adapter, Gpu, Near

if TYPE_CHECKING:
    from planner.errors import Position

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
MOST_LINKS = 18
"""NVLinks of a GPU; a row that adds up to more goes through switches, which every cell counts anew."""
_DEVICE = re.compile(r"(GPU\d{1,5})|NIC\d{1,5}|(?:mlx|bnxt_re|irdma|efa|rdmap|roce|ib|hfi|mana|hns|erdma)\w*")
_GPU = re.compile(r"GPU\d{1,5}")
_WORD = r"NV\d{1,3}|SYS|NODE|PHB|PXB|PIX|PSB|X|N/A|OK|NS|CNS|GNS|TNS|DR|U|ERR!?"
_CELL = re.compile(rf"(?:{_WORD})", re.IGNORECASE)
# Wide tables that a terminal broke, or that were copied from one, run cells into each other.
_CELLS = re.compile(rf"(?:{_WORD})+", re.IGNORECASE)
_LEGEND = re.compile(r"\s*(NIC\d{1,5})\s*:\s*(\S+)\s*$")
_NEAR = {near.name: near for near in Near} | {"PSB": Near.PIX}


@dataclass
class Matrix:
    """Cells by the names of their row and column, and where each row stands."""

    cells: dict[str, dict[str, str]] = field(default_factory=dict)
    columns: list[str] = field(default_factory=list)
    rows: dict[str, Position] = field(default_factory=dict)
    legend: dict[str, str] = field(default_factory=dict)

    def cell(self, a: str, b: str) -> str:
        """What lies between two devices, by either's row."""
        return self.cells.get(a, {}).get(b) or self.cells.get(b, {}).get(a) or ""

    def gpus(self) -> list[Gpu]:
        """A GPU a row or column, in order of their numbers."""
        names = self._gpu_names()
        # That of `topo -p2p` says what GPUs may do, and not what joins them.
        says = any(
            cell in _NEAR or cell.startswith("NV") for row in self.cells.values() for cell in row.values()
        )
        return [
            Gpu(peers=self._peers(name, names) if says else None, position=self.rows.get(name))
            for name in names
        ]

    def adapters(self) -> list[Adapter]:
        """An adapter for each device that is no GPU."""
        gpus = self._gpu_names()
        names = dict.fromkeys([*self.columns, *self.rows])
        return [
            Adapter(
                self.legend.get(name, name),
                near={
                    index: _NEAR[self.cell(name, gpu)]
                    for index, gpu in enumerate(gpus)
                    if self.cell(name, gpu) in _NEAR
                },
                position=self.rows.get(name),
            )
            for name in names
            if not _GPU.fullmatch(name)
        ]

    def _gpu_names(self) -> list[str]:
        if not self.rows:
            return []
        names = {name for name in (*self.columns, *self.rows) if _GPU.fullmatch(name)}
        return sorted(names, key=lambda name: int(name[3:]))

    def _peers(self, name: str, gpus: list[str]) -> dict[int, int]:
        """NVLinks by the GPU at their other end."""
        links = {}
        for index, other in enumerate(gpus):
            cell = self.cell(name, other)
            if other != name and cell.startswith("NV") and int(cell[2:]):
                links[index] = int(cell[2:])
        return links if sum(links.values()) <= MOST_LINKS else {SWITCH: max(links.values())}


def find_matrix(lines: list[Position], findings: list[Problem]) -> Matrix:
    """The first matrix in some lines; an empty one where there is none."""
    matrix = Matrix()
    for at in lines:
        line = ESCAPE.sub("", at.text)
        named = _LEGEND.match(line)
        if named:
            matrix.legend.setdefault(named[1], named[2])
        elif not matrix.columns:
            matrix.columns = _header(line)
        elif _is_row(line):
            _row(matrix, at, line, findings)
    _note_missing_rows(matrix, findings)
    return matrix


def _note_missing_rows(matrix: Matrix, findings: list[Problem]) -> None:
    """Note GPUs that have a column and no row, as where the table has been cut short."""
    missing = [name for name in matrix.columns if _GPU.fullmatch(name) and name not in matrix.rows]
    if matrix.rows and missing:
        findings.append(
            Problem(
                "I067",
                f"no row of {', '.join(missing)}; the columns of the others are taken",
                list(matrix.rows.values())[-1],
                expected="a row for each GPU that has a column",
                suggestion="the whole table; it may have been cut short",
            )
        )


def _header(line: str) -> list[str]:
    """The devices that a line heads columns of, where it does."""
    words = line.split()
    columns = []
    for word in words:
        if not _DEVICE.fullmatch(word):
            break
        columns.append(word)
    rest = " ".join(words[len(columns) :])
    headed = not rest or rest.startswith(("CPU Affinity", "NUMA", "GPU NUMA"))
    return columns if columns and _GPU.fullmatch(columns[0]) and headed else []


def _is_row(line: str) -> bool:
    """Whether `line` is a row of the matrix, and not one of the legend."""
    words = line.split(maxsplit=1)
    return bool(words) and bool(_DEVICE.fullmatch(words[0])) and words[1:2] != [":"]


def _row(matrix: Matrix, at: Position, line: str, findings: list[Problem]) -> None:
    name, *words = line.split()
    if name in matrix.rows:
        return
    cells: list[str] = []
    for word in words:
        if len(cells) >= len(matrix.columns) or not _CELLS.fullmatch(word):
            break
        cells += _CELL.findall(word.upper())
    matrix.rows[name] = replace(at, column=at.text.find(name) + 1, length=len(name))
    matrix.cells[name] = dict(zip(matrix.columns, cells, strict=False))
    if len(cells) < len(matrix.columns):
        findings.append(
            Problem(
                "I067",
                f"row of {name} has {len(cells)} cells",
                matrix.rows[name],
                expected=f"{len(matrix.columns)} cells, one a device",
                suggestion="copy the table from a file and not from a terminal; what other rows say is taken",
            )
        )
