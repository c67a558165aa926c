"""Rows of ranks, GPUs and hosts of a map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from planner.formats.writing.c_map.layout import AXES, GPU, HOST, NONE, RANK
from planner.placement.groups import groups_along
from planner.placement.spares import nearest_spares

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from planner.formats.writing.c_map.layout import Strings
    from planner.placement.placement import Placement
    from planner.topology.cluster import Cluster
    from planner.workload.mesh import Mesh

    Rows = NDArray[Any]
    IntArray = NDArray[np.int64]

IN_SERVICE, KEPT_FREE = 1, 2


def unsigned(numbers: ArrayLike) -> NDArray[np.uint32]:
    """Numbers as the map has them: `NONE` for -1."""
    return np.asarray(numbers, np.int64).astype(np.uint32)


def host_order(cluster: Cluster) -> tuple[IntArray, IntArray]:
    """Nodes sorted by host name as C compares text, and the row of each node; both of shape (nodes,)."""
    names = [name.encode() for name in cluster.host_names]
    order = np.array(sorted(range(len(names)), key=names.__getitem__), np.int64)
    row = np.empty_like(order)
    row[order] = np.arange(len(order))
    return order, row


def rank_rows(placement: Placement, host_row: IntArray, wraps: bool) -> Rows:
    """One row a rank.

    Parameters
    ----------
    host_row
        Row of the host of each node, shape (nodes,).
    wraps
        Whether the last stage sends to the first.
    """
    cluster, gpus = placement.cluster, placement.gpu_of_rank
    rows = np.zeros(len(gpus), RANK)
    rows["host"] = host_row[cluster.gpu_node[gpus]]
    rows["gpu"], rows["local_gpu"] = gpus, cluster.gpu_local[gpus]
    rows["local_rank"] = _local_ranks(cluster.gpu_node[gpus])
    rows["nic"], rows["rail"] = unsigned(cluster.gpu_nic[gpus]), unsigned(cluster.gpu_rail[gpus])
    for index, axis in enumerate(AXES):
        _fill_axis(rows, placement.workload.mesh, index, axis)
    if not wraps:
        _open_pipeline(rows, placement.workload.mesh)
    spares = nearest_spares(placement)
    rows["spare"], rows["host_spare"] = unsigned(spares.gpu), unsigned(spares.off_host)
    return rows


def gpu_rows(placement: Placement, host_row: IntArray) -> Rows:
    """One row a GPU of the cluster."""
    cluster = placement.cluster
    rows = np.zeros(cluster.gpus, GPU)
    rows["host"], rows["local_gpu"] = host_row[cluster.gpu_node], cluster.gpu_local
    rows["nic"], rows["rail"] = unsigned(cluster.gpu_nic), unsigned(cluster.gpu_rail)
    rows["rank"] = NONE
    rows["rank"][placement.gpu_of_rank] = np.arange(len(placement.gpu_of_rank))
    rows["flags"] = IN_SERVICE * cluster.gpu_in_service + KEPT_FREE * cluster.gpu_spare
    return rows


def host_rows(placement: Placement, order: IntArray, strings: Strings) -> tuple[Rows, Rows]:
    """One row a host; and for every GPU a place for a rank, of which each host fills its first ones.

    Places belong to hosts for good, so that a rank that moves changes those of two hosts only.
    """
    cluster = placement.cluster
    rows = np.zeros(cluster.nodes, HOST)
    names, paths = list(cluster.host_names), _node_paths(cluster)
    rows["name"] = strings.extend([names[each] for each in order.tolist()])
    rows["path"] = strings.extend([paths[each] for each in order.tolist()])
    gpus = np.bincount(cluster.gpu_node, minlength=cluster.nodes)
    first = np.cumsum(gpus) - gpus
    rows["first_gpu"], rows["gpus"] = first[order], gpus[order]
    node = cluster.gpu_node[placement.gpu_of_rank]
    rows["ranks"] = np.bincount(node, minlength=cluster.nodes)[order]
    places = np.full(cluster.gpus, NONE, np.uint32)
    places[first[node] + _local_ranks(node)] = np.arange(len(node))
    return rows, places


def _node_paths(cluster: Cluster) -> list[str]:
    """Path of every node, as `Cluster.domain_path` gives it."""
    if len(cluster.tiers) == 1:
        return list(cluster.tiers[0].names)
    paths = [""] * cluster.tiers[-1].domains
    for tier in reversed(cluster.tiers[:-1]):
        pairs = zip(tier.names, tier.parent.tolist(), strict=True)
        paths = [f"{paths[parent]}/{name}" if paths[parent] else name for name, parent in pairs]
    return paths


def _local_ranks(node: NDArray[np.int32]) -> IntArray:
    """Place of each rank among those of its node, lowest first."""
    order = np.argsort(node, kind="stable")
    starts = np.searchsorted(node[order], node[order])
    local = np.empty(len(node), np.int64)
    local[order] = np.arange(len(node)) - starts
    return local


def _fill_axis(rows: Rows, mesh: Mesh, index: int, axis: str) -> None:
    """Coordinate, group and neighbours of every rank on one axis."""
    members = groups_along(mesh, (axis,)).members
    groups, size = members.shape
    rows["coordinate"][members, index] = np.arange(size)
    rows["group"][members, index] = np.arange(groups)[:, None]
    alone = size == 1
    rows["next"][members, index] = NONE if alone else np.roll(members, -1, axis=1)
    rows["prev"][members, index] = NONE if alone else np.roll(members, 1, axis=1)


def _open_pipeline(rows: Rows, mesh: Mesh) -> None:
    """Nothing follows the last stage, nothing comes before the first."""
    at = AXES.index("pp")
    stage = rows["coordinate"][:, at]
    rows["next"][stage == mesh.pp - 1, at] = NONE
    rows["prev"][stage == 0, at] = NONE
