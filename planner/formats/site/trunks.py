"""The links of a site as few rows, each of them from every one of some things to every one of others."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.formats.site.labels import clean, unique
from planner.topology.blocks import blocks
from planner.topology.boxes import paths, range_of
from planner.topology.names import natural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from planner.formats.site.site import Site

    Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Trunk:
    """One row of links, as `planner.topology.fabric_schema.Link` has it.

    Parameters
    ----------
    ends
        A name range of switches, and another one or a selector of nodes.
    bytes_per_s
        Bandwidth of one link, per direction.
    count
        Parallel links.
    nic
        Index of the nodes' adapter that the links belong to; None between switches, or where that
        is not known.
    """

    ends: tuple[str, str]
    bytes_per_s: float
    count: int = 1
    nic: int | None = None


@dataclass(frozen=True)
class Trunks:
    """The fabric of a site.

    Parameters
    ----------
    switches
        Name ranges of the switches, one line a level, the leaves first; without those of which no
        link has a known bandwidth.
    rows
        The links: between switches first, then to hosts.
    names
        Name of each switch in the file, by the name it has in the site.
    complete
        Whether the bandwidth of every link is known; links without one are left out.
    """

    switches: list[str]
    rows: list[Trunk]
    names: dict[str, str]
    complete: bool


def trunks(site: Site, path_of: Mapping[str, Sequence[str]]) -> Trunks:
    """The links of `site` as rows.

    Parameters
    ----------
    path_of
        Path of each host in the file, the outermost tier first and the node last. Links to hosts
        that have none are left out, and so are links to what is no host and no switch.
    """
    names = _switch_names(site, {path[-1] for path in path_of.values()})
    places = names | {host: "/".join(path) for host, path in path_of.items()}
    known = [link for link in site.links if link.bytes_per_s and all(end in places for end in link.ends)]
    counts: Counter[tuple[str, str, float, int | None]] = Counter()
    for link in known:
        lower, upper = _ordered(site, link.ends)
        if upper in names and lower != upper:
            counts[lower, upper, link.bytes_per_s or 0.0, link.nic] += link.count
    rows = [
        row
        for (nodes, speed, count, nic), pairs in sorted(_alike(site, counts).items(), key=_place)
        for row in _rows(pairs, places, nodes, Trunk(("", ""), speed, count, nic))
    ]
    by_level: dict[int, list[str]] = defaultdict(list)
    silent = {end for link in site.links for end in link.ends} - {end for link in known for end in link.ends}
    for switch in site.switches.values():
        if switch.name not in silent:
            by_level[switch.level or 0].append(names[switch.name])
    switches = [range_of(by_level[level]) for level in sorted(by_level)]
    return Trunks(switches, rows, names, all(link.bytes_per_s for link in site.links))


def _switch_names(site: Site, taken: set[str]) -> dict[str, str]:
    """A name of its own for each switch, which no node has either."""
    names: dict[str, str] = {}
    used = set(taken)
    for switch in sorted(site.switches, key=natural):
        names[switch] = unique(clean(switch) or "switch", used)
        used.add(names[switch])
    return names


def _ordered(site: Site, ends: tuple[str, str]) -> tuple[str, str]:
    """Ends of a link, the lower one first."""
    one, other = sorted(ends, key=lambda end: (_level(site, end), natural(end)))
    return one, other


def _level(site: Site, end: str) -> int:
    return (site.switches[end].level or 1) if end in site.switches else 0


Kind = tuple[bool, float, int, "int | None"]


def _alike(site: Site, counts: Counter[tuple[str, str, float, int | None]]) -> dict[Kind, Pairs]:
    """The pairs of ends, the lower one first, that each kind of link joins."""
    kinds: dict[Kind, Pairs] = defaultdict(list)
    for (lower, upper, speed, nic), count in counts.items():
        kinds[lower not in site.switches, speed, count, nic].append((lower, upper))
    return kinds


def _place(item: tuple[Kind, Pairs]) -> tuple[bool, int, float, int]:
    """Links between switches before those to hosts, the commonest first, hosts rail by rail."""
    (nodes, _, count, nic), pairs = item
    return nodes, -1 if nic is None else nic, -len(pairs), count


def _rows(pairs: Pairs, places: Mapping[str, str], nodes: bool, row: Trunk) -> list[Trunk]:
    """Rows for links of one kind."""
    rows = []
    for lowers, uppers in blocks(pairs, by_second=nodes):
        above = range_of(places[upper] for upper in uppers)
        below = [places[lower] for lower in lowers]
        ends = paths(below) if nodes else [range_of(below)]
        rows += [Trunk((end, above), row.bytes_per_s, row.count, row.nic) for end in ends]
    return rows
