"""What one job sends to another, and the bytes of it that cross each tier.

Every shard of weights goes to each domain that needs it and holds no copy, once: between the domains that
have it, it goes on as in a multicast tree. So with k domains that need a shard of S bytes and hold no rank of
the sender with it, S k bytes leave domains of the tier.

Samples, and keys and values, go from any copy of one role to any copy of the other. With shares s and r of
the sender's and the receiver's ranks in each domain, B bytes cross B (1 - sum of min(s, r)): what can stay at
home does, at all tiers at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from planner.errors import Position
    from planner.placement.placement import Placement
    from planner.topology.cluster import Cluster
    from planner.workload.mesh import Mesh

    BoolArray = NDArray[np.bool_]
    IntArray = NDArray[np.int32]

FlowKind = Literal["weights", "samples", "kv"]


class Common(NamedTuple):
    """Weights that a stage of the sender and one of the receiver both hold, in bytes of the whole model.

    Parameters
    ----------
    source_stage, target_stage
        The two stages.
    dense_bytes
        Split among tensor ranks.
    expert_bytes
        Split among expert and tensor ranks.
    """

    source_stage: int
    target_stage: int
    dense_bytes: float
    expert_bytes: float


@dataclass(frozen=True)
class Flow:
    """What one job sends to another.

    Parameters
    ----------
    kind
        ``weights``, ``samples`` or ``kv``.
    source, target
        Indices of the jobs.
    every
        Steps from one time to the next.
    total_bytes
        Bytes sent each time: those of all weights once, or what goes from one role to the other.
    common
        Of weights what stages have in common; empty otherwise.
    position
        Where it is written, for messages.
    """

    kind: FlowKind
    source: int
    target: int
    every: int
    total_bytes: float
    common: tuple[Common, ...] = ()
    position: Position | None = field(default=None, compare=False)


class Shard(NamedTuple):
    """Some bytes, the ranks that hold them, and the ranks that need them."""

    size_bytes: float
    holders: IntArray
    takers: IntArray


def shards(flow: Flow, source: Mesh, target: Mesh) -> Iterator[Shard]:
    """The pieces of a flow of weights: everything that goes from the same ranks to the same ranks.

    A tensor rank i of t holds the part from i/t to (i+1)/t of each dense matrix and of each of its experts;
    an expert rank e of Z the experts from e/Z to (e+1)/Z. Where sender and receiver are split differently,
    pieces are what a rank of the one and a rank of the other have in common.
    """
    held, wanted = _Ranks(source), _Ranks(target)
    tensor = list(overlaps(source.tp, target.tp))
    expert = list(overlaps(source.ep, target.ep))
    for common in flow.common:
        for i, k, share in tensor:
            if common.dense_bytes:
                yield Shard(
                    common.dense_bytes * share,
                    held.at(common.source_stage, i),
                    wanted.at(common.target_stage, k),
                )
            if common.expert_bytes:
                for e, z, part in expert:
                    yield Shard(
                        common.expert_bytes * share * part,
                        held.at(common.source_stage, i, e),
                        wanted.at(common.target_stage, k, z),
                    )


def overlaps(one: int, other: int) -> Iterator[tuple[int, int, float]]:
    """Parts that two splits of a whole have in common: index in each, and share of the whole."""
    for i in range(one):
        for k in range(i * other // one, -(-(i + 1) * other // one)):
            share = min((i + 1) / one, (k + 1) / other) - max(i / one, k / other)
            if share > 1e-12:
                yield i, k, share


class _Ranks:
    """Ranks by stage, tensor and expert index."""

    def __init__(self, mesh: Mesh) -> None:
        ranks = np.arange(mesh.world_size)
        self.coordinates = [mesh.coordinate(axis, ranks) for axis in ("pp", "tp", "ep")]
        self._known: dict[tuple[int, ...], IntArray] = {}

    def at(self, *wanted: int) -> IntArray:
        """The ranks that have these coordinates: stage, then tensor index, then expert index."""
        if wanted not in self._known:
            among = self.at(*wanted[:-1]) if len(wanted) > 1 else np.arange(len(self.coordinates[0]))
            axis = self.coordinates[len(wanted) - 1]
            self._known[wanted] = among[axis[among] == wanted[-1]]
        return self._known[wanted]


class Bundle(NamedTuple):
    """Bytes that go from the same domains to the same domains.

    Parameters
    ----------
    size_bytes
        How many.
    holders, takers
        Domains of the innermost tier looked at that have them and that need them, each of shape (domains,).
    """

    size_bytes: float
    holders: BoolArray
    takers: BoolArray


def bundles(flow: Flow, source: Placement, target: Placement, tier: int) -> list[Bundle]:
    """The shards of a flow of weights, those that lie in the same domains of a tier together."""
    cluster = source.cluster
    domains = cluster.tiers[tier].domains
    homes = [cluster.domain_of_gpu[tier][each.gpu_of_rank] for each in (source, target)]
    size: dict[tuple[bytes, bytes], float] = {}
    for shard in shards(flow, source.workload.mesh, target.workload.mesh):
        key = _held(homes[0][shard.holders], domains), _held(homes[1][shard.takers], domains)
        size[key] = size.get(key, 0.0) + shard.size_bytes
    return [
        Bundle(each, np.frombuffer(holders, np.bool_), np.frombuffer(takers, np.bool_))
        for (holders, takers), each in size.items()
    ]


def _held(domain: IntArray, domains: int) -> bytes:
    held = np.zeros(domains, np.bool_)
    held[domain] = True
    return held.tobytes()


def flow_bytes(flow: Flow, source: Placement, target: Placement) -> list[float]:
    """Bytes that cross each tier each time, innermost first; within the node boundary nothing is counted."""
    cluster, boundary = source.cluster, source.cluster.boundary
    if flow.kind == "weights":
        return _weight_bytes(cluster, bundles(flow, source, target, boundary))
    found = [0.0] * boundary
    for tier, domain in list(zip(cluster.tiers, cluster.domain_of_gpu, strict=True))[boundary:]:
        shares = [
            np.bincount(domain[each.gpu_of_rank], minlength=tier.domains) / len(each.gpu_of_rank)
            for each in (source, target)
        ]
        at_home = float(np.minimum(*shares).sum())
        found.append(flow.total_bytes * max(0.0, 1 - at_home) if at_home < 1 - 1e-12 else 0.0)
    return found


def _weight_bytes(cluster: Cluster, pieces: Sequence[Bundle]) -> list[float]:
    found = [0.0] * cluster.boundary
    held = [(piece.size_bytes, piece.holders, piece.takers) for piece in pieces]
    for index, tier in list(enumerate(cluster.tiers))[cluster.boundary :]:
        found.append(float(sum(size * int((takers & ~holders).sum()) for size, holders, takers in held)))
        if index + 1 < len(cluster.tiers):
            outer = cluster.tiers[index + 1].domains
            held = [
                (size, _climbed(holders, tier.parent, outer), _climbed(takers, tier.parent, outer))
                for size, holders, takers in held
            ]
    return found


def _climbed(held: BoolArray, parent: IntArray, domains: int) -> BoolArray:
    """Which domains of the next tier out hold one of these."""
    around = np.zeros(domains, np.bool_)
    around[parent[held]] = True
    return around
