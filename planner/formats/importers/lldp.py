"""Imports who is plugged in where from LLDP: ``lldpcli -f json`` (or json0) of a device, and NetQ."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from planner.errors import InputError, Problem
from planner.formats.reading.structured import (
    Places,
    documents,
    mapping,
    recognised_documents,
    sequence,
    word,
)
from planner.formats.reading.truncated import completed
from planner.formats.site.labels import clean
from planner.formats.site.site import Host, Link, Site, Source, Switch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.errors import Position

_HOST_PORT = re.compile(r"(?:eth|en[opsx]|ib|bond|mlx|rdma|roce)[a-z0-9._]*\Z")
_SWITCH_PORT = re.compile(r"(?:swp|ethernet|eth\d+/|et-|xe-|ge-|gi|te|fo|hu|port)", re.IGNORECASE)
_SWITCH_SYSTEM = re.compile(
    r"cumulus|sonic|arista|nx-os|junos|onyx|cisco ios|mlnx-os|dell.*os10", re.IGNORECASE
)
_SPEED = re.compile(r"(\d+)\s*(Gig|G|T)?\s*base", re.IGNORECASE)
_UNIT = {"": 1e6, "g": 1e9, "gig": 1e9, "t": 1e12}
# Parts of the name of a file that say what is in it, not of whom.
_FILE_WORDS = re.compile(r"(?:lldp(?:cli|ctl)?|neighbou?rs?|json0?|show|details?)", re.IGNORECASE)
_CHASSIS_KEYS = frozenset({"id", "descr", "mgmt-ip", "capability", "mgmt-iface"})
# What joins the two names of a link of NetQ's.
NETQ_BETWEEN = "-*-"


def recognises(source: Source) -> bool:
    """Whether `source` lists neighbours as lldpcli or NetQ does."""
    if '"lldp"' in source.text[:4096]:
        return True
    return '"compounded_nodes"' in source.text and any(map(_netq, recognised_documents(source)))


def read(source: Source) -> Site:
    """The neighbours of one device, or of all that NetQ knows, as a site.

    Raises
    ------
    InputError
        I019 where it is no JSON, I038 where no neighbour is named.
    """
    reader = _Reader(source)
    for document in _read(source, reader.site):
        reader.take(document)
    if not reader.site.links:
        raise InputError.of(
            "I038",
            f"{source.name} names no neighbour",
            expected="what lldpcli -f json show neighbors prints, or NetQ's topology",
            position=source.position(1),
        )
    return reader.site


def _read(source: Source, site: Site) -> list[Any]:
    """The documents; those of a text that was cut off end where it does, with a finding."""
    try:
        return documents(source)
    except InputError:
        found = documents(Source(source.name, completed(source.text)))
    site.findings.append(
        Problem(
            "I041", "the file ends before its JSON does", source.position(len(source.lines)), "a whole file"
        )
    )
    return found


def _netq(document: object) -> list[dict[str, Any]]:
    """Graphs of NetQ in a document."""
    return [
        mapping(each) for each in sequence(document) if "compounded_nodes" in str(mapping(each).get("nodes"))
    ]


class _Reader:
    """Gathers devices and links of one source."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.site = Site()
        self.places = Places(source)

    def take(self, document: object) -> None:
        """Read one document: of lldpcli, of several devices by name, or of NetQ."""
        for graph in _netq(document):
            self._take_graph(graph)
        top = mapping(document)
        if "lldp" in top:
            self._take_lldp(_local_name(self.source.name), top["lldp"])
        for name, own in top.items():
            if "lldp" in mapping(own):
                self._take_lldp(clean(name), own["lldp"])

    def _take_lldp(self, local: str, value: object) -> None:
        """Read the neighbours of one device, or a table of them."""
        rows = [
            row for row in map(mapping, sequence(value)) if "peer_hostname" in row or "peer_ifname" in row
        ]
        for row in rows:
            self._take_row(row)
        ports = [
            (name, data)
            for each in (value if isinstance(value, list) else [value])
            for name, data in _named(mapping(each).get("interface"))
        ]
        own_kind = "host" if ports and all(_HOST_PORT.match(name) for name, _ in ports) else "switch"
        for name, data in ports:
            if own_kind == "switch" and _HOST_PORT.match(name):
                continue  # The port of its management, which carries no traffic of jobs.
            for called, chassis in _named(data.get("chassis")):
                self._take_neighbour(local, own_kind, name, data, called, chassis)

    def _take_neighbour(
        self, local: str, own_kind: str, port: str, data: dict[str, Any], called: str, chassis: dict[str, Any]
    ) -> None:
        """Add the link of one port."""
        far_port = _far_port(data)
        identity = called or _text(chassis.get("id"))
        if not identity:
            return
        place = self.places.of(identity) or self.source.position(1)
        if not called:
            self.site.findings.append(
                Problem(
                    "I045", f"neighbour without a name at {port}; called {clean(identity)!r}", place, "a name"
                )
            )
        kind = "switch" if own_kind == "host" else _kind(chassis, far_port)
        self._link((local, own_kind), (clean(identity), kind), _speed(data), place)

    def _take_row(self, row: dict[str, Any]) -> None:
        """Add the link of one row of NetQ's table."""
        ends = []
        for name, port in (("hostname", "ifname"), ("peer_hostname", "peer_ifname")):
            kind = "host" if _HOST_PORT.match(word(row.get(port)) or "") else "switch"
            ends.append((clean(word(row.get(name)) or ""), kind))
        one, other = ends
        if one[0] and other[0]:
            pair = frozenset((one[0], other[0]))
            known = any(frozenset(link.ends) == pair for link in self.site.links)
            if not known:
                self._link(
                    one, other, None, self.places.of(word(row.get("hostname"))) or self.source.position(1)
                )

    def _take_graph(self, graph: dict[str, Any]) -> None:
        """Read a graph of NetQ: nodes with a tier, -1 for hosts, and links between their identities."""
        known: dict[str, tuple[str, str]] = {}
        for group in map(mapping, sequence(graph.get("nodes"))):
            for node in map(mapping, sequence(group.get("compounded_nodes"))):
                name, identity = word(node.get("name")), word(node.get("id"))
                if name and identity:
                    known[identity] = clean(name), "host" if node.get("tier") == -1 else "switch"
        for link in map(mapping, sequence(graph.get("links"))):
            identity = word(link.get("id")) or ""
            ends = identity.split(NETQ_BETWEEN)
            place = self.places.of(identity) or self.source.position(1)
            if len(ends) != 2 or not known.keys() >= set(ends):
                self.site.findings.append(Problem("I033", f"link {identity!r} between no two nodes", place))
                continue
            parallel = len(sequence(link.get("compounded_links"))) or 1
            self._link(known[ends[0]], known[ends[1]], None, place, parallel)

    def _link(
        self,
        one: tuple[str, str],
        other: tuple[str, str],
        speed: float | None,
        place: Position,
        count: int = 1,
    ) -> None:
        for name, kind in (one, other):
            if kind == "switch":
                self.site.switches.setdefault(name, Switch(name, position=place))
            else:
                self.site.hosts.setdefault(name, Host(name, position=place))
        self.site.links.append(Link((one[0], other[0]), speed, count, position=place))


