"""Which rail each adapter of a host is on, and which rails a host has no adapter on."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from planner.errors import Problem
from planner.formats.site.domains import listed
from planner.formats.site.site import Nic
from planner.topology.names import natural

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.errors import Position
    from planner.formats.site.domains import Domain
    from planner.formats.site.levels import Wiring
    from planner.formats.site.site import Host, Site

    Layout = tuple[int, ...]

UNSEEN = "no link of it was seen"
_NUMBERED = re.compile(
    r"(?P<kind>HCA-|mlx\d+_|mlx\d+_bond_?|ib|eth|bnxt_re|hfi1_|irdma|efa_|rdma)(?P<number>\d+)\Z"
)


def assign_rails(site: Site, wiring: Wiring, groups: list[Domain]) -> None:
    """Put the adapters of every host in the order of their rails, with stand-ins for those unseen.

    Only hosts whose adapters have no rail yet are looked at; one of which no source knows adapters
    has one for each of its links, where their bandwidths are known. An adapter's rail is the place of its
    number among those of the hosts like it: ``mlx5_0``, ``mlx5_1``, ``mlx5_4``, ``mlx5_5`` are rails
    0 to 3, and so are ``HCA-1``, ``HCA-2``, ``HCA-5``, ``HCA-6``. Where names have no numbers it is
    the place of its leaf among those of its group. A host with more than half of the adapters of a
    commoner kind of host is of that kind, with the others out of service.
    """
    _add_unknown(site, wiring)
    numbers = {name: found for name, host in site.hosts.items() if (found := _numbers(host))}
    unnumbered = [name for name in _unrailed(site) if name not in numbers]
    numbers |= _by_leaf(site, wiring, groups, unnumbered, numbers)
    kinds = Counter(tuple(sorted(set(own))) for own in numbers.values())
    holes: dict[tuple[int, int], list[str]] = defaultdict(list)
    group_of = {host: number for number, domain in enumerate(groups) for host in domain.hosts}
    moved: dict[str, dict[int, int]] = {}
    for name, own in numbers.items():
        layout = _layout(tuple(sorted(set(own))), kinds)
        moved[name] = _arrange(site.hosts[name], own, layout)
        for rail in sorted(set(range(len(layout))) - set(moved[name].values())):
            holes[group_of.get(name, -1), rail].append(name)
    _renumber(site, moved)
    _report_holes(site, holes)
    _report_crossed(site, wiring)


def _add_unknown(site: Site, wiring: Wiring) -> None:
    """Give hosts whose adapters no source tells one for each link, in the order of their switches."""
    links: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for place, link in enumerate(site.links):
        switch, host = link.ends if link.ends[0] in site.switches else link.ends[::-1]
        if host in site.hosts and switch in wiring.level and link.nic is None:
            links[host].append((switch, place))
    for name, own in links.items():
        node = site.hosts[name].node
        if (
            node.nics is None
            and site.node.nics is None
            and all(site.links[place].bytes_per_s for _, place in own)
        ):
            node.nics = []
            for _, place in sorted(own, key=lambda each: (natural(each[0]), each[1])):
                link = site.links[place]
                site.links[place] = replace(link, nic=len(node.nics))
                node.nics.append(Nic("", link.count * (link.bytes_per_s or 0.0)))


def _unrailed(site: Site) -> list[str]:
    """Hosts with adapters none of which has a rail."""
    return [
        name
        for name, host in site.hosts.items()
        if host.node.nics and all(nic.rail is None for nic in host.node.nics)
    ]


def _numbers(host: Host) -> list[int] | None:
    """Number of each adapter, counted from 0; None where they have rails, or one has no number of its own."""
    nics = host.node.nics or []
    if not nics or any(nic.rail is not None for nic in nics):
        return None
    matches = [_NUMBERED.match(nic.name) for nic in nics]
    found = [int(match["number"]) - (match["kind"] == "HCA-") for match in matches if match]
    return found if len(set(found)) == len(nics) else None


def _by_leaf(
    site: Site,
    wiring: Wiring,
    groups: list[Domain],
    hosts: list[str],
    numbers: dict[str, list[int]],
) -> dict[str, list[int]]:
    """For each adapter the number that most have on its leaf, else the place of the leaf in its group.

    Nothing for hosts where two adapters share a leaf.
    """
    usual = _usual_numbers(wiring, numbers)
    wanted, places = set(hosts), {}
    for domain in groups:
        leaves = {leaf: place for place, leaf in enumerate(sorted(domain.switches, key=natural))}
        leaves |= {leaf: usual[leaf] for leaf in leaves if leaf in usual}
        for host in wanted.intersection(domain.hosts):
            own: dict[int, int] = {}
            for leaf, place in leaves.items():
                for link in wiring.hosts_of_switch.get(leaf, {}).get(host, ()):
                    if link.nic is not None:
                        own.setdefault(link.nic, place)
            nics = site.hosts[host].node.nics or []
            if len(set(own.values())) == len(nics):
                places[host] = [own[index] for index in range(len(nics))]
    return {host: places[host] for host in hosts if host in places}


def _usual_numbers(wiring: Wiring, numbers: dict[str, list[int]]) -> dict[str, int]:
    """The commonest number of the adapters under each leaf that has numbered ones."""
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    for leaf in wiring.above(1):
        for host, links in wiring.hosts_of_switch[leaf].items():
            if host in numbers:
                counts[leaf].update(numbers[host][link.nic] for link in links if link.nic is not None)
    return {leaf: count.most_common(1)[0][0] for leaf, count in counts.items() if count}


def _layout(own: Layout, kinds: Counter[Layout]) -> Layout:
    """Numbers of all adapters that a host with these should have."""
    wider = [
        kind
        for kind, times in kinds.items()
        if set(own) < set(kind) and 2 * len(own) > len(kind) and times > kinds[own]
    ]
    return max(wider, key=lambda kind: kinds[kind], default=own)


def _arrange(host: Host, numbers: list[int], layout: Layout) -> dict[int, int]:
    """Order the adapters of a host by rail; the rail of each by the index that it had."""
    nics = host.node.nics or []
    rails = {index: layout.index(number) for index, number in enumerate(numbers)}
    speed = next((nic.bytes_per_s for nic in nics if nic.bytes_per_s), None)
    ordered = [Nic("", speed, rail, UNSEEN) for rail in range(len(layout))]
    for index, rail in rails.items():
        ordered[rail] = replace(nics[index], rail=rail)
    host.node.nics = ordered
    return rails


def _renumber(site: Site, moved: dict[str, dict[int, int]]) -> None:
    """Give the links of hosts whose adapters moved the new index of each."""
    for place, link in enumerate(site.links):
        host = next((end for end in link.ends if end in moved), None)
        if host is not None and link.nic is not None:
            site.links[place] = replace(link, nic=moved[host].get(link.nic, link.nic))


def _report_holes(site: Site, holes: dict[tuple[int, int], list[str]]) -> None:
    """Report for each leaf group and rail the hosts without an adapter on it."""
    for (_, rail), hosts in holes.items():
        site.findings.append(
            Problem(
                "I036",
                f"no adapter on rail {rail} was seen of {listed(hosts)}",
                site.hosts[hosts[0]].position,
                "an adapter on each rail, as hosts of this kind have",
                "the cables and the leaf of that rail; until then the adapters count as out of service",
            )
        )


def _works(site: Site, host: str) -> bool:
    return host in site.hosts and site.hosts[host].down is None


def _usual_rails(on_leaf: Mapping[str, Counter[int]]) -> dict[str, int]:
    """The rail of each leaf that serves one, but for an adapter here and there."""
    return {
        leaf: rail
        for leaf, rails in on_leaf.items()
        for rail, times in rails.items()
        if 4 * times > 3 * rails.total()
    }


def _report_crossed(site: Site, wiring: Wiring) -> None:
    """Report adapters under a leaf that serves another rail."""
    on_leaf: dict[str, Counter[int]] = defaultdict(Counter)
    ends = []
    for link in site.links:
        leaf, host = link.ends if link.ends[0] in site.switches else link.ends[::-1]
        if link.nic is not None and wiring.level.get(leaf) == 1 and _works(site, host):
            on_leaf[leaf][link.nic] += 1
            ends.append((host, leaf, link))
    usual = _usual_rails(on_leaf)
    crossed: dict[str, list[str]] = defaultdict(list)
    first: dict[str, Position | None] = {}
    for host, leaf, link in ends:
        if usual.get(leaf, link.nic) != link.nic:
            crossed[host].append(f"rail {link.nic} on {leaf!r}, a leaf of rail {usual[leaf]}")
            first.setdefault(host, link.position)
    for host, texts in crossed.items():
        site.findings.append(
            Problem(
                "I035",
                f"adapters of host {host!r} are crossed: {'; '.join(texts)}",
                first[host],
                "each adapter on a leaf of its own rail",
                "swapping the cables",
            )
        )
