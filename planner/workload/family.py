"""Families of communicating groups and what each of their groups moves in one step."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Collective kinds; `planner.placement.crossing` gives the bytes of each."""

    P2P = "p2p"
    PATH = "path"
    RING = "ring"
    ALL_REDUCE = "all_reduce"
    ALL_GATHER = "all_gather"
    REDUCE_SCATTER = "reduce_scatter"
    BROADCAST = "broadcast"
    ALL_TO_ALL = "all_to_all"


@dataclass(frozen=True)
class Family:
    """All groups of ranks that differ along `axes` only, and their collective.

    Parameters
    ----------
    name
        Unique within a workload: ``tp``, ``dp``, ``expert_dp``, ``embedding``.
    axes
        Axes that vary inside a group, fastest first: ``("tp",)``, ``("cp", "dp")``, ``("ep",)``
        for folded expert groups, ``("edp",)`` for the ranks that hold the same experts.
    kind
        The collective. ``p2p`` never appears here: loading turns it into ``path``, or ``ring``
        on the pipeline axis with virtual stages.
    payload_bytes
        Bytes a group and step, as the kind defines its payload. One entry a stage, shape (pp,);
        where ``pp`` is among `axes` one entry a pair of neighbours: entry i joins positions i and
        i + 1, and the last entry of a ring joins last and first. A pipeline family of a collective
        kind has a single entry.
    stages
        Only these stages take part (a tied embedding joins first and last); None for all.
    """

    name: str
    axes: tuple[str, ...]
    kind: Kind
    payload_bytes: tuple[float, ...]
    stages: tuple[int, ...] | None = None
