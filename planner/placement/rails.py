"""Which NIC and rail each rank uses, and which bytes change rail on their way.

A byte that leaves one node on rail i and enters the next on rail j has to cross from one set of
leaf switches to another, or change GPUs inside a node first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.placement.crossing import crossing_of_family
from planner.placement.groups import group_index
from planner.workload.family import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.placement.placement import Placement
    from planner.topology.cluster import Cluster
    from planner.workload.family import Family
    from planner.workload.mesh import Mesh

    IntArray = NDArray[np.int32]


@dataclass(frozen=True)
class RailChange:
    """What one family does across rails at the node boundary.

    Parameters
    ----------
    family
        Its name.
    crossing_bytes
        Bytes of the family that cross the node boundary.
    changed_bytes
        Of those, the ones that change rail.
    ranks
        Ranks at fault, shape (ranks,): those that send to another rail, or that sit in a domain
        without the commonest rail of their group.
    """

    family: str
    crossing_bytes: float
    changed_bytes: float
    ranks: NDArray[np.int64]


def rail_of_rank(cluster: Cluster, gpu_of_rank: IntArray) -> IntArray:
    """Rail that each rank uses, -1 for none; shape (world_size,)."""
    return cluster.gpu_rail[gpu_of_rank]


def rail_changes(placement: Placement) -> tuple[RailChange, ...]:
    """Bytes that change rail, one entry a family that could avoid it.

    For a path or ring these are the bytes of neighbours on different rails in different domains of
    the boundary tier. A collective over several such domains can stay on one rail where all of them
    hold a rank on it; what changes rail is the group's crossing bytes times the share of its
    domains that lack the commonest rail. An all-to-all is left out: it joins every rank to every
    other, whatever the rails.
    """
    cluster, mesh = placement.cluster, placement.workload.mesh
    domain = cluster.domain_of_gpu[cluster.boundary][placement.gpu_of_rank]
    rail = rail_of_rank(cluster, placement.gpu_of_rank)
    return tuple(
        (_of_neighbours if family.kind in (Kind.PATH, Kind.RING) else _of_collective)(
            mesh, family, domain, rail
        )
        for family in placement.workload.families
        if family.kind is not Kind.ALL_TO_ALL
    )


def _of_neighbours(mesh: Mesh, family: Family, domain: IntArray, rail: IntArray) -> RailChange:
    """Pairs of neighbours in different domains and on different rails."""
    crossing = float(crossing_of_family(mesh, family, domain).sum())
    index = group_index(mesh, family)
    sender, receiver = index.members, np.roll(index.members, -1, axis=1)
    changes = (domain[sender] != domain[receiver]) & (rail[sender] != rail[receiver])
    if family.kind is Kind.PATH or index.members.shape[1] < 2:
        changes[:, -1] = False
    payload = np.asarray(family.payload_bytes, np.float64)
    group, position = np.nonzero(changes)
    each = payload[position] if "pp" in family.axes else payload[index.stage[group]]
    return RailChange(family.name, crossing, float(each.sum()), np.unique(sender[changes]).astype(np.int64))


def _of_collective(mesh: Mesh, family: Family, domain: IntArray, rail: IntArray) -> RailChange:
    """Domains without a member on the rail that most of the group's domains have one on."""
    by_group = crossing_of_family(mesh, family, domain)
    split = np.flatnonzero(by_group > 0)
    members = group_index(mesh, family).members[split]
    width = int(domain.max(initial=0)) + 1
    keys = np.arange(len(split))[:, None] * width + domain[members]
    parts, part = np.unique(keys, return_inverse=True)
    rails, kind = np.unique(rail[members], return_inverse=True)
    present = np.zeros((len(parts), len(rails)), np.bool_)
    present[part.ravel(), kind.ravel()] = True
    group = parts // width
    common = np.zeros((len(split), len(rails)), np.int64)
    np.add.at(common, group, present)
    off = ~present[np.arange(len(parts)), common.argmax(axis=1)[group]] if len(rails) else group > 0
    lacking = np.bincount(group, weights=off, minlength=len(split))
    touched = np.bincount(group, minlength=len(split))
    changed = by_group[split] * lacking / np.maximum(touched, 1)
    at_fault = np.unique(members[off[part].reshape(members.shape)])
    return RailChange(family.name, float(by_group.sum()), float(changed.sum()), at_fault.astype(np.int64))
