"""A placement as launchers see it: hosts, and the ranks of each in order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from planner.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from planner.placement.placement import Placement

_PLAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")


@dataclass(frozen=True)
class Host:
    """A host that holds ranks.

    Parameters
    ----------
    name
        What launchers call it.
    ranks
        Its ranks, ascending: the place of one among them is its local rank.
    gpus
        GPU of each, as an index in the host. Any set in any order.
    """

    name: str
    ranks: tuple[int, ...]
    gpus: tuple[int, ...]

    @property
    def consecutive(self) -> bool:
        """Whether its ranks follow one another without a gap."""
        return self.ranks[-1] - self.ranks[0] + 1 == len(self.ranks)


def hosts_of(placement: Placement) -> tuple[Host, ...]:
    """The hosts that hold ranks, in the order of the lowest rank of each."""
    cluster, gpus = placement.cluster, placement.gpu_of_rank
    ranks: dict[int, list[int]] = {}
    for rank, node in enumerate(cluster.gpu_node[gpus].tolist()):
        ranks.setdefault(node, []).append(rank)
    local = cluster.gpu_local[gpus].tolist()
    return tuple(
        Host(cluster.host_names[node], tuple(own), tuple(local[rank] for rank in own))
        for node, own in ranks.items()
    )


def host_of_rank(placement: Placement) -> list[str]:
    """Name of the host of every rank."""
    names = placement.cluster.host_names
    return [names[node] for node in placement.cluster.gpu_node[placement.gpu_of_rank].tolist()]


def runs(names: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Each name with how often it stands in a row; a name that comes back comes again."""
    for name, run in groupby(names):
        yield name, sum(1 for _ in run)


def require_plain_names(hosts: Iterable[Host], to: str) -> None:
    """Refuse host names that stand for something else in host lists and scripts.

    Raises
    ------
    UsageError
        ``E003`` with the first such name.
    """
    for host in hosts:
        if not _PLAIN.fullmatch(host.name):
            raise UsageError.of(
                "E003",
                f"host name {host.name!r} cannot be written for {to}",
                expected="letters, digits, dots, dashes and underscores, as in the name of a real host",
                suggestion="host_name: in the topology, which says what launchers call a node",
            )
