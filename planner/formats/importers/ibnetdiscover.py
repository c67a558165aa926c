"""Imports what ``ibnetdiscover`` prints: InfiniBand switches, adapters and the links between them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from planner.errors import InputError
from planner.formats.reading.infiniband.device import Cable, Device
from planner.formats.reading.infiniband.fabric import Fabric, bandwidth, key_of, report_unrecorded, to_site
from planner.formats.reading.odd_lines import odd_lines

if TYPE_CHECKING:
    from planner.errors import Position
    from planner.formats.site.site import Site, Source

LISTED_KINDS = {"SW": "S", "CA": "H", "RT": "R"}
KINDS = {"switch": "S", "ca": "H", "hca": "H", "fca": "H", "rt": "R", "router": "R"}
FARTHEST = 2_000

_RECORD = re.compile(r'\s*(?P<kind>[A-Za-z]+)\s+\d+\s+"(?P<key>[^"]+)"(?:\s*#\s*"(?P<called>.*)")?')
_PORT = re.compile(
    r"\s*\[(?P<port>\d+)\](?:\[ext[^\]]*\])?(?:\([0-9a-fA-Fx]+\))?\s*"
    r'"(?P<key>[^"]+)"\s*\[(?P<far>\d+)\](?:\[ext[^\]]*\])?(?:\([0-9a-fA-Fx]+\))?(?P<rest>.*)'
)
# A line of ``ibnetdiscover --ports``: both ends of one link, or a port that leads nowhere.
_LISTED = re.compile(
    r"\s*(?P<kind>CA|SW|RT)\s+\d+\s+(?P<port>\d+)\s+(?P<key>0x[0-9a-fA-F]+)\s+(?P<speed>\S+\s+\S+)\s+"
    r"(?:-\s+(?P<far_kind>CA|SW|RT)\s+\d+\s+(?P<far_port>\d+)\s+(?P<far_key>0x[0-9a-fA-F]+)\s+"
    r"\(\s*'(?P<called>.*)'\s+-\s+'(?P<far_called>.*)'\s*\)|'.*')\s*\Z"
)
_CALLED = re.compile(r'"(.*)"')
# Lines that say nothing about who is joined to whom.
_IDLE = re.compile(
    r"\s*(?:#.*|[a-z]+=.*|module\b.*|ibwarn.*|src/.*|(?:Non-)?Chassis\b.*|(?:Spine|Line) Nodes.*|-+|=+|)\Z"
)


def recognises(source: Source) -> bool:
    """Whether `source` has records of InfiniBand devices with links."""
    head = source.lines[:FARTHEST]
    records = map(_RECORD.match, head)
    return any(record and record["kind"].lower() in KINDS for record in records) or any(
        map(_LISTED.match, head)
    )


def read(source: Source) -> Site:
    """The fabric as a site.

    Raises
    ------
    InputError
        I038 where no device is described.
    """
    fabric = Fabric()
    current: str | None = None
    odd: list[Position] = []
    for number, line in enumerate(source.lines, 1):
        record = _RECORD.match(line)
        if record and record["kind"].lower() in KINDS:
            current = _add_device(fabric, source, number, record)
        elif (port := _PORT.match(line)) and current:
            _add_cable(fabric, source, number, current, port)
        elif listed := _LISTED.match(line):
            _add_listed(fabric, source, number, listed)
        elif not _IDLE.match(line):
            odd.append(source.position(number, 1, max(1, len(line))))
    if not fabric.devices:
        raise InputError.of(
            "I038",
            f"{source.name} describes no switch and no adapter",
            expected="what ibnetdiscover prints",
            position=source.position(1),
        )
    _report_odd(fabric, odd)
    report_unrecorded(fabric)
    return to_site(fabric)


def _place(source: Source, number: int, match: re.Match[str]) -> Position:
    """Where the key of a device stands."""
    start, end = match.span("key")
    return source.position(number, start + 1, end - start)


def _add_device(fabric: Fabric, source: Source, number: int, record: re.Match[str]) -> str:
    """Add what a record's first line describes; its key."""
    key = key_of(record["key"])
    place = _place(source, number, record)
    fabric.record(Device(key, KINDS[record["kind"].lower()], (record["called"] or "").strip(), place))
    return key


def _add_cable(fabric: Fabric, source: Source, number: int, current: str, port: re.Match[str]) -> None:
    """Add the link of one port, and the far device where it has no record before."""
    key = key_of(port["key"])
    place = _place(source, number, port)
    called = _CALLED.search(port["rest"])
    if key not in fabric.devices:
        kind = key[0] if key[0] in "SHR" and key[1:2] == "-" else "H"
        fabric.mention(Device(key, kind, called[1].strip() if called else "", place))
    speed = bandwidth(_CALLED.sub("", port["rest"]))
    fabric.cables.append(Cable((current, int(port["port"])), (key, int(port["far"])), speed, place))
    if speed is None:
        fabric.speedless.append(place)


def _add_listed(fabric: Fabric, source: Source, number: int, listed: re.Match[str]) -> None:
    """Add the devices and the link of a line that lists a port."""
    if listed["far_key"] is None:
        return
    place = _place(source, number, listed)
    ends = []
    for side in ("", "far_"):
        kind = LISTED_KINDS[listed[f"{side}kind"]]
        key = key_of(f"{kind}-{listed[f'{side}key'].removeprefix('0x')}")
        fabric.record(Device(key, kind, listed[f"{side}called"].strip(), place))
        ends.append((key, int(listed[f"{side}port"])))
    speed = bandwidth(listed["speed"])
    fabric.cables.append(Cable(ends[0], ends[1], speed, place))
    if speed is None:
        fabric.speedless.append(place)


def _report_odd(fabric: Fabric, odd: list[Position]) -> None:
    """Report lines that could not be read."""
    fabric.findings += odd_lines("I040", "line that ibnetdiscover does not print", odd, "a record or a port")
