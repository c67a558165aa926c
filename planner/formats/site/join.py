"""Several descriptions of one site, joined into one.

Hosts are the same where their names are, or where one is the other without its domain and no other
host could be meant. Where two sources contradict each other,

- what is said of one host wins over what is said of every host,
- of two that say it alike the first wins,
- but health is the worst that any source knows of, and of two speeds of a NIC the slower counts.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from planner.errors import Problem
from planner.formats.hostnames import may_be_one, short
from planner.formats.site.figures import named, stated
from planner.formats.site.site import Host, Link, Nic, Node, Site
from planner.topology.names import natural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def join(sites: Sequence[Site]) -> Site:
    """One site of all that `sites` say; the first one's names of hosts, tiers and domains are kept."""
    if len(sites) == 1:
        return sites[0]
    joined = Site()
    for site in sites:
        _join_hosts(joined, site)
        joined.name = joined.name or site.name
        joined.findings += site.findings
        joined.assumptions += [each for each in site.assumptions if each not in joined.assumptions]
        joined.node = _join_node(joined, "every host", joined.node, site.node, None)
        _join_tiers(joined, site)
    _note_unknown(joined, sites)
    _measured_alone(joined)
    return joined


def _join_hosts(joined: Site, site: Site) -> None:
    """Add hosts, switches and links of `site` under the names that are known already."""
    name_of = _matches(joined, site)
    cabled = _cabled(joined) & {name_of.get(end, end) for end in _cabled(site)}
    before, added = {}, {}
    for name, host in site.hosts.items():
        own = name_of[name]
        known = joined.hosts.get(own)
        before[own], added[own] = known.node.nics if known else None, host.node.nics
        both = _side_by_side(known, host) if known and own in cabled else (known, host)
        joined.hosts[own] = _join_host(joined, both[0], both[1]) if both[0] else host
    for name, switch in site.switches.items():
        joined.switches.setdefault(name, switch)
    links = [
        replace(link, ends=(name_of.get(link.ends[0], link.ends[0]), name_of.get(link.ends[1], link.ends[1])))
        for link in site.links
    ]
    old = [_moved(link, before, joined) for link in joined.links]
    joined.links = _join_links(old, [_moved(link, added, joined) for link in links])


def _cabled(site: Site) -> set[str]:
    """The hosts whose cables a source of a fabric knows."""
    return {
        end for link in site.links for end in link.ends if end in site.hosts and site.hosts[end].node.nics
    }


def _side_by_side(first: Host, second: Host) -> tuple[Host, Host]:
    """Both with the adapters of either: fabrics that are apart, as of planes, show those on them alone."""
    of_name = [{nic.name: nic for nic in host.node.nics or []} for host in (first, second)]
    names = sorted({*of_name[0], *of_name[1]}, key=natural)
    kinds = {name.rstrip("0123456789") for name in names}
    if len(kinds) > 1 or "" in kinds or any(len(own) < 1 for own in of_name):
        return first, second
    one, other = ([own.get(name) or rest[name] for name in names] for own, rest in (of_name, of_name[::-1]))
    return replace(first, node=replace(first.node, nics=one)), replace(
        second, node=replace(second.node, nics=other)
    )


def _moved(link: Link, before: Mapping[str, list[Nic] | None], joined: Site) -> Link:
    """The link with the index that its adapter has now; None where the adapter is none of the host's."""
    host = next((end for end in link.ends if before.get(end)), None)
    nics = before.get(host or "")
    if link.nic is None or host is None or not nics or link.nic >= len(nics):
        return link
    names = [nic.name for nic in joined.hosts[host].node.nics or []]
    name = nics[link.nic].name
    if name in names:
        return replace(link, nic=names.index(name))
    return link if len(names) == len(nics) else replace(link, nic=None)


def _matches(joined: Site, site: Site) -> dict[str, str]:
    """For each host of `site` the name it has in `joined`, or its own."""
    same = {name.lower(): name for name in joined.hosts}
    by_short = _by_short(joined.hosts)
    own_by_short = _by_short(site.hosts)
    own = {name.lower() for name in site.hosts}
    matches = {}
    for name, host in site.hosts.items():
        if name.lower() in same:
            matches[name] = same[name.lower()]
            continue
        candidates = [other for other in by_short[short(name)] if may_be_one(name, other)]
        free = [other for other in candidates if other.lower() not in own]
        if len(candidates) == 1 and free and len(own_by_short[short(name)]) == 1:
            matches[name] = candidates[0]
            continue
        matches[name] = name
        if candidates:
            others = ", ".join(candidates)
            joined.findings.append(
                Problem(
                    "I004",
                    f"{name} may be {others} of another source; kept as a host of its own",
                    host.position,
                    "names that say which host is meant",
                )
            )
    return matches


