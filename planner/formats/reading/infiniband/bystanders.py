"""Hosts of a fabric that no job should be placed on: those nobody can name, and those that manage it."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from planner.errors import Problem

if TYPE_CHECKING:
    from planner.formats.site.site import Host, Site

# What installers call a host before anybody does.
DEFAULT_NAMES = frozenset({"localhost", "none", "ubuntu", "debian", "linux", "unassigned-hostname", "host"})
FEWEST_HOSTS = 8
MOST_ALIKE = 2


def set_aside(site: Site) -> None:
    """Take hosts out of service that are not for jobs, each with a finding.

    Those are hosts with a name that an installer left, and, in a fabric of several hosts, the one
    or two whose names are like no other's and that have at most half as many adapters as most: as
    a rule they manage the fabric. Their adapters are not put into rails.
    """
    shapes = Counter(_shape(name) for name in site.hosts)
    usual = _usual_adapters(site)
    for host in site.hosts.values():
        if host.down is not None:
            continue
        few = 2 * len(host.node.nics or ()) <= usual
        if few and shapes[_shape(host.name)] <= MOST_ALIKE and len(site.hosts) >= FEWEST_HOSTS:
            for index, nic in enumerate(host.node.nics or ()):
                nic.rail = index
            reason = f"{len(host.node.nics or ())} adapters where most hosts have {usual}"
            _put_down(site, host, f"looks like a management node: {reason}")
        elif host.name.partition(".")[0].lower() in DEFAULT_NAMES:
            _put_down(site, host, "has the name that an installer left")


def _usual_adapters(site: Site) -> int:
    counts = Counter(len(host.node.nics or ()) for host in site.hosts.values())
    return max(counts, key=lambda number: counts[number], default=0)


def _shape(name: str) -> str:
    return re.sub(r"[0-9]+", "0", name)


def _put_down(site: Site, host: Host, why: str) -> None:
    host.down = why
    site.findings.append(
        Problem(
            "I047",
            f"host {host.name!r} {why}; taken out of service",
            host.position,
            "hosts that jobs run on",
            "deleting its line under down: if it is one",
        )
    )
