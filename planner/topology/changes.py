"""What differs between two clusters in their nodes: which there are, and what they are made of."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.units import format_bandwidth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from planner.topology.cluster import BoolArray, Cluster, IntArray

# Bandwidths that differ by less are the same.
SLIGHT = 1e-6


@dataclass(frozen=True)
class Change:
    """One difference, of all things that have it in common.

    Parameters
    ----------
    part
        What differs: ``node``, ``gpu``, ``nic``, a tier's name, ``switch``, ``node link`` or
        ``switch link``.
    kind
        How: ``missing``, ``extra``, ``down``, ``up``, ``slower``, ``faster``, ``fewer``, ``more``,
        ``moved`` or ``different``.
    names
        The things, by host name, path or switch; or the first ends of links.
    others
        The other end of each link; empty where things are no links.
    expected, found
        What is authored and what is there, for people; empty where `kind` says it all.
    """

    part: str
    kind: str
    names: tuple[str, ...]
    others: tuple[str, ...] = ()
    expected: str = ""
    found: str = ""


@dataclass(frozen=True)
class Common:
    """Nodes that two clusters have in common, by host name.

    Parameters
    ----------
    names
        Their host names, in the first cluster's order.
    first, second
        Index of each in both clusters.
    """

    names: list[str]
    first: IntArray
    second: IntArray


def common_nodes(first: Cluster, second: Cluster) -> Common:
    """The nodes that two clusters have in common."""
    index = {name: node for node, name in enumerate(second.host_names)}
    shared = [(name, node, index[name]) for node, name in enumerate(first.host_names) if name in index]
    names = [name for name, _, _ in shared]
    one, other = (np.array([each[side] for each in shared], np.int32) for side in (1, 2))
    return Common(names, one, other)


def node_changes(first: Cluster, second: Cluster, common: Common) -> list[Change]:
    """Nodes that are missing or extra, out of service, or made of something else."""
    known = set(common.names)
    missing = tuple(name for name in first.host_names if name not in known)
    extra = tuple(name for name in second.host_names if name not in known)
    found = [Change("node", "missing", missing)] if missing else []
    found += [Change("node", "extra", extra)] if extra else []
    alive = [_alive(cluster)[own] for cluster, own in ((first, common.first), (second, common.second))]
    for kind, where in (("down", alive[0] & ~alive[1]), ("up", alive[1] & ~alive[0])):
        if where.any():
            found.append(Change("node", kind, _named(common, where)))
    both = alive[0] & alive[1]
    return [*found, *_gpu_changes(first, second, common, both), *_nic_changes(first, second, common, both)]


def _alive(cluster: Cluster) -> BoolArray:
    """Nodes with a GPU in service, shape (nodes,)."""
    alive = np.zeros(cluster.nodes, np.bool_)
    alive[cluster.gpu_node[cluster.gpu_in_service]] = True
    return alive


def _named(common: Common, where: BoolArray) -> tuple[str, ...]:
    return tuple(common.names[index] for index in np.flatnonzero(where))


def _gpu_changes(first: Cluster, second: Cluster, common: Common, alive: BoolArray) -> Iterator[Change]:
    """GPUs that are fewer or more, of another model, or out of service, of nodes in service in both."""
    counts = [
        np.bincount(cluster.gpu_node, minlength=cluster.nodes)[own]
        for cluster, own in ((first, common.first), (second, common.second))
    ]
    yield from _grouped(
        "gpu",
        common,
        np.flatnonzero(counts[0] != counts[1]),
        lambda at: _counts(int(counts[0][at]), int(counts[1][at])),
    )
    models = [_models(cluster, own) for cluster, own in ((first, common.first), (second, common.second))]
    other = [
        at
        for at, pair in enumerate(zip(*models, strict=True))
        if pair[0] != pair[1] and "unspecified" not in pair
    ]
    yield from _grouped("gpu", common, other, lambda at: ("different", models[0][at], models[1][at]))
    states = [
        _by_device(cluster.gpu_node, cluster.gpu_local, cluster.gpu_in_service) for cluster in (first, second)
    ]
    yield from _health("gpu", common, alive, states)


def _models(cluster: Cluster, nodes: IntArray) -> list[str]:
    """Name of the GPU model of some nodes."""
    start = np.searchsorted(cluster.gpu_node, nodes)
    return [cluster.gpu_kinds[kind].name for kind in cluster.gpu_kind[start].tolist()]


def _counts(before: int, after: int) -> tuple[str, str, str]:
    return ("fewer" if after < before else "more"), str(before), str(after)


def _nic_changes(first: Cluster, second: Cluster, common: Common, alive: BoolArray) -> Iterator[Change]:
    """NICs that are fewer or more, slower or faster, or out of service; nothing where one file has none."""
    if not len(first.nic_node) or not len(second.nic_node):
        return
    counts = [
        np.bincount(cluster.nic_node, minlength=cluster.nodes)[own]
        for cluster, own in ((first, common.first), (second, common.second))
    ]
    yield from _grouped(
        "nic",
        common,
        np.flatnonzero(counts[0] != counts[1]),
        lambda at: _counts(int(counts[0][at]), int(counts[1][at])),
    )
    speeds = [
        _by_device(cluster.nic_node, cluster.nic_local, cluster.nic_bytes_per_s)
        for cluster in (first, second)
    ]
    grouped: dict[tuple[int, str, str, str], list[str]] = defaultdict(list)
    for name, one, other in zip(common.names, common.first.tolist(), common.second.tolist(), strict=True):
        for nic in speeds[0].get(one, {}).keys() & speeds[1].get(other, {}).keys():
            change = bandwidth_change(speeds[0][one][nic], speeds[1][other][nic])
            if change:
                grouped[nic, *change].append(name)
    for (nic, kind, expected, found), names in sorted(grouped.items()):
        yield Change(f"nic{nic}", kind, tuple(names), (), expected, found)
    states = [
        _by_device(cluster.nic_node, cluster.nic_local, cluster.nic_in_service) for cluster in (first, second)
    ]
    yield from _health("nic", common, alive, states)


def _by_device(node: IntArray, local: IntArray, values: Iterable[float]) -> dict[int, dict[int, float]]:
    """Value of each device by node and by its number there."""
    found: dict[int, dict[int, float]] = defaultdict(dict)
    for own, number, value in zip(node.tolist(), local.tolist(), values, strict=True):
        found[own][number] = float(value)
    return found


def _health(
    noun: str, common: Common, alive: BoolArray, states: list[dict[int, dict[int, float]]]
) -> Iterator[Change]:
    """Devices that are out of service in one cluster only."""
    grouped: dict[tuple[int, str], list[str]] = defaultdict(list)
    for at in np.flatnonzero(alive).tolist():
        before, after = states[0].get(int(common.first[at]), {}), states[1].get(int(common.second[at]), {})
        for number in before.keys() & after.keys():
            if before[number] != after[number]:
                grouped[number, "down" if before[number] else "up"].append(common.names[at])
    for (number, kind), names in sorted(grouped.items()):
        yield Change(f"{noun}{number}", kind, tuple(names))


def _grouped(
    part: str, common: Common, places: Iterable[int], told: Callable[[int], tuple[str, str, str]]
) -> Iterator[Change]:
    """One change for all nodes of which the same is told: kind, expected, found."""
    grouped: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for at in places:
        grouped[told(int(at))].append(common.names[int(at)])
    for (kind, expected, found), names in sorted(grouped.items()):
        yield Change(part, kind, tuple(names), (), expected, found)


def bandwidth_change(expected: float, found: float) -> tuple[str, str, str] | None:
    """Kind, expected and found of a bandwidth that is not the same; None where it is."""
    if abs(found - expected) <= SLIGHT * max(expected, found):
        return None
    kind = "slower" if found < expected else "faster"
    return kind, format_bandwidth(expected), format_bandwidth(found)
