"""What domains cost a fleet when some of its jobs change places and the others stay.

What the jobs that move have in a domain is its *content*, what the others have there its *place*. Of F at
a tier only flows between what moves and what stays, and shared bytes, depend on which content lies in which
place, and both are sums over domains. So each content has a price in each place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from planner.fleet.flows import shards
from planner.placement.crossing import domain_egress, tier_domains

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from planner.fleet.flows import Flow
    from planner.fleet.ground import Ground
    from planner.placement.placement import Placement

    Array = NDArray[Any]
    BoolArray = NDArray[np.bool_]
    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

# Numbers are told apart by so many parts of the largest.
DIGITS = 1e9


class Term(NamedTuple):
    """One reason why contents have prices.

    Parameters
    ----------
    content, place
        What matters of the content and of the place of each domain, each of shape (domains, features);
        all zeros for a content of nothing.
    price
        Seconds for some rows of each, shape (contents, places); infinite where a content cannot lie there.
    """

    content: Array
    place: Array
    price: Callable[[Array, Array], FloatArray]


class Side(NamedTuple):
    """The prices of one tier.

    Parameters
    ----------
    content_of, place_of
        Number of the content and of the place of each domain, shape (domains,); -1 for no content.
    seconds
        Price of each content in each place, shape (contents + 1, places); the last row is that of nothing.
    """

    content_of: IntArray
    place_of: IntArray
    seconds: FloatArray


class Pieces(NamedTuple):
    """Weights of a flow, by the domains of a tier that hold and need them.

    Parameters
    ----------
    size_bytes
        Of each piece, shape (pieces,).
    held, wanted
        Whether a rank of the sender in a domain has it, and one of the receiver needs it; each of shape
        (domains, pieces).
    """

    size_bytes: FloatArray
    held: BoolArray
    wanted: BoolArray

    def climbed(self, parent: IntArray) -> Pieces:
        """The same by domains of the next tier out."""
        order = np.argsort(parent, kind="stable")
        starts = np.flatnonzero(np.diff(parent[order], prepend=-1))
        return self._replace(
            held=np.logical_or.reduceat(self.held[order], starts, axis=0),
            wanted=np.logical_or.reduceat(self.wanted[order], starts, axis=0),
        )


def pieces_of(flow: Flow, source: Placement, target: Placement) -> Pieces:
    """The pieces of a flow of weights by domains of the node boundary."""
    cluster = source.cluster
    domains = cluster.tiers[cluster.boundary].domains
    homes = [cluster.domain_of_gpu[cluster.boundary][each.gpu_of_rank] for each in (source, target)]
    found = list(shards(flow, source.workload.mesh, target.workload.mesh))
    held, wanted = (np.zeros((domains, len(found)), np.bool_) for _ in range(2))
    for at, shard in enumerate(found):
        held[homes[0][shard.holders], at] = True
        wanted[homes[1][shard.takers], at] = True
    return Pieces(np.array([shard.size_bytes for shard in found]), held, wanted)


@dataclass(frozen=True, eq=False)
class Sides:
    """Prices of contents in places, tier by tier.

    Parameters
    ----------
    ground
        The fleet on its cluster.
    placements
        Where every job lies, in the order of the fleet.
    moving
        Jobs that move; none of them runs.
    """

    ground: Ground
    placements: Sequence[Placement]
    moving: frozenset[int]

    def tiers(self) -> Iterator[Side]:
        """The prices of every tier, innermost first."""
        cluster, pieces = self.ground.cluster, self._pieces()
        for tier in range(len(cluster.tiers)):
            if tier > cluster.boundary:
                parent = cluster.tiers[tier - 1].parent.astype(np.int64)
                pieces = {index: each.climbed(parent) for index, each in pieces.items()}
            yield self._side(tier, pieces)

    def room(self) -> BoolArray:
        """GPUs on which what moves may lie, shape (gpus,)."""
        free = self.ground.free.copy()
        for job in self.moving:
            free &= self.ground.usable(job)
        for job in self._staying:
            free[self.placements[job].gpu_of_rank] = False
        return free

    @property
    def _staying(self) -> list[int]:
        return [job for job in range(len(self.placements)) if job not in self.moving]

    def _flows(self) -> Iterator[tuple[int, Flow]]:
        """Flows between what moves and what stays."""
        for index, flow in enumerate(self.ground.fleet.flows):
            if (flow.source in self.moving) != (flow.target in self.moving):
                yield index, flow

    def _pieces(self) -> dict[int, Pieces]:
        return {
            index: pieces_of(flow, self.placements[flow.source], self.placements[flow.target])
            for index, flow in self._flows()
            if flow.kind == "weights"
        }

    def _side(self, tier: int, pieces: Mapping[int, Pieces]) -> Side:
        terms = list(self._terms(tier, pieces))
        filled = np.flatnonzero(self._ranks(tier, self.moving))
        content_of = np.full(self.ground.cluster.tiers[tier].domains, -1)
        content_at, content_of[filled] = different(*(term.content[filled] for term in terms))
        place_at, place_of = different(*(term.place for term in terms))
        seconds = np.zeros((len(content_at) + 1, len(place_at)))
        for term in terms:
            contents = np.zeros((len(content_at) + 1, term.content.shape[1]), term.content.dtype)
            contents[:-1] = term.content[filled[content_at]]
            seconds += term.price(contents, term.place[place_at])
        return Side(content_of, place_of, seconds)

    def _terms(self, tier: int, pieces: Mapping[int, Pieces]) -> Iterator[Term]:
        cluster = self.ground.cluster
        # Where nothing else matters all contents are alike, and so are all places.
        alike = np.zeros((cluster.tiers[tier].domains, 1), np.int64)
        yield Term(alike, alike, lambda c, p: forbidden(c != p.T))
        yield from self._places(tier)
        uplink = cluster.tier_uplink_bytes_per_s[tier]
        if tier == len(cluster.tiers) - 1 or not uplink:
            return
        yield self._shared(tier, uplink)
        if tier >= cluster.boundary:
            for index, flow in self._flows():
                byte_s = self.ground.fleet.jobs[flow.source].priority / flow.every / uplink
                if flow.kind == "weights":
                    yield self._weights(flow, pieces[index], byte_s)
                else:
                    yield self._samples(flow, tier, byte_s)

    def _places(self, tier: int) -> Iterator[Term]:
        """What contents cannot do: lie where there is no room, or where rules forbid it."""
        if tier == 0:
            node, kind = self.ground.cluster.gpu_node, self.ground.cluster.gpu_kind
            nodes = self.ground.cluster.nodes
            kinds = np.zeros((nodes, 1), np.int64)
            kinds[node, 0] = kind + 1
            held = self._ranks(0, self.moving)[:, None]
            room = np.bincount(node[self.room()], minlength=nodes)[:, None]
            yield Term(held, room, lambda c, p: forbidden(c > p.T))
            yield Term(kinds * (held > 0), kinds, lambda c, p: forbidden((c > 0) & (c != p.T)))
        for rule in self.ground.fleet.tier_rules:
            moves = self.moving & set(rule.jobs)
            if not moves or self.moving >= set(rule.jobs):
                continue
            here = self._ranks(tier, moves)[:, None] > 0
            if rule.kind == "apart" and tier == rule.tier:
                there = self._ranks(tier, set(rule.jobs) - self.moving)[:, None] > 0
                yield Term(here, there, lambda c, p: forbidden(c & p.T))
            elif rule.kind == "together" and tier >= rule.tier:
                number = np.arange(1, len(here) + 1)[:, None]
                yield Term(number * here, number, lambda c, p: forbidden((c > 0) & (c != p.T)))

    def _ranks(self, tier: int, jobs: frozenset[int] | set[int]) -> IntArray:
        """Ranks of some jobs in each domain of a tier, shape (domains,)."""
        cluster = self.ground.cluster
        held = np.zeros(cluster.tiers[tier].domains, np.int64)
        for job in jobs:
            domain = cluster.domain_of_gpu[tier][self.placements[job].gpu_of_rank]
            held += np.bincount(domain, minlength=len(held))
        return held

    def _shared(self, tier: int, uplink: float) -> Term:
        """What all jobs but the largest send out of a domain, see `planner.fleet.value`."""
        leaving = [self._leaving(job, tier) for job in range(len(self.placements))]
        ends = []
        for jobs in (sorted(self.moving), self._staying):
            each = np.stack([leaving[job] for job in jobs])
            ends.append(np.column_stack([each.sum(axis=0), each.max(axis=0)]))

        def price(content: Array, place: Array) -> FloatArray:
            every = content[:, :1] + place[:, :1].T
            shared: FloatArray = (every - np.maximum(content[:, 1:], place[:, 1:].T)) / uplink
            return shared

        return Term(ends[0], ends[1], price)

    def _leaving(self, job: int, tier: int) -> FloatArray:
        cluster, placed = self.ground.cluster, self.placements[job]
        domain = tier_domains(cluster, placed.gpu_of_rank)[tier]
        workload = placed.workload
        return domain_egress(workload.mesh, workload.families, domain, cluster.tiers[tier].domains)

    def _weights(self, flow: Flow, pieces: Pieces, byte_s: float) -> Term:
        """What a domain needs and does not hold comes in."""
        size = pieces.size_bytes * byte_s
        if flow.source in self.moving:
            return Term(pieces.held, pieces.wanted, lambda c, p: (~c * size) @ p.T)
        return Term(pieces.wanted, pieces.held, lambda c, p: (c * size) @ ~p.T)

    def _samples(self, flow: Flow, tier: int, byte_s: float) -> Term:
        """The smaller of both shares stays at home."""
        shares = [
            self._ranks(tier, {job})[:, None] / self.placements[job].workload.mesh.world_size
            for job in (flow.source, flow.target)
        ]
        if flow.target in self.moving:
            shares.reverse()
        whole = flow.total_bytes * byte_s
        return Term(shares[0], shares[1], lambda c, p: -whole * np.minimum(c, p.T))


def forbidden(where: BoolArray) -> FloatArray:
    """Prices that are infinite there and 0 elsewhere."""
    return np.where(where, np.inf, 0.0)


def different(*columns: Array) -> tuple[IntArray, IntArray]:
    """The first of each different row of columns side by side, and the number of every row among them."""
    rows = np.column_stack([_numbered(each) for each in columns])
    _, first, number = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return first, number.reshape(-1)


def _numbered(rows: Array) -> IntArray:
    """Rows as whole numbers that tell them apart, shape (rows, numbers)."""
    if rows.dtype == np.bool_:
        packed = np.packbits(rows, axis=1)
        return np.unique(packed, axis=0, return_inverse=True)[1].reshape(-1, 1)
    if rows.dtype.kind == "f":
        return np.round(rows * (DIGITS / (rows.max(initial=0.0) or 1.0))).astype(np.int64)
    return rows
