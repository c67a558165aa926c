"""Where each host lies: its path down the tiers, with names that a topology file can hold."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from planner.errors import Problem
from planner.formats.site.figures import named
from planner.formats.site.naming import Names
from planner.topology.names import natural
from planner.topology.schema import RESERVED, TIER_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from planner.formats.site.figures import Figures
    from planner.formats.site.site import Host, Site

Path = tuple[str, ...]
# For each host the tiers it lies in no domain of, the domain it is put into, and whether that is made up.
_Outside = defaultdict[str, list[tuple[str, str, bool]]]
MOST_TIERS = 14
MOST_NOTED = 50


@dataclass(frozen=True)
class Tier:
    """A tier between the node and the whole cluster.

    Parameters
    ----------
    name
        As the topology file calls it.
    source
        As the site calls it; None for NVLink domains that are no tier of the site.
    word_of
        What the site calls the domain of this tier that each host lies in, by host.
    names
        Names of the domains, by what the site calls them.
    """

    name: str
    source: str | None
    word_of: dict[str, str]
    names: Names


@dataclass(frozen=True)
class Places:
    """Tiers innermost first, and the path of each host, outermost first and the node last.

    Parameters
    ----------
    node, cluster
        Names of the first and the last tier.
    boundary
        Index among all tiers, the node being 0, of the one whose domains are NVLink domains.
    made_up
        Hosts that no source puts into a domain of some tier, nor into one beside others.
    """

    node: str
    cluster: str
    tiers: tuple[Tier, ...]
    boundary: int
    path_of: dict[str, Path]
    made_up: frozenset[str] = frozenset()

    def domain(self, host: str, tier: int) -> Path:
        """Path of the domain of `tier` (the node being 0) that a host lies in."""
        return self.path_of[host][: len(self.tiers) - tier + 1]


@dataclass
class _Grouping:
    """A tier in the making: the site's word for each host's domain."""

    source: str | None
    word_of: dict[str, str]


def places(site: Site, settled: Sequence[Figures]) -> Places:
    """Paths of the hosts; what had to be made up or cannot be said is noted in the site's findings."""
    hosts = [each.host for each in settled]
    outside: _Outside = defaultdict(list)
    groupings = _without_trivial([_grouping(site, tier, hosts, outside) for tier in _tiers(site, hosts)])
    _note_outside(site, outside)
    _note_crossings(site, groupings)
    boundary = _insert_scale_up(site, groupings, hosts)
    names = _tier_names([each.source or "nvlink" for each in groupings])
    tiers = tuple(
        Tier(name, each.source, each.word_of, Names(each.word_of.values()))
        for name, each in zip(names, groupings, strict=True)
    )
    node_names = _node_names(site, hosts)
    paths = {
        host.name: (*(tier.names[tier.word_of[host.name]] for tier in reversed(tiers)), node_names[host.name])
        for host in hosts
    }
    node = _free_name(("node", "host", "server"), names)
    cluster = _free_name(("cluster", "site", "all"), [*names, node])
    made_up = {name for name, fates in outside.items() if any(lost for _, _, lost in fates)}
    return Places(node, cluster, tiers, boundary, paths, frozenset(made_up | _unlinked(site)))


def _unlinked(site: Site) -> set[str]:
    """Hosts that no link leads to, where tiers are those of the links."""
    if not site.switches or not site.links:
        return set()
    return site.hosts.keys() - {end for link in site.links for end in link.ends}


def _node_names(site: Site, hosts: Sequence[Host]) -> Names:
    """Names of the nodes; each that is not its host's is noted."""
    names = Names(host.name for host in hosts)
    for word in names.changed[:MOST_NOTED]:
        problem = Problem(
            "I013",
            f"{word!r} cannot be a host name; {names[word]!r} stands for it",
            site.hosts[word].position,
            "letters, digits, '.', '_' and '-'",
        )
        site.findings.append(problem)
    return names


def _tiers(site: Site, hosts: Sequence[Host]) -> list[str]:
    """Tiers of the site in which at least one host has a domain; no more than a file can have."""
    used = {tier for host in hosts for tier in host.groups}
    tiers = [tier for tier in dict.fromkeys(site.tiers) if tier in used]
    if len(tiers) > MOST_TIERS - 1:
        left_out = ", ".join(tiers[MOST_TIERS - 1 :])
        site.findings.append(
            Problem("I014", f"too many tiers; {left_out} are left out", None, f"at most {MOST_TIERS - 1}")
        )
    return tiers[: MOST_TIERS - 1]


def _grouping(site: Site, tier: str, hosts: Sequence[Host], outside: _Outside) -> _Grouping:
    """Domains of one tier; hosts without one get that of hosts they lie together with, or one made up."""
    word_of = {host.name: host.groups[tier] for host in hosts if tier in host.groups}
    without = [host for host in hosts if tier not in host.groups]
    if not without:
        return _Grouping(tier, word_of)
    inner = site.tiers[: site.tiers.index(tier)]
    beside = _majorities(inner, tier, hosts)
    made_up = _unused(f"no-{tier}", set(word_of.values()))
    for host in without:
        known = (beside.get((below, host.groups[below])) for below in reversed(inner) if below in host.groups)
        word = next((word for word in known if word is not None), None)
        word_of[host.name] = made_up if word is None else word
        outside[host.name].append((tier, word_of[host.name], word is None))
    return _Grouping(tier, word_of)