def _local_name(file: str) -> str:
    """The device that a file is of, by the file's name: ``lldp_leaf0.json`` is of leaf0."""
    stem = PurePath(file).name.partition(".")[0]
    return clean(_FILE_WORDS.sub("", stem).strip("_-. ")) or "local"


def _named(value: object) -> Iterator[tuple[str, dict[str, Any]]]:
    """Things with their names, in each of the ways that lldpcli writes them."""
    for each in value if isinstance(value, list) else [value]:
        item = mapping(each)
        if "name" in item:
            yield _text(item["name"]), item
        elif item.keys() & _CHASSIS_KEYS:
            yield "", item
        else:
            for name, own in item.items():
                yield name, mapping(own[0] if isinstance(own, list) and own else own)


def _text(value: object) -> str:
    """A text, which may be the value of a mapping, or the first of a list."""
    if isinstance(value, list):
        return _text(value[0]) if value else ""
    if isinstance(value, dict):
        return _text(value.get("value"))
    return word(value) or ""


def _far_port(data: dict[str, Any]) -> str:
    """What a neighbour calls its port."""
    port = data.get("port")
    own = mapping(port[0] if isinstance(port, list) and port else port)
    identity = own.get("id")
    first = mapping(identity[0] if isinstance(identity, list) and identity else identity)
    return _text(identity) if first.get("type") == "ifname" else _text(own.get("descr"))


def _kind(chassis: dict[str, Any], port: str) -> str:
    """Whether a neighbour of a switch is a host or a switch, by what it says of itself and its port."""
    capable = {
        (word(each.get("type")) or "").lower()
        for each in map(mapping, sequence(chassis.get("capability")))
        if each.get("enabled") is True
    }
    if "station" in capable:
        return "host"
    if _SWITCH_SYSTEM.search(_text(chassis.get("descr"))) or _SWITCH_PORT.match(port):
        return "switch"
    # Hosts with bridges or routes of their own say that they are bridges and routers.
    return "host" if _HOST_PORT.match(port) or not capable & {"bridge", "router"} else "switch"


def _speed(data: dict[str, Any]) -> float | None:
    """Bandwidth of a port, where it is told as ``100GbaseCR4`` or ``1000BaseT``."""
    port = data.get("port")
    own = mapping(port[0] if isinstance(port, list) and port else port)
    negotiated = own.get("auto-negotiation")
    current = mapping(negotiated[0] if isinstance(negotiated, list) and negotiated else negotiated).get(
        "current"
    )
    match = _SPEED.search(_text(current))
    return int(match[1]) * _UNIT[(match[2] or "").lower()] / 8 if match else None
