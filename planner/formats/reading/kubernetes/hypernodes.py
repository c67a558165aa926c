"""Volcano's HyperNodes: domains by tier, whose members are nodes or HyperNodes of lower tiers."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from planner.errors import Problem
from planner.formats.reading.kubernetes.objects import name_of
from planner.formats.reading.structured import mapping, sequence, word

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from planner.formats.reading.structured import Places
    from planner.formats.site.site import Site

# Volcano's own expressions take linear time; with these Python's may not.
_ENDLESS = re.compile(r"[+*}]\)*[+*{]|\\[1-9]")
LONGEST_PATTERN = 500
MOST_NOTED = 50


@dataclass
class _HyperNode:
    """One HyperNode: its tier, the nodes in it, and the HyperNodes in it."""

    name: str
    tier: int
    tier_name: str | None
    members: list[dict[str, Any]]
    nodes: set[str] = field(default_factory=set)
    inner: set[str] = field(default_factory=set)


def add_hypernodes(
    site: Site, places: Places, items: Sequence[dict[str, Any]], labels: Mapping[str, Mapping[str, str]]
) -> None:
    """Give the site a tier for each tier of HyperNodes, and each host the domains that hold it.

    Parameters
    ----------
    labels
        Labels of each node, by its name.
    """
    found = _read(site, places, items)
    for each in found.values():
        for member in each.members:
            _add_member(site, places, each, member, found, labels)
    names = _tier_names(found.values())
    site.tiers = [names[tier] for tier in sorted(names)]
    for each in found.values():
        tier = names[each.tier]
        for node in sorted(_all_nodes(each, found)):
            own = site.hosts[node].groups.setdefault(tier, each.name)
            if own != each.name:
                _note(site, places, "I084", node, f"{node} lies in {own} and {each.name} of tier {tier}")


def _read(site: Site, places: Places, items: Sequence[dict[str, Any]]) -> dict[str, _HyperNode]:
    found: dict[str, _HyperNode] = {}
    for item in items:
        name, spec = name_of(item), mapping(item.get("spec"))
        tier = word(spec.get("tier"))
        if name is None or tier is None or not re.fullmatch(r"[0-9]{1,3}", tier):
            _note(site, places, "I081", name, "a HyperNode without a name or a tier is left out")
        elif name in found:
            _note(site, places, "I082", name, f"HyperNode {name} is listed twice; the first holds")
        else:
            members = [mapping(each) for each in sequence(spec.get("members"))]
            found[name] = _HyperNode(name, int(tier), word(spec.get("tierName")), members)
    return found


def _add_member(
    site: Site,
    places: Places,
    each: _HyperNode,
    member: dict[str, Any],
    found: Mapping[str, _HyperNode],
    labels: Mapping[str, Mapping[str, str]],
) -> None:
    selector = mapping(member.get("selector"))
    of_nodes = member.get("type") != "HyperNode"
    known = list(labels) if of_nodes else list(found)
    try:
        chosen = set(_selected(selector, known, labels))
    except ValueError as error:
        _note(site, places, "I085", each.name, f"a member of {each.name} cannot be read: {error}")
        return
    unknown = chosen.difference(known)
    for name in sorted(unknown):
        _note(site, places, "I086", name, f"{each.name} has a member {name} that is not listed")
    if of_nodes:
        each.nodes |= chosen - unknown
    else:
        each.inner |= chosen - unknown


def _selected(
    selector: dict[str, Any], known: Sequence[str], labels: Mapping[str, Mapping[str, str]]
) -> Iterator[str]:
    """Names that a selector stands for; raises ValueError where it cannot be read."""
    exact = word(mapping(selector.get("exactMatch")).get("name"))
    pattern = word(mapping(selector.get("regexMatch")).get("pattern"))
    by_label = selector.get("labelMatch")
    if exact is not None:
        yield exact
    elif pattern is not None:
        expression = _compiled(pattern)
        yield from (name for name in known if expression.search(name))
    elif isinstance(by_label, dict) and by_label:
        yield from (name for name in known if _matches(by_label, labels.get(name, {})))
    else:
        raise ValueError("neither exactMatch nor regexMatch nor labelMatch")


def _compiled(pattern: str) -> re.Pattern[str]:
    if len(pattern) > LONGEST_PATTERN or _ENDLESS.search(pattern):
        raise ValueError(f"pattern {pattern[:60]!r} could take for ever")
    try:
        return re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"pattern {pattern[:60]!r} is no regular expression") from error


def _matches(selector: dict[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether labels fit a selector, by the rules of Kubernetes."""
    equal = mapping(selector.get("matchLabels"))
    if any(labels.get(key) != word(value) for key, value in equal.items()):
        return False
    return all(_fits(mapping(each), labels) for each in sequence(selector.get("matchExpressions")))


def _fits(expression: dict[str, Any], labels: Mapping[str, str]) -> bool:
    value = labels.get(word(expression.get("key")) or "")
    values = [word(each) for each in sequence(expression.get("values"))]
    match expression.get("operator"):
        case "In":
            return value is not None and value in values
        case "NotIn":
            return value is None or value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case other:
            raise ValueError(f"operator {str(other)[:60]!r} is not known")


def _tier_names(found: Any) -> dict[int, str]:
    """Name of each tier: what most of its HyperNodes call it, else its number."""
    stated: dict[int, list[str | None]] = defaultdict(list)
    for each in found:
        stated[each.tier].append(each.tier_name)
    names: dict[int, str] = {}
    for tier, words in sorted(stated.items()):
        own = next((word for word in words if word), None)
        names[tier] = own if own and own not in names.values() else f"tier-{tier}"
    return names


def _all_nodes(each: _HyperNode, found: Mapping[str, _HyperNode]) -> set[str]:
    """Nodes in a HyperNode and in those within it, each of which is looked at once."""
    seen, waiting, nodes = {each.name}, [each], set()
    while waiting:
        current = waiting.pop()
        nodes |= current.nodes
        for name in sorted(current.inner - seen):
            seen.add(name)
            waiting.append(found[name])
    return nodes


def _note(site: Site, places: Places, code: str, name: str | None, message: str) -> None:
    if sum(problem.code == code for problem in site.findings) < MOST_NOTED:
        site.findings.append(Problem(code, message, places.of(name)))
