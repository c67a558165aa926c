"""Imports topologies of SimAI: GPUs, the NVLink switch of each server, network switches and links."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from planner.errors import InputError, Problem
from planner.formats.reading.odd_lines import odd_lines
from planner.formats.site.site import Host, Link, Nic, Node, Site, Switch
from planner.units import LARGEST_BANDWIDTH, LEAST_BANDWIDTH

if TYPE_CHECKING:
    from planner.errors import Position
    from planner.formats.site.site import Source

_HEAD = re.compile(
    r"\s*(\d{1,9})\s+(\d{1,9})\s+(\d{1,9})\s+(\d{1,9})\s+(\d{1,9})\s+([A-Za-z][A-Za-z0-9_.-]*)\s*\Z"
)
_LINK = re.compile(
    r"\s*(\d{1,9})\s+(\d{1,9})\s+([0-9.]+)\s*([KMGT]?)(b|B)(?:ps|/s)\s+([0-9.]+)\s*([a-z]*)\s+([0-9.eE+-]+)\s*\Z"
)
_SCALE = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
LARGEST_SERVER = 1024
MOST_GPUS = 500_000


@dataclass
class _Cables:
    """Links as the file lists them, and what could not be read."""

    links: list[tuple[int, int, float, Position]] = field(default_factory=list)
    odd: list[Position] = field(default_factory=list)


def recognises(source: Source) -> bool:
    """Whether `source` begins as a topology of SimAI does."""
    lines = [line for line in source.lines[:50] if line.strip()]
    return len(lines) > 2 and _HEAD.match(lines[0]) is not None and _is_numbers(lines[1])


def _is_numbers(line: str) -> bool:
    return all(word.isdecimal() for word in line.split())


def read(source: Source) -> Site:
    """The cluster as a site: a host for each server, with a NIC for each GPU that has links.

    Raises
    ------
    InputError
        I038 where the first line is not the one of such a file.
    """
    head = _HEAD.match(source.lines[0]) if source.lines else None
    if head is None or not 1 <= int(head[2]) <= LARGEST_SERVER:
        raise InputError.of(
            "I038",
            f"{source.name} does not begin as a topology of SimAI",
            expected="nodes, GPUs a server, NVLink switches, switches, links and the GPU model",
            position=source.position(1),
        )
    nodes, per_server, nvlink, switches, links = (int(head[group]) for group in range(1, 6))
    gpus = nodes - nvlink - switches
    cables = _read_cables(source)
    site = Site(node=Node(gpus=per_server, gpu_model=head[6]))
    _report(site, source, cables, links)
    if not 0 < gpus <= MOST_GPUS:
        raise InputError.of(
            "I038",
            f"{gpus:,} GPUs beside the switches",
            expected=f"1 to {MOST_GPUS:,}",
            position=source.position(1),
        )
    _Builder(site, gpus, per_server, nvlink).build(cables)
    return site


def _read_cables(source: Source) -> _Cables:
    cables = _Cables()
    for number, line in enumerate(source.lines[1:], 2):
        match = _LINK.match(line)
        if match:
            scale = _SCALE[match[4]] * (1 if match[5] == "B" else 1 / 8)
            place = source.position(number, 1, max(1, len(line.rstrip())))
            speed = _number(match[3]) * scale
            if LEAST_BANDWIDTH <= speed <= LARGEST_BANDWIDTH:
                cables.links.append((int(match[1]), int(match[2]), speed, place))
            else:
                cables.odd.append(place)
        elif line.strip() and not _is_numbers(line):
            cables.odd.append(source.position(number, 1, max(1, len(line))))
    return cables


def _number(text: str) -> float:
    """A number that has no more than one point, or 0."""
    return float(text) if text.count(".") <= 1 and text != "." else 0.0


def _report(site: Site, source: Source, cables: _Cables, promised: int) -> None:
    """Report lines that are no links, and a number of links other than the first line says."""
    site.findings += odd_lines(
        "I040", "line that is no link", cables.odd, "two nodes, bandwidth, latency, loss"
    )
    if len(cables.links) != promised:
        site.findings.append(
            Problem(
                "I041",
                f"the first line promises {promised:,} links; {len(cables.links):,} follow",
                source.position(1),
                "as many links as promised; the file may be cut short",
            )
        )


class _Builder:
    """Makes hosts of GPUs, and switches of the nodes behind those of NVLink."""

    def __init__(self, site: Site, gpus: int, per_server: int, nvlink: int) -> None:
        self.site = site
        self.gpus = gpus
        self.per_server = per_server
        self.first_switch = gpus + nvlink
        self.nics: dict[str, dict[int, int]] = defaultdict(dict)
        servers = -(-gpus // per_server)
        self.width = len(str(servers - 1))

    def build(self, cables: _Cables) -> None:
        """Add hosts, switches and links; the links inside of servers give the NVLink bandwidth."""
        inside: Counter[float] = Counter()
        for gpu in range(self.gpus):
            self._host(gpu, None)
        for one, other, speed, place in cables.links:
            low, high = sorted((one, other))
            if self.gpus <= high < self.first_switch:
                inside[speed] += 1
            elif high >= self.first_switch:
                self._link(low, high, speed, place)
        if inside:
            self.site.node.scale_up_bytes_per_s = inside.most_common(1)[0][0]
        for host in self.site.hosts.values():
            last = host.node.gpus or 0
            host.node.gpus = None if last == self.per_server else last

    def _host(self, gpu: int, place: Position | None) -> Host:
        name = f"server{gpu // self.per_server:0{self.width}d}"
        host = self.site.hosts.setdefault(name, Host(name, Node(gpus=0, nics=[]), position=place))
        if place is None:
            host.node.gpus = (host.node.gpus or 0) + 1
        return host

    def _link(self, low: int, high: int, speed: float, place: Position) -> None:
        above = self._switch(high, place)
        if low >= self.first_switch:
            self.site.links.append(Link((self._switch(low, place), above), speed, position=place))
            return
        if low >= self.gpus:
            return  # An NVLink switch has no way out.
        host = self._host(low, place)
        host.position = host.position or place
        index = self._nic(host, low % self.per_server, speed)
        self.site.links.append(Link((host.name, above), speed, nic=index, position=place))

    def _nic(self, host: Host, gpu: int, speed: float) -> int:
        """Index of the NIC of a GPU, whose links add up: those of two planes are one NIC's."""
        nics = host.node.nics if host.node.nics is not None else []
        index = self.nics[host.name].setdefault(gpu, len(nics))
        if index == len(nics):
            nics.append(Nic("", 0.0, gpu))
        nics[index].bytes_per_s = (nics[index].bytes_per_s or 0.0) + speed
        return index

    def _switch(self, number: int, place: Position) -> str:
        name = f"switch{number}"
        self.site.switches.setdefault(name, Switch(name, position=place))
        return name
