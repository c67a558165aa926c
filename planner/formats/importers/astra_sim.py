"""The network of an ASTRA-sim simulation (`topology`, `npus_count`, `bandwidth`, `latency`).

Each dimension becomes a tier: the first one the node with its scale-up bandwidth, every further one a
group of those before it. Bandwidths are GB/s of one link and direction, so a GPU has one of them on a
`Switch`, two on a `Ring` and one to each other GPU where they are `FullyConnected`. Latencies are not
used.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from planner.errors import InputError, Problem
from planner.formats.site.site import Host, Nic, Node, Site
from planner.source import Document, parse_document
from planner.topology.schema import MOST_GPUS_A_NODE

if TYPE_CHECKING:
    from planner.errors import Position
    from planner.formats.site.site import Source

KINDS = ("Ring", "FullyConnected", "Switch")
MOST_GPUS = 1_000_000
MOST_DIMENSIONS = 12
LEAST_GB_PER_S, LARGEST_GB_PER_S = 1e-6, 1e6


def recognises(source: Source) -> bool:
    """Whether this looks like ASTRA-sim's network description."""
    head = source.text[:100_000]
    return all(re.search(rf"^\s*{key}\s*:", head, re.MULTILINE) for key in ("topology", "npus_count"))


@dataclass(frozen=True)
class Dimension:
    """One dimension: its kind, its size, and bytes per second of a link."""

    kind: str
    size: int
    link_bytes_per_s: float

    @property
    def bytes_per_s(self) -> float:
        """Out of one GPU, per direction."""
        links = {"Ring": min(2, self.size - 1), "FullyConnected": self.size - 1}.get(self.kind, 1)
        return self.link_bytes_per_s * max(1, links)


def read(source: Source) -> Site:
    """The cluster of the simulation.

    Raises
    ------
    InputError
        I072 where kinds, sizes or bandwidths are missing or make no cluster; Y codes where it is no YAML.
    """
    document = parse_document(source.text, source.name)
    findings: list[Problem] = []
    dimensions = _dimensions(document, findings)
    if dimensions[0].size > MOST_GPUS_A_NODE:
        dimensions.insert(0, Dimension("Switch", 1, dimensions[0].link_bytes_per_s))
    return _site(dimensions, findings)


def _dimensions(document: Document, findings: list[Problem]) -> list[Dimension]:
    kinds = _list(document, "topology")
    sizes = [_size(document, index, each) for index, each in enumerate(_list(document, "npus_count"))]
    links = [_link(document, index, each) for index, each in enumerate(_list(document, "bandwidth"))]
    lengths = {"topology": len(kinds), "npus_count": len(sizes), "bandwidth": len(links)}
    if len(set(lengths.values())) > 1 or not 0 < len(kinds) <= MOST_DIMENSIONS:
        said = ", ".join(f"{count} in {key}" for key, count in lengths.items())
        raise _wrong(f"lists of different lengths: {said}", document.position(["npus_count"], key=True))
    if math.prod(sizes) > MOST_GPUS:
        message = f"more than {MOST_GPUS:,} GPUs"
        raise _wrong(message, document.position(["npus_count"]), expected=f"at most {MOST_GPUS:,}")
    named = [_kind(document, index, str(kind), findings) for index, kind in enumerate(kinds)]
    return [Dimension(*each) for each in zip(named, sizes, links, strict=True)]


def _list(document: Document, key: str) -> list[Any]:
    value = document.data.get(key)
    if value is None:
        raise _wrong(
            f"{key} is missing", document.position(), expected=f"{key}, a list of one item a dimension"
        )
    return value if isinstance(value, list) else [value]


def _kind(document: Document, index: int, kind: str, findings: list[Problem]) -> str:
    known = {each.lower(): each for each in KINDS}
    if kind.lower() in known:
        return known[kind.lower()]
    findings.append(
        Problem(
            "I073",
            f"kind of network {kind[:60]!r} is not known",
            document.position(["topology", index]),
            expected=", ".join(KINDS),
            suggestion="it is taken as a Switch",
        )
    )
    return "Switch"


def _size(document: Document, index: int, value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MOST_GPUS:
        return value
    message = f"a dimension of {str(value)[:60]!r} GPUs"
    raise _wrong(message, document.position(["npus_count", index]), expected="a whole number above 0")


def _link(document: Document, index: int, value: object) -> float:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and LEAST_GB_PER_S <= float(str(value)) <= LARGEST_GB_PER_S:
        return float(str(value)) * 1e9
    message = f"a bandwidth of {str(value)[:60]!r}"
    raise _wrong(message, document.position(["bandwidth", index]), expected="GB/s, a number above 0")


def _wrong(message: str, position: Position, expected: str = "one item a dimension in each") -> InputError:
    return InputError.of("I072", message, expected=expected, position=position)


def _site(dimensions: list[Dimension], findings: list[Problem]) -> Site:
    node, *outer = dimensions
    nics = None
    if outer:
        nics = [Nic(f"nic{index}", outer[0].bytes_per_s, index) for index in range(node.size)]
    scale_up = node.bytes_per_s if node.size > 1 else None
    site = Site(node=Node(node.size, nics=nics, scale_up_bytes_per_s=scale_up), findings=findings)
    site.tiers = [f"dim{number}" for number in range(2, len(dimensions))]
    _add_hosts(site, outer)
    _add_uplinks(site, node.size, outer)
    shape = " x ".join(f"{each.kind}({each.size})" for each in dimensions)
    site.assumptions.append(f"the first dimension of {shape} is the node")
    if outer:
        site.assumptions.append("a NIC for each GPU, with the bandwidth that it has in the second dimension")
    return site


def _add_hosts(site: Site, outer: list[Dimension]) -> None:
    """A host for each place in the outer dimensions, the second one counting fastest."""
    for number, place in enumerate(product(*(range(each.size) for each in reversed(outer)))):
        name = f"node{number:0{len(str(math.prod(each.size for each in outer) - 1))}d}"
        # Place counts outermost first; the group in a tier is all of it that lies further out.
        groups = {
            tier: f"{tier}-" + "-".join(map(str, place[: len(place) - 1 - index]))
            for index, tier in enumerate(site.tiers)
        }
        site.hosts[name] = Host(name, groups=groups)


def _add_uplinks(site: Site, gpus: int, outer: list[Dimension]) -> None:
    """Out of a group goes what all its GPUs have in the dimension after it."""
    for index, tier in enumerate(site.tiers):
        gpus *= outer[index].size
        bandwidth = gpus * outer[index + 1].bytes_per_s
        site.uplink_bytes_per_s[tier] = {host.groups[tier]: bandwidth for host in site.hosts.values()}
