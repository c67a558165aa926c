"""Which switches of one level belong together, and to which of them each thing beneath belongs."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# So many things beneath both of two groups, and such a share of the smaller one, are no accident.
FEWEST_COMMON = 4
COMMON_SHARE = 1 / 3


@dataclass(frozen=True)
class Groups:
    """Switches that share what lies beneath them.

    Parameters
    ----------
    switches
        Switches of each group.
    group_of
        Group of each thing beneath: the one that most of its links go to.
    strays
        Things beneath that are joined to other groups too, and to which switches there.
    """

    switches: list[list[str]] = field(default_factory=list)
    group_of: dict[str, int] = field(default_factory=dict)
    strays: dict[str, list[str]] = field(default_factory=dict)


def group(beneath: Mapping[str, Mapping[str, float]]) -> Groups:
    """Group switches by what lies beneath them.

    A switch joins the group that more than half of what lies beneath it is in already, the largest
    switches first; else it founds one. So a single cable to the wrong switch joins no groups, and
    a missing one parts none. Groups that have much in common are one after all.

    Parameters
    ----------
    beneath
        For each switch what lies beneath it, with the weight of the links to it.
    """
    found = _founded(beneath)
    found = _merged(found, beneath)
    numbers = {switch: number for number, switches in enumerate(found) for switch in switches}
    weights: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for switch, things in beneath.items():
        for thing, weight in things.items():
            weights[thing][numbers[switch]] += weight
    group_of = {thing: max(own, key=lambda number: own[number]) for thing, own in weights.items()}
    strays = {
        thing: [
            switch
            for switch, things in beneath.items()
            if thing in things and numbers[switch] != group_of[thing]
        ]
        for thing, own in weights.items()
        if len(own) > 1
    }
    return Groups(found, group_of, strays)


def _founded(beneath: Mapping[str, Mapping[str, float]]) -> list[list[str]]:
    """Groups by majority, in the order of their first switch."""
    groups: list[list[str]] = []
    groups_of: dict[str, set[int]] = defaultdict(set)
    for switch in sorted(beneath, key=lambda name: -len(beneath[name])):
        things = beneath[switch]
        common = Counter(number for thing in things for number in groups_of[thing])
        number, shared = max(common.items(), key=lambda item: (item[1], -item[0]), default=(0, 0))
        if 2 * shared <= len(things):
            number = len(groups)
            groups.append([])
        groups[number].append(switch)
        for thing in things:
            groups_of[thing].add(number)
    return _in_order(groups, beneath)


def _merged(groups: list[list[str]], beneath: Mapping[str, Mapping[str, float]]) -> list[list[str]]:
    """Groups that share too much to be told apart, as one."""
    things = [{thing for switch in switches for thing in beneath[switch]} for switches in groups]
    owners: dict[str, list[int]] = defaultdict(list)
    for number, own in enumerate(things):
        for thing in own:
            owners[thing].append(number)
    common: Counter[tuple[int, int]] = Counter(
        (one, other)
        for numbers in owners.values()
        for place, one in enumerate(numbers)
        for other in numbers[place + 1 :]
    )
    leader = list(range(len(groups)))
    for (one, other), times in common.items():
        if times >= max(FEWEST_COMMON, COMMON_SHARE * min(len(things[one]), len(things[other]))):
            old, new = leader[other], leader[one]
            leader = [new if own == old else own for own in leader]
    joined: dict[int, list[str]] = defaultdict(list)
    for number, switches in enumerate(groups):
        joined[leader[number]] += switches
    return _in_order(list(joined.values()), beneath)


def _in_order(groups: list[list[str]], beneath: Mapping[str, Mapping[str, float]]) -> list[list[str]]:
    """Groups, and the switches in each, in the order in which the switches were given."""
    place = {switch: number for number, switch in enumerate(beneath)}
    ordered = [sorted(switches, key=lambda switch: place[switch]) for switches in groups]
    return sorted(ordered, key=lambda switches: place[switches[0]])
