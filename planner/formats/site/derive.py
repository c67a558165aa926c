"""Tiers of a site from the links between its hosts and switches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import Problem
from planner.formats.site.domains import joined_domains, leaf_domains, listed, measure, unlinked
from planner.formats.site.labels import clean, common_name, name_domains
from planner.formats.site.levels import wire
from planner.formats.site.planes import note_planes
from planner.formats.site.rails import assign_rails

if TYPE_CHECKING:
    from planner.formats.site.domains import Domain
    from planner.formats.site.levels import Wiring
    from planner.formats.site.site import Site

TIER_NAMES = {2: "pod", 3: "zone"}


def derive(site: Site) -> Site:
    """Find the tiers of `site` from its links, in place; the same site is returned.

    ``Host.groups``, ``Site.tiers`` and ``Site.uplink_bytes_per_s`` are set, and rails given to the
    adapters of hosts. What is odd goes to ``Site.findings``. A site without switches stays as it
    is; tiers that a source named give way to those of the graph.

    The domains of level l are the hosts and switches that switches of levels up to l join; see
    `planner.formats.site.groups` for how single wrong or missing cables are kept from joining or
    parting them. The uplink of a domain is the sum of the links from its switches to others.
    """
    if not site.switches or not site.links:
        return site
    _without_doubles(site)
    wiring = wire(site)
    levels = [leaf_domains(site, wiring)]
    for level in range(2, wiring.highest + 1):
        levels.append(joined_domains(site, wiring, levels[-1], level))
    for number, domains in enumerate(levels, 1):
        measure(wiring, domains, number)
    _report_islands(site, wiring)
    _write(site, _distinct(site, levels), unlinked(site, levels[0]))
    assign_rails(site, wiring, levels[0])
    note_planes(site, wiring)
    return site


def _without_doubles(site: Site) -> None:
    """Take what one source calls a host and another a switch for a switch."""
    for name in site.hosts.keys() & site.switches.keys():
        position = site.hosts.pop(name).position
        site.findings.append(
            Problem(
                "I039",
                f"{name!r} is a host to one source and a switch to another; taken for a switch",
                position,
            )
        )


def _report_islands(site: Site, wiring: Wiring) -> None:
    """Report pieces of the fabric that nothing joins to the largest one."""
    pieces = wiring.pieces()
    if len(pieces) > 1:
        apart = [switch for piece in pieces[1:] for switch in piece]
        site.findings.append(
            Problem(
                "I037",
                f"the fabric is in {len(pieces)} pieces: nothing joins {listed(apart)} to the rest",
                site.switches[apart[0]].position,
                "a fabric in one piece",
            )
        )


def _distinct(site: Site, levels: list[list[Domain]]) -> dict[str, list[Domain]]:
    """Levels by tier name, without those that say nothing new: the node, the cluster, the one before."""
    tiers: dict[str, list[Domain]] = {}
    last: dict[frozenset[str], Domain] = {}
    for level, domains in enumerate(levels, 1):
        own = {frozenset(domain.hosts): domain for domain in domains}
        if own.keys() == last.keys():
            for hosts, domain in own.items():
                _narrow(last[hosts], domain)
        elif 1 < len(domains) < len(site.hosts):
            tiers[_tier_name(level, domains)] = domains
            last = own
    return tiers


def _narrow(inner: Domain, outer: Domain) -> None:
    """Lower the uplink of a domain to that of the one with the same hosts around it."""
    known = [each.uplink_bytes_per_s for each in (inner, outer) if each.uplink_bytes_per_s is not None]
    inner.uplink_bytes_per_s = min(known, default=None)


def _tier_name(level: int, domains: list[Domain]) -> str:
    if level == 1:
        return "unit" if any(len(domain.switches) > 1 for domain in domains) else "leaf"
    return TIER_NAMES.get(level, f"level{level}")


def _write(site: Site, tiers: dict[str, list[Domain]], apart: list[Domain]) -> None:
    """Set the tiers, the groups of hosts and the uplinks of the site."""
    site.tiers = list(tiers)
    site.uplink_bytes_per_s = {}
    for each in site.hosts.values():
        each.groups = {}
    for tier, linked in tiers.items():
        domains = [*linked, *apart]
        names = name_domains(tier, [_candidates(domain) for domain in domains])
        for name, domain in zip(names, domains, strict=True):
            for host in domain.hosts:
                site.hosts[host].groups[tier] = name
            if domain.uplink_bytes_per_s:
                site.uplink_bytes_per_s.setdefault(tier, {})[name] = domain.uplink_bytes_per_s


def _candidates(domain: Domain) -> list[str]:
    """What a domain may be called: its one switch, what its hosts or its switches are called alike."""
    single = clean(domain.top[0]) if len(domain.top) == 1 else ""
    hosts, switches = common_name(domain.hosts), common_name([clean(name) for name in domain.top] or [""])
    return [single, hosts if len(domain.hosts) > 1 else "", switches]
