"""Imports what ``iblinkinfo`` prints, by device or with ``--line``: the ports of an InfiniBand fabric."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.errors import InputError
from planner.formats.lanes import GIGABIT, LANE_GIGABITS
from planner.formats.reading.infiniband.device import Cable, Device
from planner.formats.reading.infiniband.fabric import Fabric, report_unrecorded, to_site
from planner.formats.reading.odd_lines import odd_lines

if TYPE_CHECKING:
    from planner.errors import Position
    from planner.formats.site.site import Site, Source

FARTHEST = 400
MOST_PORTS = 9
KINDS = {"switch": "S", "ca": "H", "router": "R", "rt": "R"}
# What a lane signals, which is more than it carries: the tool tells the first.
SIGNALLED = {
    "SDR": 2.5,
    "DDR": 5.0,
    "QDR": 10.0,
    "FDR10": 10.3125,
    "FDR": 14.0625,
    "EDR": 25.78125,
    "HDR": 53.125,
    "NDR": 106.25,
    "XDR": 212.5,
}

_HEADER = re.compile(
    r"\s*(?P<kind>Switch|CA|Router|RT):?\s+(?:(?P<guid>0x[0-9a-fA-F]+)\s+)?(?P<called>.*?):?\s*\Z"
)
_PORT = re.compile(
    r'\s*(?:(?P<guid>0x[0-9a-fA-F]+)\s+)?(?:"(?P<called>[^"]*)"\s+)?(?P<lid>\d+)\s+(?P<port>\d+)\[[^\]]*\]\s*'
    r"==\((?P<state>[^)]*)\)==>\s*(?:(?P<far_guid>0x[0-9a-fA-F]+)\s+)?"
    r'(?:(?P<far_lid>\d+)\s+(?P<far_port>\d+))?\s*\[[^\]]*\]\s*"(?P<far_called>.*?)"\s*\('
)
_RATE = re.compile(r"(\d+)X\s+([0-9.]+)\s+Gbps", re.IGNORECASE)
_IDLE = re.compile(r"\s*(?:#.*|ibwarn.*|src/.*|)\Z")


@dataclass(frozen=True)
class _Row:
    """One port that leads somewhere."""

    near: str
    port: int
    far_guid: str | None
    far_lid: int
    far_port: int
    far_called: str
    bytes_per_s: float | None
    position: Position


def recognises(source: Source) -> bool:
    """Whether `source` has ports as iblinkinfo prints them."""
    return any(_PORT.match(line) for line in source.lines[:FARTHEST])


def read(source: Source) -> Site:
    """The fabric as a site.

    Raises
    ------
    InputError
        I038 where no port is described.
    """
    reader = _Reader(source)
    for number, line in enumerate(source.lines, 1):
        reader.take(number, line)
    return to_site(reader.finished())


class _Reader:
    """Reads line by line, and finds out in the end where each port leads."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.fabric = Fabric()
        self.rows: list[_Row] = []
        self.lids: dict[int, set[str]] = defaultdict(set)
        self.ports: dict[str, set[int]] = defaultdict(set)
        self.odd: list[Position] = []
        self._header: tuple[str, str, str] | None = None
        self._current: str | None = None

    def take(self, number: int, line: str) -> None:
        """Read one line."""
        port = _PORT.match(line)
        if port:
            self._take_port(number, line, port)
        elif "==(" not in line and (header := _HEADER.match(line)):
            guid = header["guid"] or ""
            self._header = KINDS[header["kind"].lower()], guid, header["called"]
            self._current = None
            if guid:
                self._begin(number, line, guid)
        elif not _IDLE.match(line):
            self.odd.append(self.source.position(number, 1, max(1, len(line))))

    def _begin(self, number: int, line: str, guid: str) -> None:
        """Add the device that the last header names."""
        kind, _, called = self._header or ("H", "", "")
        self._current = self._add(kind, guid, called, number, line)

    def _add(self, kind: str, guid: str, called: str, number: int, line: str) -> str:
        key = f"{kind}-{int(guid, 16):016x}"
        place = self.source.position(number, 1, max(1, len(line)))
        self.fabric.record(Device(key, kind, called.strip(), place))
        return key

    def _take_port(self, number: int, line: str, port: re.Match[str]) -> None:
        if port["guid"] and port["called"] is not None:
            # In line mode a switch is told from an adapter by having more than one port, in the end.
            self._current = self._add("N", port["guid"], port["called"], number, line)
        elif self._current is None and port["guid"]:
            self._begin(number, line, port["guid"])
        if self._current is None:
            self.odd.append(self.source.position(number, 1, max(1, len(line))))
            return
        self.lids[int(port["lid"])].add(self._current)
        self.ports[self._current].add(int(port["port"]))
        if port["far_port"] is not None:
            self._take_link(self._current, number, port)

    def _take_link(self, near: str, number: int, port: re.Match[str]) -> None:
        start, end = port.span("far_called")
        place = self.source.position(number, start + 1, max(1, end - start))
        speed = _bandwidth(port["state"])
        if speed is None:
            self.fabric.speedless.append(place)
        self.rows.append(
            _Row(
                near,
                int(port["port"]),
                port["far_guid"],
                int(port["far_lid"]),
                int(port["far_port"]),
                port["far_called"].strip(),
                speed,
                place,
            )
        )

    def finished(self) -> Fabric:
        """The fabric, once all lines are read."""
        if not self.rows:
            raise InputError.of(
                "I038",
                f"{self.source.name} describes no link",
                expected="what iblinkinfo prints",
                position=self.source.position(1),
            )
        self.fabric.findings += odd_lines(
            "I040", "line that iblinkinfo does not print", self.odd, "a device or a port"
        )
        called: dict[str, list[str]] = defaultdict(list)
        for key, device in self.fabric.devices.items():
            called[device.description].append(key)
        for row in self.rows:
            far = self._far(row, called)
            self.fabric.cables.append(
                Cable((row.near, row.port), (far, row.far_port), row.bytes_per_s, row.position)
            )
        _tell_apart(self.fabric, self.ports)
        report_unrecorded(self.fabric)
        return self.fabric

    def _far(self, row: _Row, called: dict[str, list[str]]) -> str:
        """Key of the device that a port leads to: by GUID, by LID, by name, or else one made for it."""
        if row.far_guid:
            key = f"N-{int(row.far_guid, 16):016x}"
        else:
            candidates = self.lids.get(row.far_lid, set()) if row.far_lid else set()
            named = [key for key in called.get(row.far_called, ()) if key in candidates or not candidates]
            if len(named) == 1:
                return named[0]
            if len(candidates) == 1:
                return next(iter(candidates))
            key = f"H-{row.far_called or row.near}-{row.far_lid}-{row.far_port}"
        self.fabric.mention(Device(key, key[0], row.far_called, row.position))
        return key


