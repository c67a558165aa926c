"""What InfiniBand tools say of a fabric, and the site that this is."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from planner.errors import Position, Problem
from planner.formats.lanes import GIGABIT, LANE_GIGABITS
from planner.formats.reading.infiniband.bystanders import set_aside
from planner.formats.reading.infiniband.unnamed import place_unnamed
from planner.formats.reading.odd_lines import odd_lines
from planner.formats.site.labels import clean, unique
from planner.formats.site.site import Host, Link, Nic, Site, Switch
from planner.topology.names import natural

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.formats.reading.infiniband.device import Cable, Device

_SPEED = re.compile(r"(?<![0-9])(1|2|4|8|12)x\s?([A-Z]{3}[0-9]*)\b", re.IGNORECASE)
_AGGREGATION = re.compile(r"aggregation node", re.IGNORECASE)
_ADAPTER = re.compile(
    r"(?:HCA-|mlx\d+_|hfi1_|qib|mthca|ib|bnxt_re|irdma|rdma|roce|efa_|hca)[A-Za-z0-9_]*\Z", re.IGNORECASE
)
MOST_NOTED = 20


@dataclass
class Fabric:
    """All devices and cables that a tool lists.

    Parameters
    ----------
    devices
        By key.
    recorded
        Keys of the devices that have a record, and are not only mentioned by others.
    speedless
        Where links stand whose bandwidth is not known.
    """

    devices: dict[str, Device] = field(default_factory=dict)
    cables: list[Cable] = field(default_factory=list)
    findings: list[Problem] = field(default_factory=list)
    recorded: set[str] = field(default_factory=set)
    speedless: list[Position] = field(default_factory=list)

    def mention(self, device: Device) -> None:
        """Add a device that another one names."""
        self.devices.setdefault(device.key, device)

    def record(self, device: Device) -> None:
        """Add a device that is described itself; what others call it counts only where it has no name."""
        known = self.devices.get(device.key)
        if known is None or known.nameless or not (device.nameless or device.key in self.recorded):
            self.devices[device.key] = device
        self.recorded.add(device.key)


def key_of(text: str) -> str:
    """The same key for one GUID, with leading zeros or without: its letter and sixteen digits."""
    letter, dash, digits = text.partition("-")
    if dash and letter in "SHR" and re.fullmatch(r"[0-9a-fA-F]{1,16}", digits):
        return f"{letter}-{int(digits, 16):016x}"
    return text


def bandwidth(text: str) -> float | None:
    """Bandwidth of ``4xNDR``, the last such word of `text`; None where there is none or it is not known."""
    found = [
        int(width) * LANE_GIGABITS[speed.upper()] * GIGABIT
        for width, speed in _SPEED.findall(text)
        if speed.upper() in LANE_GIGABITS
    ]
    return found[-1] if found else None


def report_unrecorded(fabric: Fabric) -> None:
    """Report devices that only others mention, and links without a bandwidth that is known."""
    missing = [device for key, device in fabric.devices.items() if key not in fabric.recorded]
    if missing:
        first = missing[0]
        fabric.findings += odd_lines(
            "I041",
            f"{first.description or first.key!r} has no record of its own",
            [device.position for device in missing],
            "a record of each device; the file may be cut short",
        )
    fabric.findings += odd_lines(
        "I049",
        "link without a bandwidth that is known",
        fabric.speedless,
        "a width and a speed, such as 4xNDR",
    )


def to_site(fabric: Fabric) -> Site:
    """The site that a fabric is: its switches, its hosts with their adapters, and their links."""
    site = Site(findings=fabric.findings)
    cables = _paired(fabric)
    names = _switch_names(site, fabric)
    _leave_out(site, fabric, cables)
    adapters = [device for device in fabric.devices.values() if _is_adapter(device)]
    ends = _leaf_ends(cables, names, {device.key for device in adapters})
    owners = _owners(site, adapters)
    place_unnamed(site, owners, [each for each in adapters if each.key not in owners], ends, names)
    nics = _add_hosts(site, adapters, owners, cables)
    for cable in cables:
        near, far = (_end(end[0], names, owners) for end in (cable.near, cable.far))
        if near and far:
            nic = nics.get(cable.near[0], nics.get(cable.far[0]))
            site.links.append(Link((near, far), cable.bytes_per_s, 1, nic, cable.position))
    _report_slow(site)
    set_aside(site)
    return site


def _end(key: str, names: dict[str, str], owners: dict[str, tuple[str, str]]) -> str | None:
    """The switch or host at an end of a cable; None where that is left out."""
    return names.get(key) or (owners[key][0] if key in owners else None)


def _is_adapter(device: Device) -> bool:
    return device.kind == "H" and not _AGGREGATION.search(device.description)


def _paired(fabric: Fabric) -> list[Cable]:
    """Each cable once, with the lower of two bandwidths where its ends disagree."""
    found: dict[frozenset[tuple[str, int]], Cable] = {}
    for cable in fabric.cables:
        ends = frozenset((cable.near, cable.far))
        other = found.get(ends)
        if other is None:
            found[ends] = cable
        elif other.bytes_per_s != cable.bytes_per_s and None not in (other.bytes_per_s, cable.bytes_per_s):
            fabric.findings.append(
                Problem(
                    "I048",
                    "the ends of a link tell different bandwidths; the lower one is taken",
                    cable.position,
                    "the same from both ends",
                )
            )
            found[ends] = min(other, cable, key=lambda each: each.bytes_per_s or 0.0)
        elif other.bytes_per_s is None:
            found[ends] = cable
    return list(found.values())


def _switch_names(site: Site, fabric: Fabric) -> dict[str, str]:
    """Name of each switch by its key; those without, or with another's, are told apart by GUID."""
    names: dict[str, str] = {}
    switches = [device for device in fabric.devices.values() if device.kind == "S"]
    times = Counter(device.description for device in switches)
    nameless = []
    for device in switches:
        if device.nameless:
            nameless.append(device)
            name = f"switch-{device.guid}"
        else:
            name = clean(device.description) or f"switch-{device.guid}"
            if times[device.description] > 1:
                name = f"{name}-{device.guid}"
        name = unique(name, site.switches, device.guid)
        site.switches[name] = Switch(name, position=device.position)
        names[device.key] = name
    for device in nameless[:MOST_NOTED]:
        site.findings.append(
            Problem(
                "I045",
                f"switch without a name; called {names[device.key]!r}",
                device.position,
                "a node description of its own",
            )
        )
    _report_shared(site, switches, times, "switches")
    return names


