"""What differs between two clusters in their domains: who lies together, and the bandwidth out of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import numpy as np

from planner.topology.changes import Change, Common, bandwidth_change

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.topology.cluster import Cluster, IntArray

    Domain = tuple[int, int]

ALIKE = 0.5


def domain_changes(first: Cluster, second: Cluster, common: Common) -> list[Change]:
    """Domains of the first cluster that the second does not have, has otherwise, or with another uplink.

    Domains are matched by the nodes in them that both clusters have, whatever they are called and
    whatever their tier is.
    """
    places = [_places(cluster, own) for cluster, own in ((first, common.first), (second, common.second))]
    members: dict[Domain, list[int]] = defaultdict(list)
    for tier, domains in places[0].items():
        for at, domain in enumerate(domains.tolist()):
            members[tier, domain].append(at)
    sizes: Counter[Domain] = Counter()
    for tier, domains in places[1].items():
        sizes.update((tier, domain) for domain in domains.tolist())
    found: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    moved: list[Change] = []
    for own, nodes in members.items():
        path, tier_name = first.domain_path(*own), first.tiers[own[0]].name
        other = _match(
            nodes, places[1], sizes, [tier for tier in places[1] if second.tiers[tier].name == tier_name]
        )
        if other is None:
            found[tier_name, "missing", "", ""].append(path)
            continue
        change = _uplink_change(first, own, second, other)
        if change:
            found[tier_name, *change].append(path)
        moved += _moved(common, nodes, path, second, other, places[1])
    uplinks = [
        Change(tier, kind, tuple(paths), (), expected, there)
        for (tier, kind, expected, there), paths in found.items()
    ]
    return [*moved, *uplinks]


def _places(cluster: Cluster, nodes: IntArray) -> dict[int, IntArray]:
    """For each tier with domains to compare the one that each of some nodes lies in.

    Those are the tiers from the node boundary outwards, without the whole cluster, and without the
    node where its uplink is that of its NICs.
    """
    domain = np.arange(cluster.nodes, dtype=np.int32)
    found = {}
    for tier in range(len(cluster.tiers) - 1):
        if tier:
            domain = cluster.tiers[tier - 1].parent[domain]
        if tier >= cluster.boundary and (tier or not len(cluster.nic_node)):
            found[tier] = domain[nodes]
    return found


def _match(
    nodes: list[int], places: dict[int, IntArray], sizes: Counter[Domain], same_name: list[int]
) -> Domain | None:
    """The domain that has most in common with some nodes; None where that is no more than half.

    Of several that have as much, one of a tier with `same_name`.
    """
    shares: dict[Domain, float] = {}
    for tier, domains in places.items():
        for domain, shared in Counter(domains[nodes].tolist()).items():
            shares[tier, domain] = shared / (len(nodes) + sizes[tier, domain] - shared)
    best = max(shares, key=lambda each: (shares[each], each[0] in same_name), default=None)
    return best if best is not None and shares[best] > ALIKE else None


def _uplink_change(
    first: Cluster, own: Domain, second: Cluster, other: Domain
) -> tuple[str, str, str] | None:
    uplinks = [
        cluster.tiers[tier].uplink_bytes_per_s for cluster, (tier, _) in ((first, own), (second, other))
    ]
    if uplinks[0] is None or uplinks[1] is None:
        return None
    return bandwidth_change(float(uplinks[0][own[1]]), float(uplinks[1][other[1]]))


def _moved(
    common: Common, nodes: list[int], path: str, second: Cluster, other: Domain, places: dict[int, IntArray]
) -> Iterator[Change]:
    """Nodes of a domain that lie in another one, by the one they lie in."""
    tier, domain = other
    elsewhere: dict[int, list[str]] = defaultdict(list)
    for at in nodes:
        if int(places[tier][at]) != domain:
            elsewhere[int(places[tier][at])].append(common.names[at])
    for there, names in elsewhere.items():
        yield Change("node", "moved", tuple(names), (), path, second.domain_path(tier, there))
