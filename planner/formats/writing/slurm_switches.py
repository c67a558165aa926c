"""The tiers of a cluster as Slurm's switches and blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.errors import InputError, UsageError
from planner.formats.hostlist import compress
from planner.formats.site.labels import clean, unique
from planner.formats.writing.options import Option

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.topology.cluster import Cluster, IntArray

TIER = Option(
    "tier",
    "",
    "for blocks, the tier that they are; by default the NVLink domain where it is more than a node,"
    " else the tier above the node",
)


@dataclass(frozen=True)
class Switch:
    """A switch: a host list of the switches beneath it, or of its nodes."""

    name: str
    children: str = ""
    nodes: str = ""


@dataclass(frozen=True)
class Blocks:
    """Blocks with their nodes, and the sizes that Slurm plans with, the base first."""

    nodes: dict[str, str]
    sizes: tuple[int, ...]


def switches(cluster: Cluster) -> list[Switch]:
    """One switch for each domain above the nodes, the outermost first.

    Raises
    ------
    UsageError
        E003 for a host that Slurm would take for several.
    """
    names = _names(cluster)
    found = []
    for index in range(len(cluster.tiers) - 1, 0, -1):
        beneath = names[index - 1] if index > 1 else list(cluster.host_names)
        for name, inner in zip(names[index], _inside(cluster, index), strict=True):
            listed = host_list(beneath[domain] for domain in inner)
            found.append(Switch(name, children=listed) if index > 1 else Switch(name, nodes=listed))
    return found


def blocks(cluster: Cluster, tier: str) -> Blocks:
    """The domains of a tier as blocks; larger sizes are those of the tiers around it, where they fit.

    Raises
    ------
    UsageError
        E002 for a tier that cannot be blocks, E003 for a host that Slurm would take for several.
    """
    index = _block_tier(cluster, tier)
    node_in: IntArray = np.arange(cluster.nodes, dtype=np.int32)
    for inner in cluster.tiers[:index]:
        node_in = inner.parent[node_in]
    order = np.argsort(node_in, kind="stable")
    counts = np.bincount(node_in, minlength=cluster.tiers[index].domains)
    parts = np.split(order, np.cumsum(counts)[:-1])
    nodes = {
        name: host_list(cluster.host_names[node] for node in part)
        for name, part in zip(_names(cluster)[index], parts, strict=True)
    }
    return Blocks(nodes, (int(counts.min()), *_larger_sizes(cluster, index, int(counts.min()))))


def host_list(names: Iterable[str]) -> str:
    """A host list of Slurm's.

    Raises
    ------
    UsageError
        E003 for a name that no host list can hold.
    """
    try:
        return compress(names)
    except InputError as error:
        problem = error.problems[0]
        raise UsageError.of("E003", problem.message, expected=problem.expected) from error


def _names(cluster: Cluster) -> list[list[str]]:
    """A name for each domain of each tier that no other has: its own, else its path."""
    own = [[clean(name) or tier.name for name in tier.names] for tier in cluster.tiers]
    flat = [name for names in own[1:] for name in names]
    if len(set(flat)) == len(flat):
        return own
    taken: set[str] = set()
    for index in range(len(cluster.tiers) - 1, 0, -1):
        for domain in range(cluster.tiers[index].domains):
            name = unique(clean(cluster.domain_path(index, domain).replace("/", "-")) or "switch", taken)
            taken.add(name)
            own[index][domain] = name
    return own


def _inside(cluster: Cluster, index: int) -> list[IntArray]:
    """For each domain of a tier the domains of the next tier in that it holds."""
    parent = cluster.tiers[index - 1].parent
    order = np.argsort(parent, kind="stable").astype(np.int32)
    counts = np.bincount(parent, minlength=cluster.tiers[index].domains)
    return np.split(order, np.cumsum(counts)[:-1])


def _block_tier(cluster: Cluster, tier: str) -> int:
    names = [each.name for each in cluster.tiers[1:]]
    if tier and tier not in names:
        raise UsageError.of(
            "E002", f"--option tier: {tier!r} cannot be blocks", expected=f"one of {', '.join(names)}"
        )
    return cluster.tier_index(tier) if tier else max(cluster.boundary, 1)


def _larger_sizes(cluster: Cluster, index: int, base: int) -> list[int]:
    """Sizes of the tiers around blocks, where each domain is the same power of two of whole blocks."""
    found = []
    domain: IntArray = np.arange(cluster.tiers[index].domains, dtype=np.int32)
    for outer in range(index, len(cluster.tiers) - 2):
        domain = cluster.tiers[outer].parent[domain]
        held = set(np.bincount(domain).tolist())
        times = held.pop()
        if held or times < 2 or times & (times - 1):
            break
        found.append(base * times)
    return found
