"""Small fabrics for tests of sites."""

from __future__ import annotations

from planner.errors import Position
from planner.formats.site.site import Host, Link, Nic, Site, Switch

SPEED = 50e9


def fabric(beneath, above=(), *, speed=SPEED, levels=None, nics=False):
    """A site from cables.

    Parameters
    ----------
    beneath
        Leaf to the hosts under it, in the order of cables.
    above
        Pairs of switches, or triples with the number of parallel links.
    levels
        Level of switches that the source gives.
    nics
        Whether hosts have an adapter ``mlx5_i`` for their i-th cable.
    """
    site = Site()
    for leaf, hosts in beneath.items():
        switch(site, leaf)
        for name in hosts:
            host = site.hosts.setdefault(name, Host(name, position=_line(site)))
            nic = None
            if nics:
                host.node.nics = [*(host.node.nics or []), Nic(f"mlx5_{len(host.node.nics or [])}", speed)]
                nic = len(host.node.nics) - 1
            site.links.append(Link((name, leaf), speed, nic=nic, position=_line(site)))
    for one, other, *count in above:
        switch(site, one), switch(site, other)
        site.links.append(Link((one, other), speed, *count, position=_line(site)))
    for name, level in (levels or {}).items():
        site.switches[name].level = level
    return site


def switch(site, name):
    """The switch called `name`, made where it is not there."""
    return site.switches.setdefault(name, Switch(name))


def two_tier(units=3, rails=2, hosts=4, spines=2, links=1):
    """Units of `hosts` hosts with one leaf a rail, every leaf joined to every spine."""
    beneath = {
        f"leaf{unit}-{rail}": [f"u{unit}-h{number}" for number in range(hosts)]
        for unit in range(units)
        for rail in range(rails)
    }
    above = [(leaf, f"spine{number}", links) for leaf in beneath for number in range(spines)]
    return fabric(beneath, above, nics=True)


def _line(site):
    return Position("cables", len(site.links) + 1, 1)


def partition(site, tier):
    """The hosts of each domain of a tier, as a set of sets."""
    domains = {}
    for host in site.hosts.values():
        domains.setdefault(host.groups[tier], set()).add(host.name)
    return {frozenset(hosts) for hosts in domains.values()}


def codes(site):
    """Codes of the findings of a site, each once, in order."""
    return sorted({finding.code for finding in site.findings})