def _bandwidth(state: str) -> float | None:
    """Bandwidth of ``4X 53.125 Gbps``; None where it is not told, or no such speed is known."""
    rate = _RATE.search(state)
    if not rate:
        return None
    told = float(rate[2])
    name = min(SIGNALLED, key=lambda speed: abs(SIGNALLED[speed] - told))
    if abs(SIGNALLED[name] - told) > 0.05 * told:
        return None
    return int(rate[1]) * LANE_GIGABITS[name] * GIGABIT


def _tell_apart(fabric: Fabric, ports: dict[str, set[int]]) -> None:
    """Make switches of the devices of unknown kind that have several ports, adapters of the others.

    A line bears the GUID of the port: ports of one adapter have its name and a number each.
    """
    unknown = [key for key in fabric.devices if key.startswith("N-")]
    switches = {key for key in unknown if len(ports[key]) > 1}
    first: dict[tuple[str, int], str] = {}
    same: dict[str, str] = {}
    for key in unknown:
        called = fabric.devices[key].description
        if key not in switches and not fabric.devices[key].nameless:
            taken = [first[called, port] for port in range(1, MOST_PORTS) if (called, port) in first]
            apart = all((called, port) not in first for port in ports[key])
            same[key] = taken[0] if taken and apart else key
            first |= {(called, port): same[key] for port in ports[key]}
    fabric.cables = [
        Cable(
            (same.get(cable.near[0], cable.near[0]), cable.near[1]),
            (same.get(cable.far[0], cable.far[0]), cable.far[1]),
            cable.bytes_per_s,
            cable.position,
        )
        for cable in fabric.cables
    ]
    fabric.devices = {
        key: replace(device, kind="S" if key in switches else "H") if device.kind == "N" else device
        for key, device in fabric.devices.items()
        if same.get(key, key) == key
    }
