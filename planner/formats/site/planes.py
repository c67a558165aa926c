"""Separate networks of one fabric: planes that adapters are split over, or rails that nothing joins."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.formats.site.levels import Wiring
    from planner.formats.site.site import Site


def note_planes(site: Site, wiring: Wiring) -> None:
    """Say among the assumptions where a fabric is several networks that only hosts join.

    Networks with one adapter of each host in several of them are planes, and a message of that
    adapter may take any; else each serves rails of its own, and a message between two of them has
    to change inside of a node.
    """
    networks = wiring.pieces(through_hosts=False)
    if len(networks) < 2 or len(wiring.pieces()) > 1:
        return
    network_of = {switch: number for number, switches in enumerate(networks) for switch in switches}
    of_adapter: dict[tuple[str, int], set[int]] = defaultdict(set)
    for switch, hosts in wiring.hosts_of_switch.items():
        for host, links in hosts.items():
            for link in links:
                if link.nic is not None and switch in network_of:
                    of_adapter[host, link.nic].add(network_of[switch])
    split = sum(len(own) > 1 for own in of_adapter.values())
    site.assumptions.append(
        f"the switches are {len(networks)} planes: each adapter is split over them"
        if 2 * split > len(of_adapter)
        else f"the switches are {len(networks)} networks that only hosts join, such as rails on their own"
    )