def _report_shared(site: Site, devices: Iterable[Device], times: Counter[str], noun: str) -> None:
    """Report each description that several devices share."""
    first = {device.description: device for device in reversed(list(devices)) if not device.nameless}
    for description, number in times.items():
        if number > 1 and description in first:
            site.findings.append(
                Problem(
                    "I042",
                    f"{number} {noun} are called {description!r}",
                    first[description].position,
                    "a node description for each",
                )
            )


def _leave_out(site: Site, fabric: Fabric, cables: list[Cable]) -> None:
    """Say which devices are neither hosts nor switches."""
    aggregation = sum(device.kind == "H" and not _is_adapter(device) for device in fabric.devices.values())
    if aggregation:
        site.assumptions.append(f"{aggregation} aggregation nodes, which are parts of switches, are left out")
    links = Counter(key for cable in cables for key, _ in (cable.near, cable.far))
    for device in fabric.devices.values():
        if device.kind == "R":
            site.findings.append(
                Problem(
                    "I046",
                    f"router {device.description or device.key!r} with {links[device.key]} links is left out",
                    device.position,
                    "switches and adapters",
                )
            )


def _leaf_ends(
    cables: list[Cable], switches: dict[str, str], adapters: set[str]
) -> dict[str, tuple[str, int]]:
    """Switch and port that the first cable of each adapter leads to."""
    ends: dict[str, tuple[str, int]] = {}
    for cable in cables:
        for own, other in ((cable.near, cable.far), (cable.far, cable.near)):
            if own[0] in adapters and other[0] in switches:
                ends.setdefault(own[0], (switches[other[0]], other[1]))
    return ends


def _owners(site: Site, adapters: list[Device]) -> dict[str, tuple[str, str]]:
    """Host and adapter name of each adapter that has them to itself, by key."""
    times = Counter(device.description for device in adapters)
    owners = {}
    for device in adapters:
        if not device.nameless:
            host, name = split_description(device.description)
            if host in site.switches:
                # Links name their ends, so a host that is called as a switch gets another name.
                host = f"{host}-host"
            # Adapters without names of their own are told apart by their leaves, later.
            if times[device.description] == 1 or not name:
                owners[device.key] = host, name
    with_names = [device for device in adapters if device.key not in owners]
    _report_shared(site, with_names, times, "adapters")
    return owners


def split_description(description: str) -> tuple[str, str]:
    """Host and adapter of ``node01 HCA-1``; all of it is the host where the last word is no adapter."""
    words = description.replace("'", " ").split()
    if len(words) > 1 and _ADAPTER.match(words[-1]):
        return clean("-".join(words[:-1])) or "host", words[-1]
    return clean("-".join(words)) or "host", ""


def _add_hosts(
    site: Site, adapters: list[Device], owners: dict[str, tuple[str, str]], cables: list[Cable]
) -> dict[str, int]:
    """Add the hosts with their adapters, by name; the index of each adapter, by key."""
    speeds: dict[str, float] = defaultdict(float)
    for cable in cables:
        for key, _ in (cable.near, cable.far):
            speeds[key] += cable.bytes_per_s or 0.0
    by_host: dict[str, list[Device]] = defaultdict(list)
    for device in adapters:
        by_host[owners[device.key][0]].append(device)
    nics: dict[str, int] = {}
    for name, devices in by_host.items():
        first = min(devices, key=lambda device: device.position.line)
        host = site.hosts.setdefault(name, Host(name, position=first.position))
        ordered = sorted(devices, key=lambda device: natural(owners[device.key][1]))
        host.node.nics = [Nic(owners[device.key][1], speeds[device.key] or None) for device in ordered]
        nics |= {device.key: index for index, device in enumerate(ordered)}
    return nics


def _report_slow(site: Site) -> None:
    """Report links slower than most of their kind: to hosts, or between switches."""
    speeds: dict[bool, Counter[float]] = {True: Counter(), False: Counter()}
    for link in site.links:
        if link.bytes_per_s:
            speeds[link.nic is None][link.bytes_per_s] += 1
    usual = {kind: max(counts, key=lambda speed: counts[speed]) for kind, counts in speeds.items() if counts}
    slow = [link for link in site.links if link.bytes_per_s and link.bytes_per_s < usual[link.nic is None]]
    for link in slow[:MOST_NOTED]:
        now, whole = (
            f"{(speed or 0.0) / GIGABIT:g} Gb/s" for speed in (link.bytes_per_s, usual[link.nic is None])
        )
        site.findings.append(
            Problem(
                "I044",
                f"the link between {link.ends[0]!r} and {link.ends[1]!r} runs at {now}",
                link.position,
                f"{whole}, as most links of its kind",
                "the cable, or its transceivers",
            )
        )
    if len(slow) > MOST_NOTED:
        site.findings.append(
            Problem("I044", f"{len(slow) - MOST_NOTED:,} more links are slow", slow[MOST_NOTED].position)
        )
