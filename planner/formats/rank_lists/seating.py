"""A placement from a list of ranks: hosts and GPUs found in the cluster, claims measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.errors import InputError, Problem, did_you_mean
from planner.formats.hostnames import may_be_one, short
from planner.placement.crossing import measure
from planner.placement.placement import Claims, Objective, Placement, Status, TierClaim

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from planner.formats.rank_lists.listings import Seat
    from planner.topology.cluster import Cluster
    from planner.workload.workload import Workload


def seated(
    cluster: Cluster,
    workload: Workload,
    seats: Sequence[Seat],
    objective: Objective,
    gpu_map: Sequence[int] = (),
) -> Placement:
    """The placement that `seats` describe, with what it crosses measured and nothing proven of it.

    Parameters
    ----------
    gpu_map
        GPU of the first, second, ... rank of every host, for seats that do not say it. Without, they
        take the GPUs of their host that are in service, in order.

    Raises
    ------
    InputError
        ``E011`` for hosts that the cluster does not have, ``E012`` where the ranks are not those of
        the workload, ``E013`` for GPUs that a host does not have.
    """
    problems = [*_wrong_ranks(seats, workload.mesh.world_size), *_strange_hosts(cluster, seats)]
    if problems:
        raise InputError(*problems)
    ordered = sorted(seats, key=lambda seat: seat.rank)
    gpus = _Gpus(cluster, gpu_map)
    found = [gpus.of(seat) for seat in ordered]
    problems = [each for each in found if isinstance(each, Problem)]
    if problems:
        raise InputError(*problems)
    gpu_of_rank = np.array([each for each in found if isinstance(each, int)], np.int32)
    return Placement(cluster, workload, gpu_of_rank, _claims(cluster, workload, gpu_of_rank, objective))


def _wrong_ranks(seats: Sequence[Seat], world: int) -> Iterator[Problem]:
    """Ranks that are listed twice, not at all, or beyond the workload's."""
    seen: dict[int, Seat] = {}
    for seat in seats:
        if seat.rank in seen:
            what = f"rank {seat.rank} was listed before, in line {seen[seat.rank].position.line}"
            yield Problem("E012", what, seat.position, "each rank once")
        elif seat.rank >= world:
            what = f"rank {seat.rank} of a workload of {world:,} ranks"
            yield Problem("E012", what, seat.position, f"ranks 0 to {world - 1}")
        seen[seat.rank] = seat
    missing = [rank for rank in range(world) if rank not in seen]
    if missing:
        last = seats[-1].position
        what = f"rank {missing[0]} is not listed" + (f", nor {len(missing) - 1:,} more" * (len(missing) > 1))
        yield Problem("E012", what, last, f"{world:,} ranks, as many as the workload has")


def _strange_hosts(cluster: Cluster, seats: Iterable[Seat]) -> Iterator[Problem]:
    """The first line of each host that is not there."""
    nodes = _Nodes(cluster)
    first: dict[str, Seat] = {}
    for seat in seats:
        first.setdefault(seat.host, seat)
    for seat in first.values():
        if nodes.of(seat.host) is None:
            yield Problem(
                "E011",
                f"{cluster.name} has no host {seat.host!r}",
                seat.position,
                "what the topology calls a host",
                did_you_mean(seat.host, cluster.host_names),
            )


class _Nodes:
    """Nodes by host name; a domain may be left out where that leaves no doubt."""

    def __init__(self, cluster: Cluster) -> None:
        self._exact = {name: node for node, name in enumerate(cluster.host_names)}
        self._near: dict[str, list[str]] = {}
        for name in self._exact:
            self._near.setdefault(short(name), []).append(name)

    def of(self, host: str) -> int | None:
        """The node called `host`, or None."""
        if host in self._exact:
            return self._exact[host]
        near = [name for name in self._near.get(short(host), []) if may_be_one(name, host)]
        return self._exact[near[0]] if len(near) == 1 else None


class _Gpus:
    """GPUs of the cluster, handed out in order to seats that do not say theirs."""

    def __init__(self, cluster: Cluster, gpu_map: Sequence[int]) -> None:
        self._nodes = _Nodes(cluster)
        self._cluster = cluster
        self._map = gpu_map
        self._first = np.searchsorted(cluster.gpu_node, np.arange(cluster.nodes + 1)).tolist()
        self._handed: dict[int, int] = {}

    def of(self, seat: Seat) -> int | Problem:
        """The GPU of a seat, or why there is none."""
        node = self._nodes.of(seat.host) or 0
        first, end = self._first[node], self._first[node + 1]
        turn = self._handed.get(node, 0)
        self._handed[node] = turn + 1
        if seat.gpu is None and not self._map:
            free = first + np.flatnonzero(self._cluster.gpu_in_service[first:end])
            if turn < len(free):
                return int(free[turn])
            what = f"{seat.host} has {len(free)} GPUs in service, rank {seat.rank} would be one more"
            return Problem("E013", what, seat.position, "no more ranks on a host than it has GPUs")
        local = self._map[turn % len(self._map)] if seat.gpu is None else seat.gpu
        if first + local < end:
            return int(first + local)
        what = f"{seat.host} has no GPU {local}, on which rank {seat.rank} would be"
        return Problem("E013", what, seat.position, f"GPUs 0 to {end - first - 1}")


def _claims(cluster: Cluster, workload: Workload, gpus: np.ndarray, objective: Objective) -> Claims:
    """What was measured; the one bound that needs no proof is 0."""
    traffic = measure(cluster, workload, gpus)
    value = traffic.value(objective)
    tiers = tuple(
        TierClaim(tier.name, crossing, 0.0)
        for tier, crossing in zip(cluster.tiers, traffic.tier_bytes, strict=True)
    )
    status = Status.FEASIBLE if value else Status.OPTIMAL
    return Claims(objective, value, 0.0, status, traffic.weighted_s, tiers)
