"""How far above the hosts each switch stands."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from planner.errors import Problem
from planner.topology.levels import switch_levels

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.formats.site.site import Link, Site


@dataclass
class Wiring:
    """Who is joined to whom.

    Parameters
    ----------
    hosts_of_switch
        Links to hosts, by switch and host.
    switches_of_switch
        Links to other switches, by switch and switch.
    level
        Level of each switch that hosts can reach, from 1.
    """

    hosts_of_switch: dict[str, dict[str, list[Link]]] = field(default_factory=lambda: defaultdict(dict))
    switches_of_switch: dict[str, dict[str, list[Link]]] = field(default_factory=lambda: defaultdict(dict))
    level: dict[str, int] = field(default_factory=dict)

    def above(self, level: int) -> list[str]:
        """Switches of one level, in the order of their first link."""
        return [switch for switch, own in self.level.items() if own == level]

    @property
    def highest(self) -> int:
        """Level of the highest switch; 0 where there is none."""
        return max(self.level.values(), default=0)

    def pieces(self, *, through_hosts: bool = True) -> list[list[str]]:
        """Switches by the piece of the fabric that they lie in, the largest first.

        Parameters
        ----------
        through_hosts
            Whether a host joins the switches that it is joined to.
        """
        switches_of_host: dict[str, list[str]] = defaultdict(list)
        for switch, hosts in self.hosts_of_switch.items():
            for host in hosts if through_hosts else ():
                switches_of_host[host].append(switch)
        found, seen = [], set[str]()
        for start in self.level:
            if start in seen:
                continue
            seen.add(start)
            piece = [start]
            for switch in piece:
                beside = [
                    other for host in self.hosts_of_switch.get(switch, ()) for other in switches_of_host[host]
                ]
                for other in (*self.switches_of_switch.get(switch, ()), *beside):
                    if other not in seen:
                        seen.add(other)
                        piece.append(other)
            found.append(piece)
        return sorted(found, key=lambda piece: -len(piece))


def wire(site: Site) -> Wiring:
    """The wiring of `site`, with the level of every switch; what is odd goes to its findings.

    The level of a switch is the one that the site gives, else its distance from the nearest host,
    which the site is given.
    A switch with a few hosts among many leaves that have more is taken for one above them.
    """
    wiring = Wiring()
    for link in site.links:
        _add(site, wiring, link)
    own = {switch.name: switch.level for switch in site.switches.values() if switch.level is not None}
    wiring.level = switch_levels(wiring.hosts_of_switch, wiring.switches_of_switch, own) | own
    for name, level in wiring.level.items():
        site.switches[name].level = level
    upper = [name for name in wiring.hosts_of_switch if wiring.level.get(name, 2) > 1 and name not in own]
    _report_upper(site, wiring, upper)
    return wiring


def _add(site: Site, wiring: Wiring, link: Link) -> None:
    """Note one link at both of its ends."""
    one, other = link.ends
    for this, that in ((one, other), (other, one)):
        if this in site.switches and that in site.switches and this != that:
            wiring.switches_of_switch[this].setdefault(that, []).append(link)
        elif this in site.switches and that in site.hosts:
            wiring.hosts_of_switch[this].setdefault(that, []).append(link)
    unknown = [end for end in link.ends if end not in site.switches and end not in site.hosts]
    if unknown:
        site.findings.append(
            Problem(
                "I033",
                f"a link leads to {unknown[0]!r}, which is described nowhere",
                link.position,
                "a host or a switch",
            )
        )


def _report_upper(site: Site, wiring: Wiring, upper: Iterable[str]) -> None:
    """Report the hosts that are joined to a switch which stands above leaves."""
    for switch in sorted(upper):
        for host, links in wiring.hosts_of_switch[switch].items():
            site.findings.append(
                Problem(
                    "I031",
                    f"host {host!r} is joined to {switch!r}, a switch of level {wiring.level.get(switch, 2)}",
                    links[0].position,
                    "hosts under leaves only",
                    "the cable of that port",
                )
            )
