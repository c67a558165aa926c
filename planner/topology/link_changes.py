"""What differs between two clusters in their switches and links."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.topology.changes import Change, bandwidth_change
from planner.topology.fabric_schema import Clos, Links, RailOptimized
from planner.topology.names import natural
from planner.topology.wires import Wires, wires_of
from planner.units import format_bandwidth

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from planner.topology.cluster import Cluster

    Pair = tuple[str, str]
    Signature = frozenset[Hashable]


KINDS = ("missing", "fewer", "slower", "extra", "more", "faster")


def link_changes(first: Cluster, second: Cluster) -> list[Change]:
    """Switches and links of the first cluster that the second lacks or has otherwise, and extra ones.

    Only between clusters whose files describe their switches. Switches are matched by name; where
    most have no counterpart of their name, by what lies beneath them. Links of switches and hosts
    that one side lacks altogether are not listed one by one.
    """
    if not all(isinstance(cluster.fabric, Links | RailOptimized | Clos) for cluster in (first, second)):
        return []
    one, other = wires_of(first), wires_of(second)
    other = _renamed(other, _match(one, other))
    counted = isinstance(first.fabric, Links) and isinstance(second.fabric, Links)
    return [*_switch_changes(one, other), *_pair_changes(one, other, counted)]


def _match(one: Wires, other: Wires) -> dict[str, str]:
    """For each switch of `other` its counterpart's name in `one`."""
    same = one.switches.keys() & other.switches.keys()
    if 2 * len(same) >= min(len(one.switches), len(other.switches)):
        return {name: name for name in same}
    matched: dict[str, str] = {}
    highest = max((level or 0 for level in one.switches.values()), default=0)
    for level in range(1, highest + 1):
        matched |= _match_level(_signatures(one, level, {}), _signatures(other, level, matched))
    return matched


def _signatures(wires: Wires, level: int, matched: Mapping[str, str]) -> dict[str, Signature]:
    """What lies beneath each switch of a level: hosts with their NICs, and switches."""
    found: dict[str, set[Hashable]] = defaultdict(set)
    for (low, high), nics in wires.nics.items():
        if wires.switches[high] == level:
            found[high].add((matched.get(low, low), nics))
    return {name: frozenset(own) for name, own in found.items()}


def _match_level(one: Mapping[str, Signature], other: Mapping[str, Signature]) -> dict[str, str]:
    """Switches with the most in common, each with one; those with the same in common in order of names."""
    owners: dict[Hashable, list[str]] = defaultdict(list)
    for name, own in one.items():
        for thing in own:
            owners[thing].append(name)
    shared: dict[Pair, int] = defaultdict(int)
    for name, own in other.items():
        for thing in own:
            for owner in owners.get(thing, ()):
                shared[owner, name] += 1
    ranked = sorted(
        shared,
        key=lambda pair: (
            -shared[pair] / len(one[pair[0]] | other[pair[1]]),
            natural(pair[0]),
            natural(pair[1]),
        ),
    )
    matched: dict[str, str] = {}
    taken = set[str]()
    for owner, name in ranked:
        if name not in matched and owner not in taken:
            matched[name] = owner
            taken.add(owner)
    return matched


def _renamed(wires: Wires, names: Mapping[str, str]) -> Wires:
    """Wires with other names of switches; those that have no counterpart keep theirs."""

    def new(name: str) -> str:
        return names.get(name, name)

    def pairs(old: dict[Pair, float]) -> dict[Pair, float]:
        return {(new(low), new(high)): value for (low, high), value in old.items()}

    return Wires(
        {new(name): level for name, level in wires.switches.items()},
        {(new(low), new(high)): links for (low, high), links in wires.links.items()},
        pairs(wires.bytes_per_s),
        {(new(low), new(high)): nics for (low, high), nics in wires.nics.items()},
        wires.hosts,
    )


def _switch_changes(one: Wires, other: Wires) -> list[Change]:
    """Switches that only one side has."""
    missing = tuple(name for name in one.switches if name not in other.switches)
    extra = tuple(name for name in other.switches if name not in one.switches)
    found = [Change("switch", "missing", missing)] if missing else []
    return [*found, Change("switch", "extra", extra)] if extra else found


def _pair_changes(one: Wires, other: Wires, counted: bool) -> list[Change]:
    """Links between what both sides have that differ, grouped by how."""
    both = (one.switches.keys() & other.switches.keys()) | (one.hosts & other.hosts)
    grouped: dict[tuple[str, str, str, str], list[Pair]] = defaultdict(list)
    for pair in [
        *one.links,
        *(_either_way(one, pair) for pair in other.links if _either_way(one, pair) not in one.links),
    ]:
        if not both.issuperset(pair):
            continue
        part = "node link" if pair[0] in one.hosts else "switch link"
        change = _change(one, other, pair, counted)
        if change:
            grouped[part, *change].append(pair)
    return [
        Change(part, kind, tuple(low for low, _ in pairs), tuple(high for _, high in pairs), expected, found)
        for (part, kind, expected, found), pairs in sorted(grouped.items(), key=_place)
    ]


def _place(item: tuple[tuple[str, str, str, str], list[Pair]]) -> tuple[bool, int, str]:
    """Links of switches before those of nodes, the worst first."""
    (part, kind, expected, found), _ = item
    return part == "node link", KINDS.index(kind), expected + found


def _either_way(one: Wires, pair: Pair) -> Pair:
    """The pair as `one` has it: levels may be told the other way round."""
    return pair[::-1] if pair[::-1] in one.links else pair


def _change(one: Wires, other: Wires, pair: Pair, counted: bool) -> tuple[str, str, str] | None:
    """How one pair differs: kind, expected, found."""
    there = pair if pair in other.links else pair[::-1]
    if there not in other.links:
        return "missing", _told(one, pair), ""
    if pair not in one.links:
        return "extra", "", _told(other, there)
    links = one.links[pair], other.links[there]
    if counted and links[0] != links[1]:
        kind = "fewer" if links[1] < links[0] else "more"
        return kind, _told(one, pair), _told(other, there)
    if pair[0] in one.hosts and not (one.bytes_per_s[pair] and other.bytes_per_s[there]):
        return None  # A NIC out of service is told as such.
    return bandwidth_change(one.bytes_per_s[pair], other.bytes_per_s[there])


def _told(wires: Wires, pair: Pair) -> str:
    links, speed = wires.links[pair], wires.bytes_per_s[pair]
    if not speed:
        return f"{links} link{'s' * (links > 1)}"
    return f"{links} x {format_bandwidth(speed / links)}"
