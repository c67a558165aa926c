"""InfiniBand's ``ibnetdiscover`` file, from which ibsim plays the fabric.

GUIDs follow from the names of things, so that a cluster written twice is the same fabric.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING

from planner.errors import UsageError
from planner.formats.lanes import GIGABIT, LANE_GIGABITS
from planner.formats.writing.cabling import cables
from planner.topology.vertices import node_names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.formats.writing.cabling import Cable
    from planner.formats.writing.options import Option
    from planner.topology.cluster import Cluster

OPTIONS: tuple[Option, ...] = ()
MOST_PORTS = 254
# Links are up to four lanes wide; of equal bandwidths the one of four lanes is the usual one.
_SPEEDS = sorted(
    (width * lane * GIGABIT, width == 4, f"{width}x{speed}")
    for speed, lane in LANE_GIGABITS.items()
    for width in (1, 2, 4)
)
_ROUNDING = 1.001


@dataclass(eq=False)
class _Device:
    """A switch or an adapter, and for each of its ports the other end and the speed."""

    key: str
    description: str
    lid: int
    ports: dict[int, tuple[_Device, int, str]] = field(default_factory=dict, repr=False)

    @property
    def guid(self) -> str:
        return self.key[2:]

    def port_guid(self, port: int) -> str:
        return f"{int(self.guid, 16) + port:016x}"


def text(cluster: Cluster, options: dict[str, str]) -> str:  # noqa: ARG001  # there are none
    """A record for every switch, and for every adapter of a node.

    Raises
    ------
    UsageError
        E040 for a switch of more ports than InfiniBand has, E041 for what InfiniBand cannot be.
    """
    links = cables(cluster)
    head = [f"# {cluster.name}"]
    slower = sum(_speed(cable.bytes_per_s)[0] * 1.01 < cable.bytes_per_s for cable in links)
    if slower:
        head.append(f"# {slower} links are written with the next lower speed that InfiniBand has")
    records = ["\n".join(_record(device)) for device in _devices(cluster, links)]
    return "\n\n".join(["\n".join(head), *records, ""])


def _devices(cluster: Cluster, links: list[Cable]) -> list[_Device]:
    """Switches, then adapters in the order of nodes, all with their ports."""
    hosts = dict(zip(node_names(cluster), cluster.host_names, strict=True))
    order = {name: number for number, name in enumerate(hosts)}
    found: dict[tuple[str, int], _Device] = {}
    for name in dict.fromkeys(end for cable in links for end in (cable.one, cable.other) if end not in hosts):
        found[name, -1] = _Device(f"S-{_guid(name)}", name, len(found) + 1)
    adapters = {(cable.one, cable.nic) for cable in links if cable.one in hosts}
    for node, nic in sorted(adapters, key=lambda adapter: (order[adapter[0]], adapter[1])):
        found[node, nic] = _Device(f"H-{_guid(node, str(nic))}", f"{hosts[node]} mlx5_{nic}", len(found) + 1)
    for cable in links:
        if cable.other in hosts:
            raise _beyond(f"{hosts[cable.other]} is joined to another node without a switch")
        one, other = found[cable.one, cable.nic], found[cable.other, -1]
        near = cable.port if cable.nic >= 0 else len(one.ports) + 1
        far = len(other.ports) + 1
        speed = _speed(cable.bytes_per_s)[2]
        one.ports[near], other.ports[far] = (other, far, speed), (one, near, speed)
    _require_ports(found.values())
    return list(found.values())


def _require_ports(devices: Iterable[_Device]) -> None:
    for device in devices:
        if len(device.ports) > MOST_PORTS:
            raise UsageError.of(
                "E040",
                f"{device.description} would have {len(device.ports):,} ports",
                expected=f"at most {MOST_PORTS} ports, as InfiniBand has",
                suggestion="a fabric in the topology file, such as clos with several switches a domain",
            )


def _record(device: _Device) -> list[str]:
    """The lines of a device, as ibnetdiscover prints them."""
    ports = max([*device.ports, 1])
    lines = ["vendid=0x2c9", "devid=0x1021", f"sysimgguid=0x{device.guid}"]
    if device.key.startswith("S"):
        lines.append(f"switchguid=0x{device.guid}({device.guid})")
        own = f'"{device.description}" enhanced port 0 lid {device.lid} lmc 0'
        lines.append(f'Switch\t{ports} "{device.key}"\t\t# {own}')
    else:
        lines += [f"caguid=0x{device.guid}", f'Ca\t{ports} "{device.key}"\t\t# "{device.description}"']
    return lines + [_port(device, number) for number in sorted(device.ports)]


def _port(device: _Device, number: int) -> str:
    other, far, speed = device.ports[number]
    if device.key.startswith("S"):
        behind = "" if other.key.startswith("S") else f"({other.port_guid(far)})"
        return f'[{number}]\t"{other.key}"[{far}]{behind}\t\t# "{other.description}" lid {other.lid} {speed}'
    return (
        f'[{number}]({device.port_guid(number)}) \t"{other.key}"[{far}]\t\t'
        f'# lid {device.lid} lmc 0 "{other.description}" lid {other.lid} {speed}'
    )


@cache
def _speed(bytes_per_s: float) -> tuple[float, bool, str]:
    """The fastest of InfiniBand's speeds that is not above a bandwidth, or the slowest there is."""
    if bytes_per_s > _SPEEDS[-1][0] * _ROUNDING:
        raise _beyond(f"a link of {bytes_per_s / GIGABIT:,.0f} Gb/s")
    return max((each for each in _SPEEDS if each[0] <= bytes_per_s * _ROUNDING), default=_SPEEDS[0])


def _guid(*names: str) -> str:
    """Sixteen digits that follow from names; the last two are left to the ports of an adapter."""
    return f"02{sha256(chr(0).join(names).encode()).hexdigest()[:12]}00"


def _beyond(message: str) -> UsageError:
    return UsageError.of("E041", message, expected="links of InfiniBand between nodes and switches")
