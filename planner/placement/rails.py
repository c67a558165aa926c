"""Bytes that change rail on their way between nodes, and how many of them must.

NIC i of every node is on rail i, and a rail has leaf switches of its own. A byte that leaves one
domain of the boundary tier on rail i and enters the next on rail j has to climb to the switches
above, or to change GPUs inside a node first. For a group of ranks:

===============  ==================================================================================
kind             bytes that change rail
===============  ==================================================================================
path, ring       B for each pair of neighbours in two domains and on two rails
all_reduce       2 S (c - 1), where the group's domains fall into c parts: a domain is linked with
                 another where both hold one of the group's ranks on the same rail
gather, scatter  S (c - 1); the same for a broadcast
all_to_all       b for each ordered pair of ranks in two domains that are not linked directly
===============  ==================================================================================

This is the fewest bytes with the ranks where they sit: a collective needs k - 1 links between its k
domains, of which c - 1 join two parts, and inside a domain bytes move freely. GPUs without a rail
count as on a rail of their own. It is counted from the rank table alone, for the checker: nothing
here is shared with `planner.placement.crossing` or the solver.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from planner.placement.rail_floor import least_in_collectives, least_of_neighbours
from planner.placement.rail_programme import Group, least_together
from planner.placement.rail_sets import linked_parts, rail_bits, shares_of, unlinked_pairs
from planner.placement.recount import PAIRED, following, has_edge, membership, payload_of_rank
from planner.workload.family import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from planner.placement.placement import Placement
    from planner.placement.recount import Membership
    from planner.topology.cluster import Cluster
    from planner.workload.family import Family
    from planner.workload.mesh import Mesh
    from planner.workload.workload import Workload

    IntArray = NDArray[np.int64]
    FloatArray = NDArray[np.float64]

# Jobs of up to so many ranks have all their families bounded together, which takes some seconds at most.
MOST_RANKS = 512
# Sums of bytes in another order, and payloads rounded down to whole units, differ by less.
ROUNDED = 1e-9


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
    necessary_bytes
        At least so many change rail however the ranks are seated inside their domains.
    """

    family: str
    crossing_bytes: float
    changed_bytes: float
    necessary_bytes: float


@dataclass(frozen=True)
class RailChanges:
    """What all families do across rails at the node boundary.

    Parameters
    ----------
    families
        One entry a family that crosses the node boundary.
    necessary_bytes
        At least so many bytes of all families together change rail; seats that suit one family may
        not suit another, so this can be more than the families' own sum.
    """

    families: tuple[RailChange, ...]
    necessary_bytes: float

    @property
    def crossing_bytes(self) -> float:
        """Bytes that cross the node boundary."""
        return sum(each.crossing_bytes for each in self.families)

    @property
    def changed_bytes(self) -> float:
        """Of those, the ones that change rail."""
        return sum(each.changed_bytes for each in self.families)

    @property
    def avoidable_bytes(self) -> float:
        """At most so many bytes could be kept on their rail by other seats in the same domains."""
        return self.changed_bytes - self.necessary_bytes


def has_rails(cluster: Cluster) -> bool:
    """Whether any GPU's traffic takes a NIC on a rail."""
    return bool((cluster.gpu_rail >= 0).any())


def rail_changes(placement: Placement, *, proof: bool = True) -> RailChanges:
    """Count the bytes that change rail.

    Parameters
    ----------
    proof
        Whether to bound what is necessary; 0 is given where not.
    """
    seats, mesh = _Seats(placement), placement.workload.mesh
    found = []
    for family in placement.workload.families:
        who = membership(mesh, family.axes, family.stages)
        if who.size < 2:
            continue
        count = _neighbours if family.kind in PAIRED else _collective
        change = count(seats, mesh, family, who, proof)
        if change.crossing_bytes:
            found.append(change)
    changes = RailChanges(tuple(found), sum(each.necessary_bytes for each in found))
    if proof and changes.avoidable_bytes > 0 and mesh.world_size <= MOST_RANKS:
        return replace(changes, necessary_bytes=_together(seats, placement.workload, changes))
    return changes


def _together(seats: _Seats, workload: Workload, changes: RailChanges) -> float:
    """What must change with all families at once, if that is more than their own sum."""
    groups = [list(_groups(seats, workload.mesh, family)) for family in workload.families]
    least = least_together(groups, seats.domain, seats.rail, seats.room)
    if math.isclose(least, changes.changed_bytes, rel_tol=ROUNDED):
        return changes.changed_bytes
    return max(changes.necessary_bytes, least)