def _by_short(hosts: dict[str, Host]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for name in hosts:
        found[short(name)].append(name)
    return found


def _join_links(before: list[Link], more: list[Link]) -> list[Link]:
    """Links of both; those that both describe, as from either end, are taken from the one with more."""
    of_pair: list[dict[frozenset[str], list[Link]]] = [defaultdict(list), defaultdict(list)]
    for pairs, links in zip(of_pair, (before, more), strict=True):
        for link in links:
            pairs[frozenset(link.ends)].append(link)
    old, new = of_pair
    chosen = [
        max((old.get(pair, []), new.get(pair, [])), key=lambda links: sum(link.count for link in links))
        for pair in {**old, **new}
    ]
    return [link for links in chosen for link in links]


def _join_host(joined: Site, first: Host, second: Host) -> Host:
    groups = dict(first.groups)
    for tier, word in second.groups.items():
        if groups.setdefault(tier, word) != word:
            _contradiction(joined, f"{tier} of {first.name}", groups[tier], word, second)
    if first.scale_up and second.scale_up and first.scale_up != second.scale_up:
        _contradiction(joined, f"NVLink domain of {first.name}", first.scale_up, second.scale_up, second)
    return Host(
        first.name,
        _join_node(joined, first.name, first.node, second.node, second),
        groups,
        first.scale_up or second.scale_up,
        first.down if first.down is not None else second.down,
        first.spare if first.spare is not None else second.spare,
        first.position or second.position,
    )


def _join_node(joined: Site, whose: str, first: Node, second: Node, host: Host | None) -> Node:
    for fact in ("gpus", "gpu_model", "scale_up_bytes_per_s"):
        one, other = getattr(first, fact), getattr(second, fact)
        if one is not None and other is not None and one != other:
            _contradiction(joined, f"{_FACTS[fact]} of {whose}", one, other, host)
    return Node(
        second.gpus if first.gpus is None else first.gpus,
        second.gpu_model if first.gpu_model is None else first.gpu_model,
        {**second.gpus_down, **first.gpus_down},
        _join_nics(joined, whose, first.nics, second.nics, host),
        second.scale_up_bytes_per_s if first.scale_up_bytes_per_s is None else first.scale_up_bytes_per_s,
        second.scale_up_links if first.scale_up_links is None else first.scale_up_links,
    )


_FACTS = {"gpus": "number of GPUs", "gpu_model": "GPU model", "scale_up_bytes_per_s": "NVLink bandwidth"}


def _join_nics(
    joined: Site, whose: str, first: list[Nic] | None, second: list[Nic] | None, host: Host | None
) -> list[Nic] | None:
    """NICs of both, one by one where there are as many, by name where all have names."""
    if not first or not second:
        return first or second or (second if first is None else first)
    by_name = {nic.name: nic for nic in second if nic.name}
    if all(nic.name in by_name for nic in first):
        return [_join_nic(nic, by_name[nic.name]) for nic in first]
    if len(first) == len(second):
        return [_join_nic(one, other) for one, other in zip(first, second, strict=True)]
    _contradiction(joined, f"number of NICs of {whose}", len(first), len(second), host)
    return first


def _join_nic(first: Nic, second: Nic) -> Nic:
    speeds = [speed for speed in (first.bytes_per_s, second.bytes_per_s) if speed is not None]
    return Nic(
        first.name or second.name,
        min(speeds, default=None),
        second.rail if first.rail is None else first.rail,
        second.down if first.down is None else first.down,
    )


def _contradiction(joined: Site, what: str, first: object, second: object, host: Host | None) -> None:
    joined.findings.append(
        Problem(
            "I005",
            f"sources disagree on the {what}: {first} and {second}; {first} is taken",
            host.position if host else None,
            "sources that agree",
        )
    )


def _join_tiers(joined: Site, site: Site) -> None:
    """Put tiers that are new where they nest: those with more domains further in."""
    for tier in site.tiers:
        if tier not in joined.tiers:
            size = _domains(joined, tier)
            place = next(
                (place for place, other in enumerate(joined.tiers) if _domains(joined, other) < size),
                len(joined.tiers),
            )
            joined.tiers.insert(place, tier)
    for tier, uplinks in site.uplink_bytes_per_s.items():
        own = joined.uplink_bytes_per_s.setdefault(tier, {})
        for word, bandwidth in uplinks.items():
            own[word] = min(bandwidth, own.get(word, bandwidth))


def _domains(joined: Site, tier: str) -> int:
    return len({host.groups[tier] for host in joined.hosts.values() if tier in host.groups})


def _note_unknown(joined: Site, sites: Sequence[Site]) -> None:
    """Note hosts that no source of the fabric or of groups knows of."""
    fabric = Site()
    for site in sites:
        if site.links or site.tiers:
            _join_hosts(fabric, replace(site, findings=[]))
    others = {name: host for name, host in joined.hosts.items() if name not in fabric.hosts}
    name_of = _matches(fabric, Site(hosts=others))
    unknown = [
        host
        for name, host in others.items()
        if name_of[name] not in fabric.hosts and stated(joined, host, "gpus") != 0
    ]
    if fabric.hosts and unknown:
        names = named(host.name for host in unknown)
        joined.findings.append(
            Problem(
                "I006",
                f"no source of the network knows of {names}; kept, but where they lie is not known",
                unknown[0].position,
            )
        )


def _measured_alone(joined: Site) -> None:
    """What is out of service on the one host that was looked at is not so on every other."""
    node = joined.node
    ill = bool(node.gpus_down) or any(nic.down is not None for nic in node.nics or [])
    if ill and len(joined.hosts) > 1:
        nics = [replace(nic, down=None) for nic in node.nics] if node.nics else node.nics
        joined.node = replace(node, gpus_down={}, nics=nics)
        joined.findings.append(
            Problem(
                "I007",
                "what is out of service on a host that was looked at from inside, but not named, is left out",
                None,
                "a source that says which host it was",
            )
        )
