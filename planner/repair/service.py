"""A cluster with other hardware in and out of service: what fails, what returns.

A placement file holds the cluster as arrays and not as it was authored, so a change is made there. It
gives the cluster that the authored file would give with other `down:` selectors.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.errors import UsageError
from planner.topology.health import Devices, assign_nics
from planner.topology.selectors import Selectors, devices_beneath

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.topology.cluster import BoolArray, Cluster, FloatArray, IntArray

SLIGHT = 1e-9


@dataclass(frozen=True)
class Health:
    """What is to change: selectors, as in a topology file.

    Parameters
    ----------
    down
        What fails.
    up
        What returns.
    complete
        Whether `down` is all that is out of service, so that everything else returns.
    """

    down: Sequence[str] = field(default_factory=tuple)
    up: Sequence[str] = field(default_factory=tuple)
    complete: bool = False


def with_health(cluster: Cluster, health: Health) -> Cluster:
    """The cluster after a change.

    A node that fails takes its NICs with it, and uplinks that are the sum of the NICs beneath follow;
    a GPU whose NIC is out of service uses the next one of its node. What both fails and returns is
    out of service.

    Raises
    ------
    InputError
        T001, T002, T006 or T015 for a selector.
    """
    state = _State(cluster)
    if health.complete:
        state.gpus[:] = True
        state.nics[:] = True
    state.set(health.up, up=True)
    state.set(health.down, up=False)
    return serving(cluster, state.gpus, state.nics)


def adopted(cluster: Cluster, other: Cluster) -> Cluster:
    """The cluster as `other`, a newer state of the same hardware, has it.

    Raises
    ------
    UsageError
        U001 where `other` has other nodes, GPUs or tiers.
    """
    same = (
        [tier.name for tier in cluster.tiers] == [tier.name for tier in other.tiers]
        and list(cluster.host_names) == list(other.host_names)
        and np.array_equal(cluster.gpu_node, other.gpu_node)
        and all(
            np.array_equal(one.parent, two.parent)
            for one, two in zip(cluster.tiers, other.tiers, strict=True)
        )
    )
    if not same:
        raise UsageError.of(
            "U001",
            f"--health: {other.name} has other nodes, GPUs or tiers than {cluster.name}",
            expected="the topology that was planned on, in its new state",
            suggestion="planner plan, for another cluster",
        )
    return other


class _State:
    """Which GPUs and NICs are in service; selectors change it."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.gpus = cluster.gpu_in_service.copy()
        self.nics = cluster.nic_in_service.copy()
        self.selectors = Selectors(cluster.tiers)

    def set(self, selectors: Sequence[str], *, up: bool) -> None:
        """Take what the selectors stand for out of service, or back into it."""
        cluster, whole = self.cluster, [np.zeros(0, np.int32)]
        for selector in selectors:
            selected = self.selectors.find(selector)
            nodes = self.selectors.nodes_beneath(selected)
            if selected.whole:
                whole.append(nodes)
            elif selected.nics is None:
                self.gpus[devices_beneath(nodes, cluster.gpu_node, cluster.gpu_local, selected.gpus)] = up
            else:
                chosen = devices_beneath(nodes, cluster.nic_node, cluster.nic_local, selected.nics, "NIC")
                self.nics[chosen] = up
        nodes = np.unique(np.concatenate(whole))
        self.gpus[devices_beneath(nodes, cluster.gpu_node, cluster.gpu_local, None)] = up
        self.nics[devices_beneath(nodes, cluster.nic_node, cluster.nic_local, None)] = up


def serving(cluster: Cluster, gpus: BoolArray, nics: BoolArray) -> Cluster:
    """The cluster with these GPUs, shape (gpus,), and NICs, shape (nics,), in service and no others."""
    tiers = list(cluster.tiers)
    nic, rail = cluster.gpu_nic, cluster.gpu_rail
    if not np.array_equal(nics, cluster.nic_in_service):
        nic, rail = _nics_of_gpus(cluster, nics)
        boundary = cluster.tiers[cluster.boundary]
        tiers[cluster.boundary] = replace(boundary, uplink_bytes_per_s=_uplink(cluster, nics))
    uplink = tiers[cluster.boundary].uplink_bytes_per_s
    if uplink is not None and not (uplink > 0).all():
        # Where all NICs of a domain are out of service, its GPUs can reach nobody: so are they.
        gpus = gpus & (uplink > 0)[cluster.domain_of_gpu[cluster.boundary]]
    return replace(
        cluster,
        tiers=tuple(tiers),
        gpu_in_service=gpus,
        nic_in_service=nics,
        gpu_nic=nic,
        gpu_rail=rail,
    )


def _nics_of_gpus(cluster: Cluster, in_service: BoolArray) -> tuple[IntArray, IntArray]:
    """NIC, by its number in the node, and rail of every GPU; -1 for none.

    Only nodes in which a NIC failed or returned are looked at.
    """
    nic, rail = cluster.gpu_nic.copy(), cluster.gpu_rail.copy()
    changed = np.zeros(cluster.nodes, np.bool_)
    changed[cluster.nic_node[in_service != cluster.nic_in_service]] = True
    gpus, nics = np.flatnonzero(changed[cluster.gpu_node]), np.flatnonzero(changed[cluster.nic_node])
    number = np.cumsum(changed) - 1
    nodes = int(changed.sum())
    node_of_gpu, node_of_nic = number[cluster.gpu_node[gpus]], number[cluster.nic_node[nics]]
    per_node = [np.bincount(each, minlength=nodes).astype(np.int32) for each in (node_of_gpu, node_of_nic)]
    devices = Devices(node_of_gpu.astype(np.int32), cluster.gpu_local[gpus])
    chosen = assign_nics(devices, per_node[0], per_node[1], in_service[nics])
    used = chosen >= 0
    nic[gpus], rail[gpus] = -1, -1
    nic[gpus[used]] = cluster.nic_local[nics[chosen[used]]]
    rail[gpus[used]] = cluster.nic_rail[nics[chosen[used]]]
    return nic, rail


def _uplink(cluster: Cluster, in_service: BoolArray) -> FloatArray | None:
    """Uplinks of the boundary tier with other NICs in service.

    One that was the sum of its NICs stays that; one below is limited by something else, and follows
    only where the sum sinks below it. One that was authored above what its NICs add up to stays.
    """
    uplink = cluster.tiers[cluster.boundary].uplink_bytes_per_s
    if uplink is None:
        return None
    before, after = (_nic_sums(cluster, live) for live in (cluster.nic_in_service, in_service))
    changed = before != after
    own = uplink >= before * (1 - SLIGHT)
    authored = uplink > before * (1 + SLIGHT)
    # Where no domain has what its NICs add up to, the tier's uplinks were authored.
    if not (changed.any() and (own & ~authored & (before > 0)).any()):
        return uplink
    followed = np.where(own, after, np.minimum(uplink, after))
    return np.where(changed & ~authored, followed, uplink)


def _nic_sums(cluster: Cluster, in_service: BoolArray) -> FloatArray:
    """Bandwidth of the NICs in service beneath each domain of the boundary tier, shape (domains,)."""
    domain = cluster.nic_node
    for tier in cluster.tiers[: cluster.boundary]:
        domain = tier.parent[domain]
    live = cluster.nic_bytes_per_s * in_service
    sums: FloatArray = np.bincount(
        domain, weights=live, minlength=cluster.tiers[cluster.boundary].domains
    ).astype(np.float64, copy=False)
    return sums