class _Seats:
    """Domain and rail of every rank, and how many GPUs a domain has on each rail."""

    def __init__(self, placement: Placement) -> None:
        cluster = placement.cluster
        gpu = np.asarray(placement.gpu_of_rank, np.int64)
        domain_of_gpu = cluster.gpu_node.astype(np.int64)
        for tier in cluster.tiers[: cluster.boundary]:
            domain_of_gpu = tier.parent[domain_of_gpu].astype(np.int64)
        rails, rail_of_gpu = np.unique(cluster.gpu_rail, return_inverse=True)
        self.bits = rail_bits(len(rails))
        self.domain, self.rail = domain_of_gpu[gpu], rail_of_gpu[gpu]
        self.room = np.zeros((int(domain_of_gpu.max()) + 1, len(rails)), np.int64)
        live = cluster.gpu_in_service
        np.add.at(self.room, (domain_of_gpu[live], rail_of_gpu[live]), 1)


def _neighbours(seats: _Seats, mesh: Mesh, family: Family, who: Membership, proof: bool) -> RailChange:
    """Pairs of neighbours in different domains and on different rails."""
    sender, receiver = who.ranks, following(who)
    apart = (seats.domain[sender] != seats.domain[receiver]) & has_edge(family.kind, who)
    payload = payload_of_rank(mesh, family, who)[apart]
    changes = (seats.rail[sender] != seats.rail[receiver])[apart]
    least = 0.0
    if proof and changes.any():
        ends = np.sort(np.stack((seats.domain[sender], seats.domain[receiver])), axis=0)[:, apart]
        least = least_of_neighbours(ends, payload, who.position[apart], who.size, seats.room)
    return RailChange(family.name, float(payload.sum()), float(payload[changes].sum()), least)


def _collective(seats: _Seats, mesh: Mesh, family: Family, who: Membership, proof: bool) -> RailChange:
    """Groups whose domains no rail links."""
    shares = shares_of(who, seats.domain, seats.bits[seats.rail])
    payload = np.zeros(who.groups)
    payload[who.group] = payload_of_rank(mesh, family, who)
    if family.kind is Kind.ALL_TO_ALL:
        crossing = payload[shares.group] * shares.held * (who.size - shares.held)
        changed = payload * unlinked_pairs(shares, who.groups)
    else:
        payload *= 2 if family.kind is Kind.ALL_REDUCE else 1
        crossing = payload * (np.bincount(shares.group, minlength=who.groups) - 1)
        changed = payload * (linked_parts(shares.group, shares.rails, seats.bits, who.groups) - 1)
    least = 0.0
    if proof and changed.any():
        least = least_in_collectives(family.kind, shares, payload, seats.room, seats.bits)
    return RailChange(family.name, float(crossing.sum()), float(changed.sum()), least)


def _groups(seats: _Seats, mesh: Mesh, family: Family) -> Iterator[Group]:
    """All that a family would have on one rail, with what each part beyond the first changes."""
    who = membership(mesh, family.axes, family.stages)
    if who.size < 2:
        return iter(())
    payload = payload_of_rank(mesh, family, who)
    return (_pairs if family.kind in PAIRED else _split)(seats, family.kind, who, payload)


def _pairs(seats: _Seats, kind: Kind, who: Membership, payload: FloatArray) -> Iterator[Group]:
    """Neighbours in two domains."""
    receiver = following(who)
    apart = (seats.domain[who.ranks] != seats.domain[receiver]) & has_edge(kind, who)
    ends = who.ranks[apart].tolist(), receiver[apart].tolist()
    for one, other, each in zip(*ends, payload[apart].tolist(), strict=True):
        yield Group(((one,), (other,)), each)


def _split(seats: _Seats, kind: Kind, who: Membership, payload: FloatArray) -> Iterator[Group]:
    """Groups in several domains."""
    held: dict[int, dict[int, list[int]]] = {}
    for rank, group in zip(who.ranks.tolist(), who.group.tolist(), strict=True):
        held.setdefault(group, {}).setdefault(int(seats.domain[rank]), []).append(rank)
    of_group = dict(zip(who.group.tolist(), payload.tolist(), strict=True))
    for group, by_domain in held.items():
        shares = [tuple(ranks) for ranks in by_domain.values()]
        if kind is Kind.ALL_TO_ALL:
            # Each two domains have to be linked directly, as those of a group of two.
            for one, other in combinations(shares, 2):
                yield Group((one, other), 2 * len(one) * len(other) * of_group[group])
        elif len(shares) > 1:
            yield Group(tuple(shares), (2 if kind is Kind.ALL_REDUCE else 1) * of_group[group])