def _note_outside(site: Site, outside: _Outside) -> None:
    """Note hosts that lie in no domain of some tiers, those of the same fate together."""
    alike: dict[tuple[tuple[str, str, bool], ...], list[str]] = defaultdict(list)
    for name, fates in outside.items():
        alike[tuple(fates)].append(name)
    for fate, names in alike.items():
        tiers = ", ".join(tier for tier, _, _ in fate)
        words = ", ".join(word for _, word, _ in fate)
        made_up = all(lost for _, _, lost in fate)
        site.findings.append(
            Problem(
                "I015",
                f"{named(names)} {'lies' if len(names) == 1 else 'lie'} in no {tiers}; "
                + (f"put into {words}" if made_up else f"taken to lie in {words}, as those beside do"),
                site.hosts[names[0]].position,
                "a domain of each tier",
            )
        )


def _majorities(inner: Sequence[str], tier: str, hosts: Sequence[Host]) -> dict[tuple[str, str], str]:
    """For each domain of each inner tier the domain of `tier` that most of its hosts lie in."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for host in hosts:
        if tier in host.groups:
            for below in inner:
                if below in host.groups:
                    counts[below, host.groups[below]][host.groups[tier]] += 1
    return {key: min(count, key=lambda word: (-count[word], word)) for key, count in counts.items()}


def _unused(word: str, used: set[str]) -> str:
    while word in used:
        word += "-"
    return word


def _without_trivial(groupings: list[_Grouping]) -> list[_Grouping]:
    """Tiers without outermost ones of a single domain, which is the whole cluster."""
    kept = list(groupings)
    while kept and len(set(kept[-1].word_of.values())) == 1:
        kept.pop()
    return kept


def _note_crossings(site: Site, groupings: Sequence[_Grouping]) -> None:
    """Note each domain whose hosts lie in several domains of the next tier out."""
    for inner, outer in pairwise(groupings):
        around = _around(inner.word_of, outer.word_of)
        for word in [word for word in sorted(around, key=natural) if len(around[word]) > 1][:MOST_NOTED]:
            outside = ", ".join(sorted(around[word], key=natural))
            first = next(name for name, own in inner.word_of.items() if own == word)
            site.findings.append(
                Problem(
                    "I016",
                    f"{inner.source} {word} lies in several of tier {outer.source}: {outside}; "
                    "each has a part of it",
                    site.hosts[first].position,
                    f"one {outer.source}",
                )
            )


def _around(inner: dict[str, str], outer: dict[str, str]) -> dict[str, set[str]]:
    """For each domain of `inner` those of `outer` that its hosts lie in."""
    around: dict[str, set[str]] = defaultdict(set)
    for name, word in inner.items():
        around[word].add(outer[name])
    return around


def _insert_scale_up(site: Site, groupings: list[_Grouping], hosts: Sequence[Host]) -> int:
    """Put NVLink domains of several hosts in their place among the tiers; the index of theirs, or 0."""
    stated = {host.name: host.scale_up for host in hosts if host.scale_up}
    if len(set(stated.values())) == len(stated):
        return 0
    used = set(stated.values())
    domain_of = {host.name: stated.get(host.name) or _unused(host.name, used) for host in hosts}
    for place, each in enumerate(groupings):
        if _nested(domain_of, each.word_of) and _nested(each.word_of, domain_of):
            return place + 1
    whole = {host.name: "" for host in hosts}
    levels = [{host.name: host.name for host in hosts}, *(each.word_of for each in groupings), whole]
    for place, (inner, outer) in enumerate(pairwise(levels)):
        if _nested(inner, domain_of) and _nested(domain_of, outer):
            groupings.insert(place, _Grouping(None, domain_of))
            return place + 1
    site.findings.append(
        Problem(
            "I017",
            f"NVLink domains do not lie in one {groupings[0].source} each; they are cut where they cross",
            next(host.position for host in hosts if host.scale_up),
        )
    )
    groupings.insert(0, _Grouping(None, domain_of))
    return 1


def _nested(inner: dict[str, str], outer: dict[str, str]) -> bool:
    """Whether every domain of `inner` lies in one of `outer`."""
    return all(len(words) == 1 for words in _around(inner, outer).values())


def _tier_names(words: Iterable[str]) -> list[str]:
    names: list[str] = []
    for word in words:
        bare = re.sub(r"[^A-Za-z0-9_-]+", "-", word).strip("-")[:50] or "tier"
        bare = bare if re.match(TIER_NAME, bare) else f"tier-{bare}"
        names.append(_distinct(bare, lambda name: name in names or name in RESERVED))
    return names


def _distinct(word: str, taken: Callable[[str], bool]) -> str:
    number, name = 2, word
    while taken(name):
        name, number = f"{word}-{number}", number + 1
    return name


def _free_name(choices: Sequence[str], taken: Sequence[str]) -> str:
    return next((name for name in choices if name not in taken), _distinct(choices[0], taken.__contains__))
