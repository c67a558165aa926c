"""Models and health of GPUs, from what `nvidia-smi` and the kernel's log say about each."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from planner.errors import Problem
from planner.formats.reading.inside import query
from planner.formats.reading.inside.parts import SWITCH, Gpu
from planner.formats.reading.inside.topo_matrix import ESCAPE
from planner.topology.schema import MOST_GPUS_A_NODE

if TYPE_CHECKING:
    from planner.errors import Position

LONGEST_LINE = 1000
FATAL_XIDS = {48: "double-bit memory error", 79: "fallen off the bus", 95: "uncontained memory error"}
FATAL_XIDS |= {119: "no answer from its system processor", 120: "error of its system processor"}

_LISTED = re.compile(r"GPU (\d{1,5}): (.+?) \(UUID: [^)]*\)")
_LINK = re.compile(r"\s+Link \d{1,3}: (?:(<?inactive>?)|([0-9.]{1,9}) GB/s)")
_MIG = re.compile(r"\s+MIG \S+\s+Device\s+\d+:")
_TABLE = re.compile(
    r"\|\s+(\d{1,5})\s+(\S.*?)\s+(?:On|Off|N/A|ERR!)\s*\|\s*([0-9A-Fa-f]{4,8}:[0-9A-Fa-f:.]+)\s[^|]*\|(.*)\|"
)
_BUS = re.compile(r"([0-9A-Fa-f]{4,8}):([0-9A-Fa-f]{2}):([0-9A-Fa-f]{2})(?:\.[0-7])?")
_LOST = re.compile(
    r"Unable to determine the device handle for GPU\s?(?:(\d{1,4}):)?\s*"
    r"([0-9A-Fa-f]{3,8}:[0-9A-Fa-f:.]*[0-9A-Fa-f]):?\s*(.*)"
)
_XID = re.compile(r"NVRM: Xid \(PCI:([0-9A-Fa-f:.]+)\): (\d{1,4}),?\s*(.*)")


@dataclass
class Report:
    """What is said of one GPU.

    Parameters
    ----------
    bus
        Its place, as the text writes it.
    links
        Active NVLinks; None where nothing lists them.
    lost
        Whether the driver has lost it, so that no other report counts it.
    """

    index: int | None = None
    bus: str = ""
    called: str = ""
    down: str | None = None
    links: int | None = None
    lost: bool = False
    mig: bool = False
    erred: list[str] = field(default_factory=list)
    position: Position | None = None


def _plain(line: Position) -> Position:
    """A line without colours, and no longer than any that says something."""
    text = ESCAPE.sub("", line.text[:LONGEST_LINE])
    return line if text == line.text else replace(line, text=text)


class Reports:
    """All that a text says of GPUs, apart from the matrix between them."""

    def __init__(self, lines: list[Position], findings: list[Problem]) -> None:
        self.findings = findings
        self._all: list[Report] = []
        self._by_bus: dict[str, Report] = {}
        self._by_index: dict[int, Report] = {}
        self._last: Report | None = None
        lines = [_plain(line) for line in lines]
        for line in lines:
            if line.text.strip():
                self._line(line.text, line)
        for values, at in (*query.blocks(lines), *query.rows(lines)):
            self._values(values, at)

    def complete(self, gpus: list[Gpu]) -> list[Gpu]:
        """The GPUs of the matrix, those that only reports name, and the lost ones; each as reported."""
        numbered = max((each.index + 1 for each in self._all if each.index is not None), default=0)
        count = max(len(gpus), numbered)
        for report in self._all:
            if report.index is None and report.lost:
                report.index, count = count, count + 1
        gpus = gpus + [Gpu() for _ in range(len(gpus), count)]
        for report in self._all:
            self._apply(report, gpus)
        return gpus

    def _apply(self, report: Report, gpus: list[Gpu]) -> None:
        name = f"GPU at {report.bus}" if report.index is None else f"GPU {report.index}"
        if report.mig:
            report.down = report.down or "cut into MIG instances"
            advice = "it is taken to be out of service"
            self._find("I068", f"{name} is cut into MIG instances", report, advice)
        elif report.down:
            advice = "find its number with nvidia-smi" if report.index is None else "reset or replace it"
            self._find("I064", f"{name} is out of service: {report.down}", report, advice)
        for what in report.erred:
            advice = "it stays in service; name it under down in the file if it should not"
            self._find("I071", f"{name} has erred: {what}", report, advice)
        if report.index is not None:
            gpu = gpus[report.index]
            gpu.called = gpu.called or report.called
            gpu.position = gpu.position or report.position
            gpu.down = gpu.down or report.down
            if gpu.peers is None and report.links is not None:
                gpu.peers = {SWITCH: report.links} if report.links else {}

    def _find(self, code: str, message: str, report: Report, suggestion: str) -> None:
        self.findings.append(Problem(code, message, report.position, suggestion=suggestion))

    def _line(self, line: str, at: Position) -> None:
        """Take what a line says by itself."""
        if listed := _LISTED.match(line):
            self._last = self._report(int(listed[1]), None, at)
            self._name(self._last, listed[2])
        elif row := _TABLE.match(line):
            self._last = self._report(int(row[1]), row[3], at)
            self._name(self._last, row[2])
            self._health(self._last, {"ecc": row[4]}, at)
        elif self._last and _MIG.match(line):
            self._last.mig = True
        elif self._last and (link := _LINK.match(line)):
            self._last.links = (self._last.links or 0) + (link[2] is not None)
        elif self._last and line.startswith("|") and "ERR!" in line:
            self._health(self._last, {"": "ERR!"}, at)
        else:
            self._log(line, at)

    def _log(self, line: str, at: Position) -> None:
        """Take what a line of a log says."""
        if lost := _LOST.search(line):
            report = self._report(int(lost[1]) if lost[1] else None, lost[2], at)
            report.down, report.lost, report.position = lost[3].strip(" .") or "no device handle", True, at
        elif xid := _XID.search(line):
            report = self._report(None, xid[1], at)
            report.position, code = at, int(xid[2])
            if code in FATAL_XIDS:
                report.down = f"Xid {code}, {FATAL_XIDS[code]}"
            else:
                report.erred = sorted({*report.erred, f"Xid {code}"})

    def _values(self, values: dict[str, str], at: Position) -> None:
        """Take the values that a query gives for one GPU."""
        index = int(values["index"][:9]) if values.get("index", "").isdecimal() else None
        report = self._report(index, values.get("bus"), at)
        self._name(report, values.get("name", ""))
        self._health(report, values, at)

    @staticmethod
    def _name(report: Report, name: str) -> None:
        name = name.strip()
        if name and "err" not in name.lower() and not name.startswith("["):
            report.called = name

    @staticmethod
    def _health(report: Report, values: dict[str, str], at: Position) -> None:
        down, erred, mig = query.health(values)
        if down or erred or mig:
            report.position = at
        report.down = report.down or down
        report.erred += [what for what in erred if what not in report.erred]
        report.mig = report.mig or mig

    def _report(self, index: int | None, bus: str | None, at: Position) -> Report:
        """The report of a GPU, by its number or its place on the bus."""
        key = _bus(bus)
        if index is not None and index >= MOST_GPUS_A_NODE:
            index = None
        report = self._by_bus.get(key) if key else None
        if report is None and index is not None:
            report = self._by_index.get(index)
        if report is None:
            report = Report(bus=bus or "", position=at)
            self._all.append(report)
        if index is not None and index not in self._by_index and report.index is None:
            report.index = index
            self._by_index[index] = report
        if key:
            self._by_bus.setdefault(key, report)
        return report


def _bus(text: str | None) -> str | None:
    """Domain, bus and device of a PCI address, in one form."""
    found = _BUS.search(text or "")
    return f"{found[1][-4:]}:{found[2]}:{found[3]}".lower() if found else None
