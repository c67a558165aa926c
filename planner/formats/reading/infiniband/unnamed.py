"""Which adapters without a name of their own belong to one host."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from planner.errors import Problem
from planner.formats.site.groups import group
from planner.formats.site.labels import unique
from planner.formats.site.site import Host
from planner.topology.names import natural

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.formats.reading.infiniband.device import Device
    from planner.formats.site.site import Site

    Ends = dict[str, tuple[str, int]]
    Owners = dict[str, tuple[str, str]]

LOST = "its adapters have lost the name of their host"
SHARED = "its adapters have the names of others"


def place_unnamed(
    site: Site, owners: Owners, unnamed: list[Device], ends: Ends, switches: dict[str, str]
) -> None:
    """Find a host for each adapter that has none, and note it in `owners`.

    An adapter on the same port number as all the others of a host, at a leaf of that host's group
    where the host has none, is the host's. The others make up hosts of their own, those on the
    same port number of the leaves of a group together; nobody can reach such a host by name, so it
    is out of service.

    Parameters
    ----------
    ends
        Leaf and port of each adapter, by key.
    """
    if not unnamed:
        return
    groups = _leaf_groups(owners, ends, switches.values())
    waiting = [device for device in unnamed if not _fill_hole(site, owners, device, ends, groups)]
    for devices in _bundles(waiting, ends, groups):
        _add_host(site, owners, devices, ends)


def _leaf_groups(owners: Owners, ends: Ends, switches: Iterable[str]) -> dict[str, int]:
    """Group of each switch, by the hosts whose adapters have names."""
    beneath: dict[str, dict[str, float]] = defaultdict(dict)
    for key, (host, _) in owners.items():
        if key in ends:
            beneath[ends[key][0]][host] = 1.0
    found = group(beneath).switches
    numbers = {switch: number for number, own in enumerate(found) for switch in own}
    rest = [switch for switch in switches if switch not in numbers]
    return numbers | {switch: len(found) + number for number, switch in enumerate(rest)}


def _fill_hole(site: Site, owners: Owners, device: Device, ends: Ends, groups: dict[str, int]) -> bool:
    """Give an adapter to the one host that lacks exactly it; whether there was one."""
    if not device.nameless or device.key not in ends:
        return False
    leaf, port = ends[device.key]
    ports: dict[str, set[int]] = defaultdict(set)
    leaves: dict[str, set[str]] = defaultdict(set)
    for key, (host, _) in owners.items():
        if key in ends and groups[ends[key][0]] == groups[leaf]:
            ports[host].add(ends[key][1])
            leaves[host].add(ends[key][0])
    fitting = [host for host in ports if ports[host] == {port} and leaf not in leaves[host]]
    if len(fitting) != 1 or any(end == (leaf, port) for key, end in ends.items() if key in owners):
        return False
    owners[device.key] = fitting[0], ""
    site.findings.append(
        Problem(
            "I043",
            f"adapter without a host name on port {port} of {leaf!r}, taken for {fitting[0]!r}'s",
            device.position,
            "the host's name in the adapter's description",
        )
    )
    return True


def _bundles(devices: list[Device], ends: Ends, groups: dict[str, int]) -> list[list[Device]]:
    """Adapters that look like one host each: same group, same port, each on a leaf of its own.

    What is left over in a group, each on another leaf, is taken together.
    """
    by_port: dict[tuple[str, int, int], list[Device]] = defaultdict(list)
    lone = [[device] for device in devices if device.key not in ends]
    for device in devices:
        if device.key in ends:
            leaf, port = ends[device.key]
            called = "" if device.nameless else device.description.split()[0]
            by_port[called, groups[leaf], port].append(device)
    sizes: Counter[int] = Counter()
    for (_, number, _), bundle in by_port.items():
        sizes[number] = max(sizes[number], len(bundle))
    whole, partial = [], defaultdict(list)
    for (called, number, _), bundle in sorted(by_port.items()):
        if len(bundle) == sizes[number]:
            whole.append(bundle)
        else:
            partial[called, number].append(bundle)
    return [*whole, *(merged for parts in partial.values() for merged in _merged(parts, ends)), *lone]


def _merged(parts: list[list[Device]], ends: Ends) -> list[list[Device]]:
    """Parts joined where they have no leaf in common, the largest first."""
    merged: list[list[Device]] = []
    for part in sorted(parts, key=len, reverse=True):
        own = {ends[device.key][0] for device in part}
        target = next(
            (other for other in merged if own.isdisjoint(ends[device.key][0] for device in other)), None
        )
        if target is None:
            merged.append(list(part))
        else:
            target += part
    return merged


def _add_host(site: Site, owners: Owners, devices: list[Device], ends: Ends) -> None:
    """Make a host of some adapters, called by where the first of them is plugged in."""
    ordered = sorted(devices, key=lambda device: (natural(ends.get(device.key, ("", 0))[0]), device.key))
    first = ordered[0]
    leaf, port = ends.get(first.key, (first.guid, 0))
    called = "unnamed" if first.nameless else first.description.split()[0]
    taken = {host for host, _ in owners.values()}
    name = unique(f"{called}-{leaf}-{port}", taken)
    for device in ordered:
        words = device.description.split()
        owners[device.key] = name, "" if device.nameless or len(words) < 2 else words[-1]
    site.hosts[name] = Host(name, down=LOST if first.nameless else SHARED, position=first.position)
    places = ", ".join(
        f"port {ends[device.key][1]} of {ends[device.key][0]}" for device in ordered if device.key in ends
    )
    site.findings.append(
        Problem(
            "I043",
            f"{len(ordered)} adapters without a host name of their own, {places or 'joined to no switch'}: "
            f"kept as host {name!r}, out of service",
            first.position,
            "the host's name in the adapters' descriptions",
        )
    )
