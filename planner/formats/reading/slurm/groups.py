"""Blocks, rings and tori, as tiers of a site."""

from __future__ import annotations

from collections import defaultdict
from math import prod
from typing import TYPE_CHECKING

from planner.errors import Problem
from planner.formats.site.site import Host
from planner.topology.names import compress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.formats.reading.slurm.layout import GroupLine, HostLists, Layout, TorusLine
    from planner.formats.site.site import Site


def add_blocks(site: Site, layout: Layout, lists: HostLists) -> None:
    """Blocks are a tier, and each larger size one above it, of blocks that follow each other."""
    site.tiers.append("block")
    _add_groups(site, "block", layout.blocks, lists)
    names = list(dict.fromkeys(line.name.text for line in layout.blocks))
    for times in _multiples(site, layout):
        if times >= len(names):
            break
        tier = f"block_x{times}"
        site.tiers.append(tier)
        larger = {name: _span(names, index // times * times, times) for index, name in enumerate(names)}
        for host in site.hosts.values():
            if "block" in host.groups:
                host.groups[tier] = larger[host.groups["block"]]
    site.assumptions.append("Blocks are groups of nodes; nothing says whether each is one NVLink domain.")


def add_rings(site: Site, layout: Layout, lists: HostLists) -> None:
    """Rings are a tier, in which nodes keep their order."""
    site.tiers.append("ring")
    _add_groups(site, "ring", layout.rings, lists)
    site.assumptions.append("Rings are groups of nodes in the order of the ring; its links are not kept.")


def add_toruses(site: Site, layout: Layout, lists: HostLists) -> None:
    """Rows along x, planes of x and y, and whole tori are tiers, in which nodes keep their order."""
    site.tiers += ["row", "plane", "torus"]
    for line in layout.toruses:
        _add_torus(site, line, lists)
    each = ", ".join(f"{line.name.text} {' x '.join(map(str, line.dims))}" for line in layout.toruses[:5])
    site.assumptions.append(
        f"Rows along x and planes of x and y stand for the links of each torus ({each}); links that"
        " wrap around are not kept. Where the cluster is one torus, 'fabric: {kind: torus}' adds them."
    )


def _add_groups(site: Site, tier: str, lines: Sequence[GroupLine], lists: HostLists) -> None:
    seen: set[str] = set()
    for line in lines:
        name = line.name.text
        if name in seen:
            site.findings.append(
                Problem("I082", f"{tier} {name} is described twice; both hold", line.name.position)
            )
        seen.add(name)
        hosts = lists.expand(line.nodes)
        if not hosts:
            site.findings.append(Problem("I023", f"no nodes in {tier} {name}", line.name.position))
        elsewhere: dict[str, list[str]] = defaultdict(list)
        for host in dict.fromkeys(hosts):
            known = site.hosts.setdefault(
                host, Host(host, position=line.nodes.position if line.nodes else None)
            )
            if known.groups.setdefault(tier, name) != name:
                elsewhere[known.groups[tier]].append(host)
        for other, shared in elsewhere.items():
            message = f"{compress(shared)} in {tier} {name} as well as in {other}, which holds"
            place = line.nodes.position if line.nodes else None
            site.findings.append(Problem("I024", message, place, f"a node in one {tier}"))


def _multiples(site: Site, layout: Layout) -> list[int]:
    """How many blocks each larger size is, ascending; sizes that Slurm refuses are reported."""
    if not layout.block_sizes or layout.sizes_at is None:
        return []
    base = layout.block_sizes[0]
    found = set()
    for size in layout.block_sizes:
        times, rest = divmod(size, base) if base > 0 else (0, 1)
        if rest or times < 1 or times & (times - 1):
            message = f"block size {size} is not {base} times a power of two, and is left out"
            site.findings.append(
                Problem("I027", message, layout.sizes_at.position, "sizes of base x 1, 2, 4, 8, ...")
            )
        elif times > 1:
            found.add(times)
    return sorted(found)


def _span(names: Sequence[str], start: int, times: int) -> str:
    """The name of several blocks: of the first and the last of them."""
    first, last = names[start], names[min(start + times, len(names)) - 1]
    return first if first == last else f"{first}-{last}"


def _add_torus(site: Site, line: TorusLine, lists: HostLists) -> None:
    """Nodes by their coordinates, x fastest; those beyond the last coordinate are reported."""
    hosts = list(dict.fromkeys(lists.expand(line.nodes)))
    x, y, _ = line.dims
    room = prod(line.dims)
    place = line.nodes.position if line.nodes else line.name.position
    if len(hosts) != room:
        message = f"{len(hosts):,} nodes in torus {line.name.text}, which has room for {room:,}"
        site.findings.append(Problem("I027", message, place, f"{room:,} nodes"))
    for index, host in enumerate(hosts):
        known = site.hosts.setdefault(host, Host(host, position=place))
        if "torus" in known.groups:
            message = f"{host} in torus {line.name.text} as well as in {known.groups['torus']}, which holds"
            site.findings.append(Problem("I024", message, place, "a node in one torus"))
            continue
        known.groups["torus"] = line.name.text
        if index < room:
            plane = f"{line.name.text}-z{index // (x * y)}"
            known.groups |= {"plane": plane, "row": f"{plane}-y{index // x % y}"}
