"""Domains of each level of a fabric: what its switches up to that level join."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from planner.errors import Problem
from planner.formats.site.figures import stated
from planner.formats.site.groups import Groups, group
from planner.placement.wording import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.formats.site.levels import Wiring
    from planner.formats.site.site import Link, Site

MOST_SHOWN = 4


@dataclass
class Domain:
    """Hosts and switches that are joined without anything of a higher level."""

    hosts: list[str] = field(default_factory=list)
    switches: list[str] = field(default_factory=list)
    top: list[str] = field(default_factory=list)
    uplink_bytes_per_s: float | None = None


def weight(links: Sequence[Link]) -> float:
    """What links are worth together: their bandwidth, or their number where that is not known."""
    return sum(link.count * (link.bytes_per_s or 1.0) for link in links)


def leaf_domains(site: Site, wiring: Wiring) -> list[Domain]:
    """Leaf groups: the leaves that share hosts."""
    leaves = wiring.above(1)
    placed = {host for leaf in leaves for host in wiring.hosts_of_switch[leaf]}
    beneath = {
        switch: {
            host: weight(links)
            for host, links in hosts.items()
            if wiring.level.get(switch) == 1 or host not in placed
        }
        for switch, hosts in wiring.hosts_of_switch.items()
    }
    found = group({switch: hosts for switch, hosts in beneath.items() if hosts})
    domains = [Domain(switches=switches, top=switches) for switches in found.switches]
    for host in site.hosts:
        if host in found.group_of:
            domains[found.group_of[host]].hosts.append(host)
    _report_strays(site, wiring, found)
    return [each for each in domains if each.hosts]


def _report_strays(site: Site, wiring: Wiring, found: Groups) -> None:
    """Report hosts under leaves of two groups."""
    for host, leaves in found.strays.items():
        position = wiring.hosts_of_switch[leaves[0]][host][0].position
        own = found.switches[found.group_of[host]]
        site.findings.append(
            Problem(
                "I030",
                f"host {host!r} is also under {listed(leaves)}, beside {listed(own)}",
                position,
                "all adapters of a host under leaves that its neighbours are under too",
                "the cable of that port; the host is kept where most of its links go",
            )
        )


def unlinked(site: Site, leaf_groups: list[Domain]) -> list[Domain]:
    """A domain for the hosts that no link leads to, where there are any."""
    linked = {host for domain in leaf_groups for host in domain.hosts}
    hosts = [host for host in site.hosts if host not in linked]
    if not hosts:
        return []
    # Hosts without GPUs, such as those to log in to, are left out later, and miss no link.
    missed = [host for host in hosts if stated(site, site.hosts[host], "gpus") != 0]
    if missed:
        site.findings.append(
            Problem(
                "I034",
                f"no link leads to {listed(missed)}",
                site.hosts[missed[0]].position,
                "a link to a switch for each host",
            )
        )
    return [Domain(hosts=hosts)]


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    return shown([repr(name) for name in names], MOST_SHOWN)


def joined_domains(site: Site, wiring: Wiring, inner: list[Domain], level: int) -> list[Domain]:
    """Domains of a level: those of the one beneath, joined by switches of this one."""
    home = {switch: number for number, domain in enumerate(inner) for switch in domain.switches}
    beneath: dict[str, dict[str, float]] = {}
    cables: dict[tuple[str, str], Link] = {}
    for switch in wiring.above(level):
        weights: dict[str, float] = defaultdict(float)
        if switch in home:
            weights[str(home[switch])] = 1.0
        for other, links in wiring.switches_of_switch[switch].items():
            if other in home and wiring.level[other] < level:
                weights[str(home[other])] += weight(links)
                cables[switch, str(home[other])] = links[0]
        if weights:
            beneath[switch] = weights
    found = group(beneath)
    joined = [Domain(switches=list(switches), top=switches) for switches in found.switches]
    lone = []
    for number, domain in enumerate(inner):
        home_group = found.group_of.get(str(number))
        target = Domain(top=domain.top) if home_group is None else joined[home_group]
        own = set() if home_group is None else set(target.top)
        target.hosts += domain.hosts
        target.switches += [switch for switch in domain.switches if switch not in own]
        if home_group is None:
            lone.append(target)
    for inner_number, strays in found.strays.items():
        _report_stray_domain(site, inner[int(inner_number)], strays, cables[strays[0], inner_number])
    return [*[each for each in joined if each.hosts], *lone]


def _report_stray_domain(site: Site, domain: Domain, switches: Sequence[str], link: Link) -> None:
    """Report a domain that is joined to switches of two groups."""
    site.findings.append(
        Problem(
            "I032",
            f"{listed(domain.top)} with {listed(domain.hosts)} is also joined to {listed(switches)}",
            link.position,
            "links to the switches of one group",
            "the cable of that port; the domain is kept where most of its links go",
        )
    )


def measure(wiring: Wiring, domains: list[Domain], level: int) -> None:
    """Set the uplink of each domain, by the links whose bandwidth is known; None where none is."""
    for domain in domains:
        own = set(domain.switches)
        leaving = [
            link
            for switch in domain.switches
            for other, links in wiring.switches_of_switch.get(switch, {}).items()
            if other not in own and wiring.level.get(other, 0) >= level
            for link in links
        ]
        known = [link for link in leaving if link.bytes_per_s is not None]
        if known or not leaving:
            domain.uplink_bytes_per_s = sum(weight([link]) for link in known)
