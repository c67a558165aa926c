"""Where one rank is, and with whom it talks over what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Group
from rich.text import Text

from planner.placement.groups import group_index
from planner.placement.wording import coordinates_name, gpu_name, plural, ranges
from planner.report.style import table
from planner.report.values import UNKNOWN
from planner.units import format_bytes
from planner.workload.family import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rich.console import RenderableType

    from planner.placement.placement import Placement
    from planner.workload.family import Family

    IntArray = NDArray[np.int32]


@dataclass(frozen=True)
class Reach:
    """Peers of one family that are equally far away.

    Parameters
    ----------
    family, kind
        What they talk about, and how.
    crosses
        The outermost tier whose domains lie between; None for peers of the same innermost domain.
    peers
        Ranks.
    payload_bytes
        What the kind calls its payload: of the pair for ``path``, ``ring`` and ``all_to_all``, of
        the group for the others.
    """

    family: str
    kind: Kind
    crosses: str | None
    peers: tuple[int, ...]
    payload_bytes: float


@dataclass(frozen=True)
class RankView:
    """Where a rank is and whom it talks to."""

    rank: int
    coordinates: dict[str, int]
    host: str
    gpu: int
    nic: int | None
    rail: int | None
    path: str
    domains: dict[str, str]
    reaches: tuple[Reach, ...]
    named: str

    def document(self) -> dict[str, object]:
        """The same as plain data."""
        return {
            "rank": self.rank,
            "coordinates": self.coordinates,
            "host": self.host,
            "gpu": self.gpu,
            "nic": self.nic,
            "rail": self.rail,
            "path": self.path,
            "domains": self.domains,
            "peers": [
                {
                    "family": reach.family,
                    "kind": str(reach.kind),
                    "crosses": reach.crosses,
                    "ranks": list(reach.peers),
                    "payload_bytes": reach.payload_bytes,
                }
                for reach in self.reaches
            ],
        }


def rank_facts(placement: Placement, rank: int) -> RankView:
    """Place and peers of one rank; `rank` must be one of the job's."""
    cluster, mesh = placement.cluster, placement.workload.mesh
    gpu = int(placement.gpu_of_rank[rank])
    nic, rail = int(cluster.gpu_nic[gpu]), int(cluster.gpu_rail[gpu])
    return RankView(
        rank=rank,
        coordinates=mesh.coordinates(rank),
        host=str(cluster.host_names[cluster.gpu_node[gpu]]),
        gpu=int(cluster.gpu_local[gpu]),
        nic=nic if nic >= 0 else None,
        rail=rail if rail >= 0 else None,
        path=gpu_name(cluster, gpu),
        domains={
            tier.name: cluster.domain_path(index, int(cluster.domain_of_gpu[index][gpu]))
            for index, tier in enumerate(cluster.tiers)
        },
        reaches=tuple(
            reach for family in placement.workload.families for reach in _reaches(placement, family, rank)
        ),
        named=coordinates_name(mesh, rank),
    )


def _reaches(placement: Placement, family: Family, rank: int) -> list[Reach]:
    """Peers of one family by distance, nearest first, or by payload where neighbours differ."""
    index = group_index(placement.workload.mesh, family)
    groups, positions = np.nonzero(index.members == rank)
    if not len(groups):
        return []
    members, stage = index.members[groups[0]], int(index.stage[groups[0]])
    talks = _talks(family, members, int(positions[0]), stage)
    found: dict[tuple[int, float], list[int]] = {}
    for peer, payload in talks:
        found.setdefault((_distance(placement, rank, peer), payload), []).append(peer)
    names = [None, *(tier.name for tier in placement.cluster.tiers)]
    return [
        Reach(family.name, family.kind, names[distance], tuple(peers), payload)
        for (distance, payload), peers in sorted(found.items(), key=lambda item: item[0][0])
    ]


def _talks(family: Family, members: IntArray, position: int, stage: int) -> list[tuple[int, float]]:
    """Each peer with the payload shared with it."""
    count = len(members)
    if family.kind not in (Kind.PATH, Kind.RING):
        payload = family.payload_bytes[0 if "pp" in family.axes else stage]
        return [(int(peer), payload) for place, peer in enumerate(members) if place != position]
    edges = [
        (place, (place + 1) % count) for place in range(count if family.kind is Kind.RING else count - 1)
    ]
    return [
        (
            int(members[second if first == position else first]),
            family.payload_bytes[edge if "pp" in family.axes else stage],
        )
        for edge, (first, second) in enumerate(edges)
        if position in (first, second) and first != second
    ]


def _distance(placement: Placement, rank: int, peer: int) -> int:
    """How many tiers lie between two ranks: 0 for the same innermost domain."""
    gpus = placement.gpu_of_rank[[rank, peer]]
    return sum(int(domain[gpus[0]] != domain[gpus[1]]) for domain in placement.cluster.domain_of_gpu)


def rank_view(facts: RankView) -> RenderableType:
    """Place and peers for people."""
    nic = "" if facts.nic is None else f", nic {facts.nic}"
    rail = "" if facts.rail is None else f", rail {facts.rail}"
    made = table("talks in", "bytes", "over", "with")
    for column in made.columns[2:]:
        column.justify = "left"
    named = None
    for reach in facts.reaches:
        name = "" if reach.family == named else reach.family
        made.add_row(name, format_bytes(reach.payload_bytes), _over(facts, reach), _peers(reach))
        named = reach.family
    return Group(
        Text.assemble((f"rank {facts.rank}", "bold"), f"  {facts.named or UNKNOWN}"),
        Text(f"on host {facts.host}, gpu {facts.gpu}{nic}{rail}, at {facts.path}"),
        made,
    )


def _over(facts: RankView, reach: Reach) -> str:
    return f"inside {next(iter(facts.domains))}" if reach.crosses is None else f"across {reach.crosses}"


def _peers(reach: Reach) -> str:
    if len(reach.peers) == 1:
        return f"rank {reach.peers[0]}"
    return f"{plural(len(reach.peers), 'rank')}: {ranges(reach.peers, 2)}"
